import pytest

from mmoment_node.stall_watch import StallWatch


class Stage:
    """A stage that gets 30 pictures a second, looked at once a second."""

    def __init__(self):
        self.watch = StallWatch(patience_s=5.0, first_patience_s=15.0)
        self.now_s = 100.0
        self.received = 0

    def runs(self, seconds, *, result_every_s=0, pictures_per_s=30):
        """The longest stall that was told meanwhile."""
        longest_s = 0.0
        for second in range(1, seconds + 1):
            self.now_s += 1.0
            self.received += pictures_per_s
            if result_every_s and second % result_every_s == 0:
                self.watch.worked()
            longest_s = max(longest_s, self.watch.stalled_s(self.received, self.now_s))
        return longest_s


def test_results_every_now_and_then_are_no_stall():
    stage = Stage()
    assert stage.runs(60, result_every_s=1) == 0
    assert stage.runs(60, result_every_s=3) == 0


def test_pictures_without_a_result_are_one_until_the_next_result():
    stage = Stage()
    stage.runs(10, result_every_s=1)
    assert stage.runs(4) == 0
    assert stage.runs(7) == pytest.approx(11, abs=1)
    assert stage.runs(10, result_every_s=1) == 0


def test_a_slow_camera_is_watched_too():
    stage = Stage()
    stage.runs(10, result_every_s=1)
    for _ in range(5):
        stage.runs(1, pictures_per_s=0)
        stalled_s = stage.runs(1, pictures_per_s=1)
    assert stalled_s >= 5


def test_the_first_result_may_take_longer():
    stage = Stage()
    assert stage.runs(15) == 0
    assert stage.runs(5) > 15


def test_nothing_is_due_while_no_pictures_come():
    stage = Stage()
    assert stage.runs(60, pictures_per_s=0) == 0
    stage.runs(10, result_every_s=1)
    # The last pictures of a camera that is gone may be lost.
    assert stage.runs(2) == 0
    assert stage.runs(60, pictures_per_s=0) == 0


def test_a_stage_that_hangs_does_not_recover_because_the_camera_is_gone():
    stage = Stage()
    stage.runs(10, result_every_s=1)
    stage.runs(20)
    assert stage.runs(60, pictures_per_s=0) > 15
