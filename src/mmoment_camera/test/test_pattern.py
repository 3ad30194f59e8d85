"""Numbers and times are read back from pictures that were scaled and compressed."""

import cv2
import numpy as np
import pytest

from mmoment_camera.pattern import PatternPainter, read_mark, read_number

TIME_NS = 123_456_789_000


def through_jpeg(picture, quality):
    return cv2.imdecode(cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def test_number_and_time_are_read_back():
    mark = read_mark(PatternPainter(1280, 720).paint(4711, TIME_NS))
    assert mark.number == 4711
    assert mark.capture_us == TIME_NS // 1000
    assert mark.age_ms(TIME_NS + 5_000_000) == 5.0


def test_age_is_right_when_the_microseconds_wrap():
    nearly = (2**32 - 10) * 1000
    mark = read_mark(PatternPainter(320, 180).paint(1, nearly))
    assert mark.age_ms(nearly + 1_000_000) == 1.0


@pytest.mark.parametrize('width', [1920, 960, 640, 320, 160])
@pytest.mark.parametrize('interpolation', [cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_NEAREST])
def test_number_survives_scaling_and_jpeg(width, interpolation):
    painter = PatternPainter(1280, 720)
    for number in (1, 7919, 2**31 + 5):
        picture = painter.paint(number, TIME_NS)
        scaled = cv2.resize(picture, (width, width * 9 // 16), interpolation=interpolation)
        assert read_number(through_jpeg(scaled, 40)) == number


def test_grey_pictures_are_read_too():
    picture = PatternPainter(640, 480).paint(9, TIME_NS)
    assert read_number(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)) == 9


def test_other_pictures_have_no_number():
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    assert read_number(noise) is None
    assert read_number(np.zeros((360, 640, 3), np.uint8)) is None
    assert read_number(np.full((360, 640, 3), 255, np.uint8)) is None
    assert read_number(np.zeros((4, 4, 3), np.uint8)) is None


def test_a_damaged_mark_is_refused():
    picture = PatternPainter(640, 360).paint(77, TIME_NS)
    height, width = picture.shape[:2]
    cell = picture[int(height * 0.9) : int(height * 0.94), width // 2 : width // 2 + 30]
    cell[:] = 255 - cell
    assert read_number(picture) is None


def test_pictures_differ_beyond_the_mark():
    painter = PatternPainter(640, 360)
    upper = slice(0, 200)
    assert (painter.paint(1, 0)[upper] != painter.paint(20, 0)[upper]).any()
