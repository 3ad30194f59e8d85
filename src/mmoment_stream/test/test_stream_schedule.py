"""Somebody is checked in only if that is known."""

import pytest

from mmoment_stream.stream_schedule import GONE_S, Presence


class Clocks:
    """One that nobody sets, and one on the wall."""

    def __init__(self):
        self.now_s = 50.0
        self.ahead_s = 1_000_000.0

    def wall_s(self):
        return self.now_s + self.ahead_s


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def presence(clocks):
    return Presence(lambda: clocks.now_s, clocks.wall_s)


def test_nobody_is_here_before_anything_was_heard(presence):
    presence.look(True)
    assert not presence.is_anybody_here


def test_a_session_counts_until_it_is_over_or_expires(presence, clocks):
    presence.hear([clocks.wall_s() + 10, clocks.wall_s() + 30])
    assert presence.is_anybody_here
    presence.hear([])
    assert not presence.is_anybody_here
    presence.hear([clocks.wall_s() - 1])
    assert not presence.is_anybody_here
    presence.hear([clocks.wall_s() + 10])
    for left_s in (9.9, 0.2):
        assert presence.is_anybody_here
        presence.look(True)
        clocks.now_s += left_s
    assert not presence.is_anybody_here


def test_a_clock_that_is_set_makes_no_session_longer(presence, clocks):
    presence.hear([clocks.wall_s() + 10])
    clocks.ahead_s -= 3600
    clocks.now_s += 10.1
    assert not presence.is_anybody_here


def test_who_said_so_may_be_started_again_and_not_be_gone(presence, clocks):
    presence.hear([clocks.wall_s() + 3600])
    presence.look(True)
    clocks.now_s += GONE_S
    presence.look(False)
    assert presence.is_anybody_here
    clocks.now_s += 0.1
    assert not presence.is_anybody_here
    presence.look(True)
    assert not presence.is_anybody_here
    presence.hear([clocks.wall_s() + 3600])
    assert presence.is_anybody_here
