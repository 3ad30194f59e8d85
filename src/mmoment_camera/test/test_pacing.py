"""Pictures are due by the source's own time, on a clock of the test's own."""

from mmoment_camera.pacing import NumberedPacer, Pacer

MS = 1_000_000


class Clock:
    def __init__(self):
        self.now_ns = 1_000 * MS
        self.slept = []

    def __call__(self):
        return self.now_ns

    def sleep(self, seconds):
        self.slept.append(round(seconds * 1000))
        self.now_ns += round(seconds * 1e9)


def test_pacer_keeps_the_distances_of_the_stamps():
    clock = Clock()
    pacer = Pacer(clock, clock.sleep)
    due = [pacer.wait(offset * MS) for offset in (0, 40, 120)]
    assert [moment // MS for moment in due] == [1000, 1040, 1120]
    assert clock.slept == [40, 80]


def test_pacer_makes_up_for_a_small_delay():
    clock = Clock()
    pacer = Pacer(clock, clock.sleep)
    pacer.wait(0)
    clock.now_ns += 100 * MS
    assert pacer.wait(40 * MS) == 1040 * MS
    assert pacer.wait(140 * MS) == 1140 * MS
    assert clock.slept == [40]


def test_pacer_does_not_hurry_after_a_long_delay():
    clock = Clock()
    pacer = Pacer(clock, clock.sleep)
    pacer.wait(0)
    clock.now_ns += 5_000 * MS
    late = pacer.wait(40 * MS)
    assert late == 6_000 * MS
    assert pacer.wait(80 * MS) == late + 40 * MS


def test_numbers_count_on_at_the_rate():
    clock = Clock()
    pacer = NumberedPacer(25.0, clock, clock.sleep)
    assert [pacer.wait() for _ in range(3)] == [
        (1, 1000 * MS, 0),
        (2, 1040 * MS, 0),
        (3, 1080 * MS, 0),
    ]


def test_missed_numbers_are_left_out_and_counted():
    clock = Clock()
    pacer = NumberedPacer(25.0, clock, clock.sleep)
    pacer.wait()
    clock.now_ns += 130 * MS
    assert pacer.wait() == (4, 1120 * MS, 2)
