import pytest
from hand_shapes import detected, made_up, turned

from mmoment_vision.gesture_movement_measures import (
    SWIPE_MEASURES,
    HandSample,
    fast_travel,
    hand_sample,
    swipe_measures,
    turning_points,
)

PERIOD_S = 0.05


def path(places, palm=1.0):
    """Samples of an open hand at these x, in palms."""
    return [
        HandSample(number * PERIOD_S, (x * palm, 0.0), (x * palm, -palm), palm, 1.0, 1.0, 1.0)
        for number, x in enumerate(places)
    ]


REST, SWIPE, AFTER = [0.0] * 8, [0.5, 1.5, 2.5, 3.5], [4.0] * 6


def test_a_sample_says_where_the_hand_is_and_whether_it_is_open():
    sample = hand_sample(detected((300.0, 200.0), 60.0).landmarks, 7.0, 0.9)
    assert sample.centre == pytest.approx((300.0, 200.0), abs=0.5)
    assert (sample.time_s, sample.open_palm) == (7.0, 0.9)
    # The palm is measured by its longest side.
    assert 59.0 < sample.palm < 90.0
    assert sample.openness > 0.9
    assert hand_sample(made_up('fist', seed=1)[0], 0.0, 0.0).openness < 0.3
    with pytest.raises(ValueError, match='landmarks must be'):
        hand_sample([[0.0, 0.0]], 0.0, 0.0)


def test_upright_is_one_for_fingers_up_and_minus_one_for_fingers_down():
    hand = detected((0.0, 0.0)).landmarks[:, :2]
    up = hand_sample(hand, 0.0, 1.0).upright
    assert hand_sample(turned(hand, 180.0), 0.0, 1.0).upright == pytest.approx(-up, abs=1e-6)


def test_a_fast_travel_is_found_once_it_has_come_to_rest():
    places = REST + SWIPE + AFTER
    assert fast_travel(path(places[:-4]), float('-inf')) is None
    first, last = fast_travel(path(places), float('-inf'))
    assert (first, last) == (7, 12)
    # What has been judged is not found again.
    assert fast_travel(path(places), last * PERIOD_S) is None


@pytest.mark.parametrize('palm', [0.1, 1.0, 90.0])
def test_measures_of_a_travel_do_not_depend_on_the_size_of_the_hand(palm):
    measures = swipe_measures(path(REST + SWIPE + AFTER, palm), 7, 12)
    named = dict(zip(SWIPE_MEASURES, measures, strict=True))
    assert named['travel'] == pytest.approx(1.386, abs=0.01)
    assert named['straightness'] == pytest.approx(1.0)
    assert named['before'] == named['after'] == pytest.approx(0.0)


def test_a_travel_without_a_rest_before_it_counts_as_going_on():
    measures = swipe_measures(path(SWIPE + AFTER), 0, 4)
    assert dict(zip(SWIPE_MEASURES, measures, strict=True))['before'] == 1.0


def test_a_travel_of_less_than_two_palms_is_no_swipe():
    assert swipe_measures(path([x * 0.4 for x in REST + SWIPE + AFTER]), 7, 12) is None


def test_turning_points_pass_over_small_wrinkles():
    values = [0.0, 0.1, 0.0, 1.0, 0.9, 1.2, 0.2, 0.3, 0.1, 1.0]
    assert [values[n] for n in turning_points(values, 0.5)] == [0.0, 1.2, 0.1, 1.0]
    assert turning_points([0.0, 0.1, 0.0], 0.5) == []
