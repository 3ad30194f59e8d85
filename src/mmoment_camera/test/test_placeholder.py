"""The placeholder can be told from a live picture and takes any text at any size."""

import numpy as np
import pytest

from mmoment_camera.placeholder import paint_placeholder


@pytest.mark.parametrize('size', [(1920, 1080), (640, 480), (64, 48), (16, 16)])
def test_any_size(size):
    picture = paint_placeholder(*size, ['rtsp://camera/live', 'x' * 300, 'naïve – ✓', ''])
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8


def test_the_text_shows():
    plain = paint_placeholder(640, 360, [])
    told = paint_placeholder(640, 360, ['Trying again in 3 s'])
    assert (plain != told).any()
    assert (paint_placeholder(640, 360, []) == plain).all()


def test_long_lines_stay_within_the_margins():
    picture = paint_placeholder(640, 360, ['a long sentence that needs to be broken ' * 4])
    striped = paint_placeholder(640, 360, [])
    assert (picture[:, -25:] == striped[:, -25:]).all()
