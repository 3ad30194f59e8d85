import time

from fake_clock import FakeClock

from mmoment_chain.clock import Clock, SystemClock


def test_the_wall_clock_counts_milliseconds_since_1970():
    before = time.time()
    stamp = SystemClock().utc_ms()
    assert before - 1 < stamp / 1000 < time.time() + 1


def test_elapsed_time_is_that_of_the_machine_with_its_suspensions():
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= SystemClock().elapsed_s() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_set_wall_clock_lets_no_time_go_by():
    clock: Clock = FakeClock()
    elapsed_s = clock.elapsed_s()
    clock.set_wall(0)
    assert (clock.utc_ms(), clock.elapsed_s()) == (0, elapsed_s)
    clock.advance(1.5)
    assert (clock.utc_ms(), clock.elapsed_s()) == (1500, elapsed_s + 1.5)
