"""Capture times of network cameras lose the network's jitter and follow the camera's clock."""

from itertools import pairwise

from mmoment_camera.arrival_clock import ArrivalClock

MS = 1_000_000


def test_jitter_is_taken_out_by_the_fastest_arrival():
    clock = ArrivalClock()
    stamps = [index * 33 * MS for index in range(6)]
    delays = [30, 12, 45, 10, 80, 25]
    captured = [
        clock.capture_ns(stamp, 5_000 * MS + stamp + delay * MS)
        for stamp, delay in zip(stamps, delays, strict=True)
    ]
    steps = [later - earlier for earlier, later in pairwise(captured[3:])]
    assert steps == [33 * MS, 33 * MS]
    assert captured[4] == 5_000 * MS + stamps[4] + 10 * MS


def test_capture_is_never_after_arrival():
    clock = ArrivalClock()
    for index, delay in enumerate((50, 3, 70, 1, 2)):
        arrival = index * 33 * MS + delay * MS
        assert clock.capture_ns(index * 33 * MS, arrival) <= arrival


def test_a_jump_of_the_cameras_clock_is_followed():
    clock = ArrivalClock()
    clock.capture_ns(0, 100 * MS)
    arrival = 200 * MS
    assert clock.capture_ns(3_600_000 * MS, arrival) == arrival


def test_an_old_guess_is_forgotten():
    clock = ArrivalClock()
    clock.capture_ns(0, 0)
    for second in range(1, 8):
        last = clock.capture_ns(second * 1000 * MS, second * 1000 * MS + 400 * MS)
    assert last == 7_400 * MS
