"""Fewer bits for a while, whoever asked for them."""

import pytest

from mmoment_stream.bitrate_limits import ASKERS_AT_MOST, BitrateLimits


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limits(clock):
    return BitrateLimits(clock)


def test_the_lowest_counts(limits):
    assert limits.lowest_kbps() is None
    limits.ask('stream_node', 1500)
    limits.ask('api_node', 900)
    assert limits.lowest_kbps() == 900
    limits.ask('api_node', 2000)
    assert limits.lowest_kbps() == 1500


def test_none_is_a_limit_no_longer(limits):
    limits.ask('stream_node', 1500)
    limits.ask('api_node', 900)
    limits.ask('api_node', 0)
    limits.ask('nobody', 0)
    assert limits.lowest_kbps() == 1500
    limits.ask('stream_node', 0)
    assert limits.lowest_kbps() is None


def test_what_is_not_said_again_lapses(limits, clock):
    limits.ask('stream_node', 500)
    clock.now_s += 3.0
    limits.ask('api_node', 900)
    assert limits.lowest_kbps() == 500
    clock.now_s += 2.0
    assert limits.lowest_kbps() == 900
    limits.ask('api_node', 900)
    clock.now_s += 4.9
    assert limits.lowest_kbps() == 900
    clock.now_s += 0.1
    assert limits.lowest_kbps() is None


def test_names_without_end_are_not_kept_and_the_lowest_still_counts(limits, clock):
    limits.ask('slow', 300)
    for number in range(1000):
        limits.ask(f'asker_{number}', 1000 + number)
    assert len(limits._limits) == ASKERS_AT_MOST
    assert limits.lowest_kbps() == 300
    limits.ask('slower', 200)
    assert limits.lowest_kbps() == 200
    clock.now_s += 5.0
    limits.ask('other', 700)
    assert limits.lowest_kbps() == 700
    assert len(limits._limits) == 1
