from hand_shapes import detected

from mmoment_vision.hand_tracking import HandTracker

PERIOD_S = 1 / 15


def ids(tracked):
    return [one.track_id for one in tracked]


def test_moving_hand_keeps_its_number():
    tracker = HandTracker()
    seen = [ids(tracker.update([detected((100 + 40 * i, 200))], i * PERIOD_S)) for i in range(12)]
    assert seen == [[1]] * 12


def test_two_hands_keep_their_numbers_in_any_order():
    tracker = HandTracker()
    left, right = detected((100, 200), handedness='left'), detected((500, 200))
    assert ids(tracker.update([left, right], 0.0)) == [1, 2]
    assert ids(tracker.update([right, left], PERIOD_S)) == [2, 1]


def test_crossing_hands_do_not_swap():
    tracker = HandTracker()
    for i in range(16):
        x = 100 + 30 * i
        hands = [detected((x, 200), handedness='left'), detected((550 - 30 * i, 260))]
        assert ids(tracker.update(hands, i * PERIOD_S)) == [1, 2]


def test_short_drop_out_keeps_the_number_and_a_long_one_does_not():
    tracker = HandTracker(keep_s=0.5)
    tracker.update([detected()], 0.0)
    assert tracker.update([], 0.2) == []
    assert ids(tracker.update([detected()], 0.45)) == [1]
    assert tracker.update([], 0.9) == []
    assert ids(tracker.update([detected()], 1.0)) == [2]


def test_hand_far_away_is_another_hand():
    tracker = HandTracker()
    tracker.update([detected((100, 100), size=40)], 0.0)
    assert ids(tracker.update([detected((600, 400), size=40)], PERIOD_S)) == [2]


def test_numbers_are_never_given_twice():
    tracker = HandTracker(keep_s=0.1)
    seen = []
    for second in range(5):
        seen += ids(tracker.update([detected()], float(second)))
        tracker.update([], second + 0.5)
    assert seen == [1, 2, 3, 4, 5]


def test_hand_keeps_its_number_however_slowly_pictures_come():
    tracker = HandTracker(keep_s=0.5)
    assert [ids(tracker.update([detected()], 2.0 * i)) for i in range(4)] == [[1]] * 4


def test_after_a_pause_without_pictures_it_is_another_hand():
    tracker = HandTracker(keep_s=0.5)
    tracker.update([detected()], 0.0)
    assert ids(tracker.update([detected()], 10.0)) == [2]


def test_handedness_is_what_most_pictures_say():
    tracker = HandTracker()
    for i, name in enumerate(['left', 'left', 'left', 'right', 'left', 'right']):
        (tracked,) = tracker.update([detected(handedness=name)], i * PERIOD_S)
        assert tracked.track_id == 1
    assert tracked.handedness == 'left'
    assert 0.5 < tracked.handedness_score < 1.0
