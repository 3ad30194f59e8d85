"""The bitrate follows a line of a given capacity, simulated second by second."""

import pytest
from push_world import FakeClock

from mmoment_stream.bitrate_control import LOWEST_KBPS, BitrateControl

STEP_S = 0.1
FULL_KBPS = 2500


class Line:
    """An encoder that obeys, and a line that takes so many kbit/s and queues the rest.

    answer_s: so long after it has left, a byte is known to have arrived.
    """

    def __init__(self, capacity_kbps, answer_s=0.0):
        self.capacity_kbps = capacity_kbps
        self.answer_s = answer_s
        self.clock = FakeClock()
        self.control = BitrateControl(self.clock)
        self.control.begin()
        self.sent = 0
        self.queued = 0.0
        self.limits = []

    def run(self, seconds, keyframe_bytes=0):
        """A keyframe of that size beside the others, every 2 s."""
        for step in range(round(seconds / STEP_S)):
            self.clock.now_s += STEP_S
            kbps = min(FULL_KBPS, self.control.limit_kbps or FULL_KBPS)
            size_bytes = round(kbps * 125 * STEP_S) + (0 if step % 20 else keyframe_bytes)
            self.sent += size_bytes
            self.queued += size_bytes
            self.queued = max(0.0, self.queued - self.capacity_kbps * 125 * STEP_S)
            under_way = min(kbps, self.capacity_kbps) * 125 * self.answer_s
            self.control.observe(self.sent, round(self.queued + under_way), kbps)
            self.limits.append(self.control.limit_kbps)


def test_a_wide_line_is_never_limited():
    line = Line(10_000)
    line.run(60, keyframe_bytes=90_000)
    assert set(line.limits) == {0}


def test_a_keyframe_that_fills_the_queue_for_a_moment_is_no_congestion():
    line = Line(3500)
    line.run(60, keyframe_bytes=90_000)
    assert set(line.limits) == {0}


def test_a_long_way_is_no_congestion():
    line = Line(10_000, answer_s=0.4)
    line.run(60, keyframe_bytes=90_000)
    assert set(line.limits) == {0}


def test_half_of_what_it_needs_is_stayed_below_within_seconds():
    line = Line(FULL_KBPS / 2)
    line.run(8)
    assert 0 < line.control.limit_kbps < FULL_KBPS / 2
    line.run(60)
    # In real time: what waits is never more than a second of what the line takes.
    waited = []
    for _ in range(300):
        line.run(STEP_S)
        waited.append(line.queued)
    assert max(waited) < FULL_KBPS / 2 * 125
    # And the line is used, though its end is not touched all the time.
    assert len(set(line.limits[-300:])) < 12
    assert sum(line.limits[-300:]) / 300 > 0.6 * FULL_KBPS / 2


def test_a_line_that_is_wide_again_gets_all_again_step_by_step():
    line = Line(800)
    line.run(15)
    limited = line.control.limit_kbps
    assert 0.6 * 800 < limited < 800
    line.capacity_kbps = 10_000
    line.run(6)
    assert limited < line.control.limit_kbps < 2.5 * limited
    line.run(70)
    assert line.control.limit_kbps == 0


@pytest.mark.parametrize('capacity_kbps', [10_000, 800])
def test_a_server_that_hangs_is_no_slow_network(capacity_kbps):
    line = Line(capacity_kbps)
    line.run(20)
    before = line.control.limit_kbps
    # Its own buffer takes some more until it is full.
    line.capacity_kbps = 500
    line.run(0.7)
    line.capacity_kbps = 0
    line.run(4)
    assert line.control.limit_kbps == before
    # What is known of the network is not forgotten either.
    line.control.begin()
    assert line.control.limit_kbps == before


def test_it_never_asks_for_less_than_an_encoder_makes():
    line = Line(5)
    line.run(30)
    assert line.control.limit_kbps == LOWEST_KBPS


def test_a_new_connection_keeps_the_limit_and_forgets_the_queue():
    line = Line(800)
    line.run(15)
    limit = line.control.limit_kbps
    line.control.begin()
    assert line.control.limit_kbps == limit
    line.queued, line.sent = 0.0, 0
    line.run(1)
    assert line.control.limit_kbps == limit


@pytest.mark.parametrize(
    ('kbps', 'queued_bytes', 'is_choked', 'is_drained'),
    [
        (500, 70_000, True, False),
        (500, 50_000, False, False),
        (500, 7_000, False, True),
        # Of a fast video so much is but a moment.
        (8000, 130_000, False, False),
        (8000, 90_000, False, True),
        (8000, 420_000, True, False),
    ],
)
def test_pictures_are_left_out_by_time_and_by_size(kbps, queued_bytes, is_choked, is_drained):
    control = BitrateControl(FakeClock())
    control.observe(0, 0, kbps)
    assert control.is_choked(queued_bytes) is is_choked
    assert control.is_drained(queued_bytes) is is_drained
