import pytest

from mmoment_vision.gesture_hold import BEGIN, END, GestureHold, HoldSettings

PERIOD_S = 0.1


class Hand:
    """A hand shown at ten pictures a second on a clock of its own."""

    def __init__(self, period_s=PERIOD_S, **settings):
        self.hold = GestureHold(HoldSettings(**settings))
        self.period_s = period_s
        self.now_s = 100.0

    def shows(self, gesture, seconds, confidence=0.9, track_id=1):
        events = []
        for _ in range(round(seconds / self.period_s)):
            events += self.hold.update(track_id, gesture, confidence, self.now_s)
            events += self.hold.passed(self.now_s)
            self.now_s += self.period_s
        return events

    def is_gone(self, seconds):
        events = []
        for _ in range(round(seconds / self.period_s)):
            events += self.hold.passed(self.now_s)
            self.now_s += self.period_s
        return events


def phases(events):
    return [(event.phase, event.gesture) for event in events]


def test_begins_once_after_the_hold_time():
    hand = Hand(hold_s=0.4)
    assert hand.shows('fist', 0.4) == []
    (begin,) = hand.shows('fist', 2.0)
    assert (begin.phase, begin.gesture, begin.track_id) == (BEGIN, 'fist', 1)
    assert begin.held_s == pytest.approx(0.4)
    assert begin.confidence == pytest.approx(0.9)


@pytest.mark.parametrize('rate_hz', [3.0, 2.0, 0.5])
def test_begins_and_ends_at_slow_rates_too(rate_hz):
    hand = Hand(period_s=1.0 / rate_hz, hold_s=0.4, release_s=0.3)
    assert hand.shows('fist', 2.0 / rate_hz) == []
    (begin,) = hand.shows('fist', 8.0 / rate_hz)
    assert begin.held_s == pytest.approx(2.0 / rate_hz)
    assert phases(hand.shows('', 1.0 / rate_hz)) == [(END, 'fist')]


def test_at_slow_rates_one_picture_without_it_is_an_interruption():
    hand = Hand(period_s=0.5, hold_s=0.4, release_s=0.3)
    for _ in range(5):
        assert hand.shows('fist', 1.0) == []
        assert hand.is_gone(0.5) == []


def test_at_slow_rates_one_sure_picture_does_not_outweigh_doubtful_ones():
    hand = Hand(period_s=0.5, hold_s=0.4, begin_confidence=0.75)
    hand.shows('fist', 5.0, confidence=0.55)
    assert hand.shows('fist', 0.5, confidence=0.95) == []


def test_without_a_release_time_the_first_picture_without_it_ends_it():
    hand = Hand(release_s=0.0)
    assert phases(hand.shows('fist', 2.0)) == [(BEGIN, 'fist')]
    assert phases(hand.shows('', 0.1)) == [(END, 'fist')]


def test_a_flicker_is_no_gesture():
    hand = Hand(hold_s=0.4)
    events = []
    for _ in range(10):
        events += hand.shows('fist', 0.2) + hand.shows('', 0.2)
    assert events == []


def test_one_picture_is_no_proof_even_without_a_hold_time():
    hand = Hand(hold_s=0.0)
    assert hand.shows('fist', 0.2) == []
    assert phases(hand.shows('fist', 0.1)) == [(BEGIN, 'fist')]


def test_ends_after_the_release_time_and_says_how_long_it_was_held():
    hand = Hand(hold_s=0.4, release_s=0.3)
    hand.shows('fist', 1.1)
    assert hand.shows('', 0.2) == []
    (end,) = hand.shows('', 0.5)
    assert (end.phase, end.gesture) == (END, 'fist')
    assert end.held_s == pytest.approx(1.0)


def test_doubtful_pictures_do_not_interrupt_a_hold():
    hand = Hand(release_s=0.3)
    hand.shows('fist', 1.0)
    assert hand.shows('point', 0.2) + hand.shows('fist', 1.0) == []
    assert hand.shows('fist', 0.2, confidence=0.2) + hand.shows('fist', 1.0) == []


def test_beginning_needs_more_confidence_than_going_on():
    hand = Hand(begin_confidence=0.75, keep_confidence=0.5)
    assert hand.shows('fist', 3.0, confidence=0.6) == []
    assert phases(hand.shows('fist', 1.0, confidence=0.9)) == [(BEGIN, 'fist')]
    assert hand.shows('fist', 3.0, confidence=0.6) == []


def test_below_keep_confidence_the_hold_ends():
    hand = Hand(keep_confidence=0.5)
    hand.shows('fist', 1.0)
    assert phases(hand.shows('fist', 1.0, confidence=0.4)) == [(END, 'fist')]


def test_same_gesture_cools_down_but_another_may_begin():
    hand = Hand(hold_s=0.3, release_s=0.2, cool_down_s=2.0)
    hand.shows('fist', 1.0)
    assert phases(hand.shows('', 0.3)) == [(END, 'fist')]
    assert phases(hand.shows('peace', 1.0)) == [(BEGIN, 'peace')]
    assert phases(hand.shows('', 0.3)) == [(END, 'peace')]
    # 1.6 s after the end of the fist
    assert hand.shows('fist', 0.4) == []
    assert phases(hand.shows('fist', 0.5)) == [(BEGIN, 'fist')]


def test_another_gesture_ends_the_first_before_it_begins():
    hand = Hand(hold_s=0.4, release_s=0.3)
    hand.shows('fist', 1.0)
    assert phases(hand.shows('peace', 1.0)) == [(END, 'fist'), (BEGIN, 'peace')]
    quick = Hand(hold_s=0.2, release_s=5.0)
    quick.shows('fist', 1.0)
    assert phases(quick.shows('peace', 1.0)) == [(END, 'fist'), (BEGIN, 'peace')]


def test_hand_that_leaves_ends_its_gesture():
    hand = Hand(release_s=0.3)
    hand.shows('fist', 1.0)
    assert phases(hand.is_gone(1.0)) == [(END, 'fist')]
    assert hand.is_gone(5.0) == []


def test_hands_hold_on_their_own():
    hand = Hand(hold_s=0.4)
    events = hand.shows('fist', 1.0, track_id=1) + hand.shows('fist', 1.0, track_id=2)
    assert [(event.phase, event.track_id) for event in events] == [(BEGIN, 1), (END, 1), (BEGIN, 2)]


def test_end_all_ends_what_is_held():
    hand = Hand()
    hand.shows('fist', 1.0)
    assert phases(hand.hold.end_all()) == [(END, 'fist')]
    assert hand.hold.end_all() == []


def test_progress_grows_with_what_is_shown_until_it_is_held():
    hand = Hand(hold_s=0.4)
    seen = []
    for _ in range(6):
        events = hand.shows('fist', 0.1)
        seen.append((hand.hold.progress(1), bool(events)))
    assert seen == [
        (pytest.approx(0.0), False),
        (pytest.approx(0.25), False),
        (pytest.approx(0.5), False),
        (pytest.approx(0.75), False),
        (1.0, True),
        (1.0, False),
    ]
    assert hand.hold.held(1) == 'fist'
    assert hand.hold.progress(2) == 0.0


def test_progress_is_not_whole_before_the_gesture_begins():
    doubtful = Hand(begin_confidence=0.75)
    doubtful.shows('fist', 3.0, confidence=0.6)
    assert 0.9 < doubtful.hold.progress(1) < 1.0
    assert doubtful.hold.held(1) == ''
    # Three pictures are needed, however long they take.
    slow = Hand(period_s=1.0, hold_s=0.4)
    slow.shows('fist', 2.0)
    assert slow.hold.progress(1) == pytest.approx(2 / 3)


def test_progress_is_that_of_what_is_shown_now():
    hand = Hand(hold_s=0.4, release_s=0.3)
    hand.shows('fist', 1.0)
    hand.shows('peace', 0.2)
    assert hand.hold.progress(1) == pytest.approx(0.25)
    assert hand.hold.held(1) == 'fist'
    hand.shows('', 0.1)
    assert hand.hold.progress(1) == 0.0
    hand.is_gone(3.0)
    assert (hand.hold.held(1), hand.hold.progress(1)) == ('', 0.0)


def test_it_is_known_since_when_a_gesture_is_shown():
    hand = Hand(hold_s=0.4, release_s=0.3)
    assert hand.hold.shown_since_s(1) is None
    hand.shows('', 0.5)
    assert hand.hold.shown_since_s(1) is None
    since_s = hand.now_s
    hand.shows('fist', 2.0)
    assert hand.hold.shown_since_s(1) == pytest.approx(since_s)
    # An interruption that is not long enough changes nothing.
    hand.shows('peace', 0.2)
    assert hand.hold.shown_since_s(1) == pytest.approx(since_s)
