import pytest

from mmoment_stream.push_target import PushError
from mmoment_stream.stall_watch import ReadWatch, StallWatch

STEP = 65_536


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(clock):
    return StallWatch(4.0, clock)


@pytest.fixture
def reads(clock):
    return ReadWatch(4.0, STEP, clock)


def is_stalled(watch, *words):
    try:
        watch.note(*words)
    except PushError as error:
        return error.code == 'stalled'
    return False


def test_progress_is_no_stall(watch, clock):
    for taken in range(50):
        assert not is_stalled(watch, taken, 1000)
        clock.now_s += 3.9


def test_nothing_to_take_is_no_stall(watch, clock):
    for waiting in (1000, 0, 0, 0, 1000):
        assert not is_stalled(watch, 5, waiting)
        clock.now_s += 3.9


def test_nothing_taken_for_long_is_one(watch, clock):
    assert not is_stalled(watch, 5, 1000)
    clock.now_s += 4.0
    assert not is_stalled(watch, 5, 2000)
    clock.now_s += 0.1
    assert is_stalled(watch, 5, 3000)


def test_what_began_to_wait_after_a_pause_is_no_stall(watch, clock):
    assert not is_stalled(watch, 5, 0)
    clock.now_s += 60
    assert not is_stalled(watch, 5, 1000)
    clock.now_s += 3.9
    assert not is_stalled(watch, 5, 1000)
    clock.now_s += 0.2
    assert is_stalled(watch, 5, 1000)


def test_a_look_after_long_is_no_stall_if_something_was_taken(watch, clock):
    assert not is_stalled(watch, 5, 1000)
    clock.now_s += 60
    assert not is_stalled(watch, 6, 1000)


def read_regularly(reads, clock, count, step=STEP):
    for number in range(1, count + 1):
        clock.now_s += 0.2
        assert not is_stalled(reads, number, number * step)
    return count * step


def test_a_server_that_stops_to_read_is_noticed_though_its_kernel_takes_more(reads, clock):
    delivered = read_regularly(reads, clock, 5)
    stopped_s = clock.now_s
    for _ in range(100):
        clock.now_s += 0.1
        delivered += 31_000
        if is_stalled(reads, 5, delivered):
            break
    # Steps that it might still be silent about, then the limit.
    assert 4.0 < clock.now_s - stopped_s < 5.0


def test_a_server_that_never_acknowledges_is_not_judged(reads, clock):
    for number in range(100):
        clock.now_s += 1
        assert not is_stalled(reads, 2, number * 1_000_000)


def test_a_server_that_acknowledges_seldom_is_judged_by_its_own_steps(reads, clock):
    delivered = read_regularly(reads, clock, 4, step=2_500_000)
    for _ in range(70):
        clock.now_s += 0.4
        delivered += 100_000
        assert not is_stalled(reads, 4, delivered)


def test_steps_that_are_acknowledged_together_are_no_big_step(reads, clock):
    for count in (3, 6, 9):
        clock.now_s += 0.2
        assert not is_stalled(reads, count, count * STEP)
    assert not is_stalled(reads, 9, 13 * STEP)
    clock.now_s += 4.1
    assert is_stalled(reads, 9, 13 * STEP)


def test_a_slow_network_is_no_stall(reads, clock):
    delivered = read_regularly(reads, clock, 4)
    for count in range(4, 10):
        # Many seconds for each step.
        for _ in range(20):
            clock.now_s += 1
            delivered += STEP // 20
            assert not is_stalled(reads, count, delivered)


def test_a_pause_and_then_a_burst_are_no_stall(reads, clock):
    delivered = read_regularly(reads, clock, 4)
    clock.now_s += 60
    assert not is_stalled(reads, 4, delivered + 10 * STEP)
    clock.now_s += 0.1
    assert not is_stalled(reads, 5, delivered + 10 * STEP)
