import numpy as np
import pytest
from hand_shapes import made_up, thumb_hand, turned

from mmoment_vision.gesture_features import FEATURE_NAMES, gesture_features, thumb_elevation
from mmoment_vision.gesture_synthesis import SHAPES


@pytest.mark.parametrize('shape', SHAPES)
def test_features_stay_when_the_hand_moves_grows_turns_or_is_mirrored(shape):
    hand = made_up(shape, seed=5)[0]
    expected = gesture_features(hand)
    assert expected.shape == (len(FEATURE_NAMES),)
    for degrees in (37, 90, 181, 300):
        moved = turned(hand * [-1, 1], degrees) * 123.4 + [1000, -70]
        np.testing.assert_allclose(gesture_features(moved), expected, atol=1e-9)


def test_features_do_not_use_the_depth():
    hand = made_up('fist')[0]
    with_depth = np.hstack([hand, np.full((21, 1), 99.0)])
    np.testing.assert_array_equal(gesture_features(with_depth), gesture_features(hand))


def test_a_hand_in_one_point_gives_finite_features():
    assert np.isfinite(gesture_features(np.zeros((21, 2)))).all()


@pytest.mark.parametrize('wrong', [np.zeros((20, 2)), np.zeros(42), np.full((21, 2), np.nan)])
def test_what_is_no_hand_is_refused(wrong):
    with pytest.raises(ValueError, match='landmarks must be'):
        gesture_features(wrong)


@pytest.mark.parametrize(('degrees', 'elevation'), [(0, 1), (90, 0), (180, -1), (60, 0.5)])
def test_thumb_elevation_is_the_cosine_to_straight_up(degrees, elevation):
    assert thumb_elevation(thumb_hand(degrees)) == pytest.approx(elevation, abs=1e-9)
