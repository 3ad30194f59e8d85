"""Pictures become image messages that any ROS node understands."""

import cv2
import numpy as np
import pytest

std_msgs = pytest.importorskip('std_msgs.msg')

from mmoment_camera.image_messages import to_compressed_image, to_image  # noqa: E402

PICTURE = np.random.default_rng(3).integers(0, 255, (24, 32, 3), np.uint8)
HEADER = std_msgs.Header(frame_id='camera_optical_frame')


def test_colour_picture():
    message = to_image(PICTURE, HEADER)
    assert (message.height, message.width, message.step) == (24, 32, 96)
    assert message.encoding == 'bgr8'
    assert message.header.frame_id == 'camera_optical_frame'
    assert bytes(message.data) == PICTURE.tobytes()


def test_a_view_with_gaps_is_packed():
    message = to_image(PICTURE[:, ::2], HEADER)
    assert message.step == 48
    assert bytes(message.data) == PICTURE[:, ::2].tobytes()


def test_grey_picture():
    message = to_image(PICTURE[:, :, 0], HEADER)
    assert (message.encoding, message.step) == ('mono8', 32)


def test_jpeg_has_the_quality_asked_for():
    good = to_compressed_image(PICTURE, HEADER, 95)
    poor = to_compressed_image(PICTURE, HEADER, 10)
    assert good.format == 'bgr8; jpeg compressed bgr8'
    assert len(poor.data) < len(good.data)
    decoded = cv2.imdecode(np.frombuffer(good.data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == PICTURE.shape
