import cv2
import numpy as np
import pytest

from mmoment_vision.face_motion import FLOW_HEIGHT_PX, flow_picture, measure_motion, moved

BOX = np.array([[400, 200, 500, 320]], np.float32)


def textured():
    noise = np.random.default_rng(3).integers(0, 255, (1080, 1920, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 8)


def transformed(picture, shift=(0.0, 0.0), growth=1.0):
    """`picture` grown around the centre of BOX, then shifted."""
    centre = (BOX[0, :2] + BOX[0, 2:]) / 2
    offset = centre * (1 - growth) + shift
    matrix = np.float32([[growth, 0, offset[0]], [0, growth, offset[1]]])
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def test_flow_picture_is_small_and_knows_by_how_much():
    flow = flow_picture(textured())
    assert flow.grey.ndim == 2
    assert flow.grey.shape[0] <= FLOW_HEIGHT_PX
    assert flow.grey.shape[1] * flow.shrink == 1920


@pytest.mark.parametrize('shift', [(12.0, -7.0), (38.0, 2.0), (0.0, 0.0)])
def test_shift_is_measured_in_pixels_of_the_original(shift):
    picture = textured()
    motion = measure_motion(flow_picture(picture), flow_picture(transformed(picture, shift)), BOX)
    assert motion.reliable.all()
    assert motion.shift[0] == pytest.approx(shift, abs=1.0)


def test_growth_is_measured():
    picture = textured()
    after = flow_picture(transformed(picture, growth=1.06))
    motion = measure_motion(flow_picture(picture), after, BOX)
    assert motion.growth[0] == pytest.approx(1.06, abs=0.015)
    box = moved(BOX, motion)[0]
    assert box[2] - box[0] == pytest.approx(106, abs=2)


def test_motion_is_unreliable_where_the_picture_was_replaced():
    other = np.random.default_rng(4).integers(0, 255, (1080, 1920, 3)).astype(np.uint8)
    motion = measure_motion(flow_picture(textured()), flow_picture(other), BOX)
    assert not motion.reliable.any()
    assert motion.shift.tolist() == [[0, 0]]


def test_change_of_size_is_no_motion():
    motion = measure_motion(
        flow_picture(textured()), flow_picture(textured()[:500, :500].copy()), BOX
    )
    assert not motion.reliable.any()
