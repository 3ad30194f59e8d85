"""Planes of pictures: their colours, range and size."""

import cv2
import numpy as np
import pytest
from encoder_world import likeness_db, scene

from mmoment_stream.picture_planes import PictureTooSmall, PlaneMaker, split, video_size


def one_colour(bgr, width=32, height=16):
    return np.full((height, width, 3), bgr, np.uint8)


def test_planes_are_those_of_the_usual_conversion():
    picture = scene(3)
    planes = PlaneMaker(320, 180).make(picture)
    np.testing.assert_array_equal(planes, cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420))


@pytest.mark.parametrize(
    ('bgr', 'expected'),
    [
        # BT.601 in limited range, ITU-R BT.601-7 table 3.
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 255), (82, 90, 240)),
        ((255, 0, 0), (41, 240, 110)),
    ],
)
def test_range_and_matrix_are_those_that_encoders_write_into_the_stream(bgr, expected):
    planes = split(PlaneMaker(32, 16).make(one_colour(bgr)))
    assert [plane.shape for plane in planes] == [(16, 32), (8, 16), (8, 16)]
    for plane, value in zip(planes, expected, strict=True):
        assert np.abs(plane.astype(int) - value).max() <= 1


def test_grey_pictures_are_as_bright_as_the_same_in_colour():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(2, axis=1)
    maker = PlaneMaker(32, 16, buffers=2)
    np.testing.assert_array_equal(maker.make(grey), maker.make(np.dstack([grey] * 3)))


def test_an_odd_last_row_and_column_are_left_out():
    picture = scene(0, 321, 181)
    assert video_size(picture) == (320, 180)
    whole = PlaneMaker(320, 180).make(picture)
    np.testing.assert_array_equal(whole, PlaneMaker(320, 180).make(picture[:180, :320].copy()))
    grey = picture[:, :, 0]
    np.testing.assert_array_equal(
        PlaneMaker(320, 180).make(grey), PlaneMaker(320, 180).make(grey[:180, :320].copy())
    )


@pytest.mark.parametrize(
    ('size', 'maximum_height', 'expected'),
    [
        ((1920, 1080), 720, (1280, 720)),
        ((1920, 1080), 0, (1920, 1080)),
        ((1280, 720), 1080, (1280, 720)),
        ((641, 481), 0, (640, 480)),
        ((720, 1280), 641, (360, 640)),
    ],
)
def test_size_of_the_video(size, maximum_height, expected):
    picture = np.zeros((size[1], size[0]), np.uint8)
    assert video_size(picture, maximum_height) == expected


@pytest.mark.parametrize('shape', [(17, 15, 3), (10, 640)])
def test_what_no_encoder_takes_is_refused(shape):
    with pytest.raises(PictureTooSmall, match='at least 16 pixels'):
        video_size(np.zeros(shape, np.uint8))


@pytest.mark.parametrize('height', [120, 60])
def test_a_smaller_video_shows_the_same(height):
    picture = cv2.GaussianBlur(scene(2), (0, 0), 2)
    width, height = video_size(picture, height)
    planes = PlaneMaker(width, height).make(picture)
    smaller = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    expected = cv2.cvtColor(smaller, cv2.COLOR_BGR2YUV_I420)
    for plane, other in zip(split(planes), split(expected), strict=True):
        assert likeness_db(plane, other) > 35


def test_pictures_of_another_size_than_the_ones_before_still_fit():
    maker = PlaneMaker(320, 180)
    first = maker.make(scene(1)).copy()
    assert maker.make(scene(1, 640, 360)).shape == first.shape
    np.testing.assert_array_equal(maker.make(scene(1)), first)


def test_planes_stay_as_long_as_an_encoder_may_read_them():
    maker = PlaneMaker(320, 180, buffers=3)
    first = maker.make(scene(0))
    kept = first.copy()
    for number in (1, 2):
        maker.make(scene(number))
        np.testing.assert_array_equal(first, kept)
    maker.make(scene(3))
    assert (first != kept).any()
