"""Turning and mirroring, on a picture whose corners differ."""

import numpy as np
import pytest

from mmoment_camera.orientation import orient, oriented_size

CORNERS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize('rotation', [0, 90, 180, 270])
def test_turns_clockwise(rotation):
    turned = orient(CORNERS, rotation, 'none')
    assert np.array_equal(turned, np.rot90(CORNERS, -rotation // 90))
    assert oriented_size(3, 2, rotation) == (turned.shape[1], turned.shape[0])


def test_mirrors():
    assert np.array_equal(orient(CORNERS, 0, 'horizontal'), CORNERS[:, ::-1])
    assert np.array_equal(orient(CORNERS, 0, 'vertical'), CORNERS[::-1])
    assert np.array_equal(orient(CORNERS, 180, 'vertical'), CORNERS[:, ::-1])


def test_nothing_to_do_costs_nothing():
    assert orient(CORNERS, 0, 'none') is CORNERS
