import numpy as np
from hand_shapes import recorded

from mmoment_vision.gesture_composites import PALM, RECIPES, composite_hands
from mmoment_vision.gesture_features import FEATURE_NAMES, gesture_features


def of_kind(media, name, random):
    hands = recorded(media)
    names = np.array([shown for shown, _ in hands])
    landmarks = np.array([landmarks for _, landmarks in hands])
    composed, shapes = composite_hands(landmarks, names, random, 40)
    return np.array([h for h, shape in zip(composed, shapes, strict=True) if shape == name])


def feature(hands, name):
    return np.array([gesture_features(hand)[FEATURE_NAMES.index(name)] for hand in hands])


def test_peace_has_two_straight_fingers_and_two_curled_ones(media):
    hands = of_kind(media, 'peace', np.random.default_rng(1))
    assert len(hands) > 20
    for finger in ('index', 'middle'):
        assert np.median(feature(hands, f'{finger}_straightness')) > 0.9
    for finger in ('ring', 'pinky'):
        assert np.median(feature(hands, f'{finger}_straightness')) < 0.8


def test_thumb_stands_off_further_than_in_the_open_palms_it_comes_from(media):
    hands = of_kind(media, 'thumb', np.random.default_rng(1))
    palms = [landmarks for name, landmarks in recorded(media) if name == 'open_palm']
    assert np.median(feature(hands, 'thumb_direction')) < np.median(
        feature(palms, 'thumb_direction')
    )


def test_every_recipe_gives_hands_and_keeps_the_palm(media):
    hands = recorded(media)
    names = np.array([name for name, _ in hands])
    landmarks = np.array([one for _, one in hands])
    composed, shapes = composite_hands(landmarks, names, np.random.default_rng(2), 10)
    assert set(shapes) == {recipe.shape for recipe in RECIPES}
    palms = {tuple(hand[list(PALM)].ravel()) for hand in landmarks}
    assert all(tuple(hand[list(PALM)].ravel()) in palms for hand in composed)


def test_without_donors_there_are_no_composites():
    hands, shapes = composite_hands(
        np.zeros((3, 21, 2)), np.array(['fist'] * 3), np.random.default_rng(0), 5
    )
    assert len(hands) == len(shapes) == 0


def test_call_me_has_the_little_finger_out_and_the_others_curled(media):
    hands = of_kind(media, 'call_me', np.random.default_rng(1))
    assert len(hands) > 20
    assert np.median(feature(hands, 'pinky_straightness')) > 0.9
    for finger in ('index', 'middle', 'ring'):
        assert np.median(feature(hands, f'{finger}_reach')) < 0.0
    assert np.median(feature(hands, 'thumb_to_pinky_knuckle')) > 0.7
