"""The pattern source delivers numbered pictures at its rate."""

from mmoment_camera.pattern import read_mark
from mmoment_camera.pattern_source import PatternSource
from mmoment_camera.source import SourceSettings


def test_pictures_carry_their_number_and_capture_time():
    source = PatternSource(SourceSettings(width_px=320, height_px=180, fps=100.0))
    source.open()
    pictures = [source.read() for _ in range(5)]
    source.close()
    marks = [read_mark(picture.image) for picture in pictures]
    numbers = [mark.number for mark in marks]
    assert numbers == sorted(set(numbers))
    for picture, mark in zip(pictures, marks, strict=True):
        assert mark.age_ms(picture.monotonic_ns) == 0.0
        assert picture.image.shape == (180, 320, 3)
    steps = {
        (later.monotonic_ns - earlier.monotonic_ns) / (later_number - earlier_number)
        for earlier, later, earlier_number, later_number in zip(
            pictures, pictures[1:], numbers, numbers[1:], strict=False
        )
    }
    assert steps == {10_000_000}
