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


@pytest.mark.parametrize('size', [(640, 480), (1920, 1080), (320, 240)])
def test_much_text_becomes_smaller_and_none_is_cut_off(size):
    sentence = 'a camera refuses the name and password: put them in as rtsp://NAME:PASSWORD@HOST '
    picture = paint_placeholder(*size, [sentence * 3, 'rtsp://camera/' + 'x' * 50, 'The end'])
    without = paint_placeholder(*size, [sentence * 3, 'rtsp://camera/' + 'x' * 50])
    changed = (picture != without).any((1, 2)).nonzero()[0]
    assert changed[-1] - changed[0] > 5, 'the last line is whole'
    assert changed[-1] < size[1] * 0.97


def test_long_lines_stay_within_the_margins():
    picture = paint_placeholder(640, 360, ['a long sentence that needs to be broken ' * 4])
    striped = paint_placeholder(640, 360, [])
    assert (picture[:, -25:] == striped[:, -25:]).all()
