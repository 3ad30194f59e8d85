"""Pictures as ROS image messages, for nodes that read no frame ring."""

from __future__ import annotations

import array
import functools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mmoment_camera.errors import CameraError

# For every topic of whole images; readers choose for themselves to lose some.
IMAGE_QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
ENCODINGS = {2: 'mono8', 3: 'bgr8'}
COMPRESSED_FORMAT = '{encoding}; jpeg compressed {encoding}'


class CvBridgeUnusable(CameraError):
    """cv_bridge is not installed, or not for this Python or NumPy."""


@functools.cache
def _bridge() -> Any:
    """cv_bridge's converter; imported late, since few graphs have a reader of whole images."""
    try:
        from cv_bridge import CvBridge
    except (ImportError, AttributeError) as reason:
        # Built for another NumPy it fails with either.
        raise CvBridgeUnusable(
            f'cv_bridge cannot be loaded ({reason}): run `sudo apt install '
            'ros-$ROS_DISTRO-cv-bridge`, or without ROS packages `pip install cv-bridge`'
        ) from reason
    return CvBridge()


def to_image(picture: NDArray[np.uint8], header: Header) -> Image:
    """A sensor_msgs/Image (bgr8 or mono8) of height x width x 3 or height x width uint8.

    Raises CvBridgeUnusable, with what to install.
    """
    message: Image = _bridge().cv2_to_imgmsg(picture, ENCODINGS[picture.ndim])
    message.header = header
    return message


def to_compressed_image(
    picture: NDArray[np.uint8], header: Header, jpeg_quality: int
) -> CompressedImage:
    """A JPEG sensor_msgs/CompressedImage; cv_bridge has no say over the quality.

    jpeg_quality: 1..100.
    """
    _, jpeg = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    data = array.array('B')
    data.frombytes(jpeg.data)
    encoding = ENCODINGS[picture.ndim]
    return CompressedImage(
        header=header, format=COMPRESSED_FORMAT.format(encoding=encoding), data=data
    )
