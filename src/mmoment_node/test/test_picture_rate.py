from dataclasses import dataclass

import pytest

from mmoment_node.picture_rate import PictureRate


@dataclass
class Source:
    received: int = 9
    dropped: int = 2
    overwritten: int = 3


@pytest.mark.parametrize('camera_hz', [30.0, 25.0, 24.0, 60.0])
def test_mean_rate_is_the_wanted_one(camera_hz):
    rate = PictureRate(15.0)
    taken = sum(rate.takes(i / camera_hz) for i in range(round(10 * camera_hz)))
    assert taken == pytest.approx(150, abs=3)


def test_slow_camera_is_taken_whole():
    rate = PictureRate(15.0)
    assert all(rate.takes(i / 10.0) for i in range(20))


def test_jitter_does_not_halve_the_rate():
    rate = PictureRate(15.0)
    taken = sum(rate.takes(i / 30 + (0.004 if i % 3 else -0.004)) for i in range(300))
    assert taken == pytest.approx(150, abs=3)


def test_after_a_pause_there_is_no_burst():
    rate = PictureRate(10.0)
    rate.takes(0.0)
    assert rate.takes(60.0)
    assert not rate.takes(60.03)


def test_losses_are_added_up():
    rate = PictureRate(10.0, Source())
    rate.takes(0.0)
    rate.takes(0.01)
    rate.lost()
    assert (rate.received, rate.dropped, rate.overwritten) == (9, 3, 4)
