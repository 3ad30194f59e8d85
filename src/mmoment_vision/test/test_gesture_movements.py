import numpy as np
import pytest
from hand_shapes import detected, made_up

from mmoment_vision.gesture_movement_synthesis import OTHERS, made_up_movement
from mmoment_vision.gesture_movements import (
    MOVEMENTS,
    SWIPES,
    WAVE,
    MovementDetector,
    MovementSettings,
)
from mmoment_vision.gesture_rules import gesture_probabilities

PALM_PX = 60.0


class Hand:
    """An open hand at rest that is then moved; places in palms, times in seconds."""

    def __init__(self, rate_hz=15.0, size=1.0, is_mirrored=False, **settings):
        self.detector = MovementDetector(MovementSettings(**settings), is_mirrored)
        self.period_s = 1.0 / rate_hz
        self.now_s = 50.0
        self.place = np.zeros(2)
        self.landmarks = detected((0.0, 0.0), PALM_PX).landmarks[:, :2]
        self.size = size

    def look(self, place, held=''):
        landmarks = (self.landmarks + np.asarray(place) * PALM_PX) * self.size + 400
        made = self.detector.update(1, landmarks, self.now_s, open_palm(landmarks), held)
        self.detector.passed(self.now_s)
        self.now_s += self.period_s
        return made

    def rests(self, seconds, held=''):
        return [m for _ in range(round(seconds / self.period_s)) for m in self.look(self.place)]

    def goes(self, by, seconds, held=''):
        start, made = self.place, []
        count = round(seconds / self.period_s)
        for number in range(1, count + 1):
            share = number / count
            eased = share * share * (3.0 - 2.0 * share)
            made += self.look(start + eased * np.asarray(by), held)
        self.place = start + np.asarray(by)
        return made

    def swipes(self, by, seconds=0.3, held=''):
        return self.rests(0.6) + self.goes(by, seconds, held) + self.rests(0.5)

    def waves(self, swings=6, palms=1.5, hertz=1.7, held=''):
        made = self.rests(0.5)
        count = round(swings * 0.5 / hertz / self.period_s)
        for number in range(1, count + 1):
            across = palms / 2 * np.sin(number / count * swings * np.pi)
            made += self.look(self.place + np.array([across, 0.0]), held)
        return made + self.rests(0.4)


def open_palm(landmarks):
    return gesture_probabilities(landmarks)['open_palm']


def names(movements):
    return [movement.name for movement in movements]


# The person's left is on the right of a picture that is not mirrored.
DIRECTIONS = {
    'swipe_left': (5.0, 0.0),
    'swipe_right': (-5.0, 0.0),
    'swipe_up': (0.0, -5.0),
    'swipe_down': (0.0, 5.0),
}


@pytest.mark.parametrize('name', SWIPES)
def test_a_fast_straight_travel_is_a_swipe_as_the_person_sees_it(name):
    (movement,) = Hand().swipes(DIRECTIONS[name])
    assert movement.name == name
    assert movement.track_id == 1
    assert 0.7 <= movement.confidence <= 1.0
    assert 0.1 <= movement.length_s <= 0.4


@pytest.mark.parametrize(
    ('name', 'mirrored_name'),
    [('swipe_left', 'swipe_right'), ('swipe_right', 'swipe_left'), ('swipe_up', 'swipe_up')],
)
def test_in_mirrored_pictures_left_and_right_change_places(name, mirrored_name):
    assert names(Hand(is_mirrored=True).swipes(DIRECTIONS[name])) == [mirrored_name]


@pytest.mark.parametrize('rate_hz', [10.0, 15.0, 30.0])
@pytest.mark.parametrize('size', [0.3, 1.0, 4.0])
def test_neither_rate_nor_size_matters(rate_hz, size):
    assert names(Hand(rate_hz, size).swipes((5.0, 0.0))) == ['swipe_left']
    assert names(Hand(rate_hz, size).waves()) == [WAVE]


def test_what_size_and_rate_say_together_is_the_same_confidence():
    small, large = Hand(size=0.2).swipes((5.0, 0.0)), Hand(size=5.0).swipes((5.0, 0.0))
    assert small[0].confidence == pytest.approx(large[0].confidence, abs=1e-3)


def test_slow_short_and_slanting_travels_are_no_swipes():
    assert Hand().swipes((5.0, 0.0), seconds=1.6) == []
    assert Hand().swipes((1.2, 0.0), seconds=0.15) == []
    assert Hand().swipes((4.0, 4.0)) == []


def test_a_hand_that_comes_in_or_goes_out_fast_makes_no_swipe():
    entering = Hand()
    assert entering.goes((0.0, -5.0), 0.3) + entering.rests(0.6) == []
    leaving = Hand()
    assert leaving.rests(0.6) + leaving.goes((0.0, 5.0), 0.3) == []


def test_a_closed_hand_makes_no_movements():
    for shape_seed in range(5):
        hand = Hand()
        fist = made_up_fist(shape_seed)
        hand.landmarks = fist
        assert hand.swipes((5.0, 0.0)) == []
        assert hand.waves() == []


def made_up_fist(seed):
    hand = made_up('fist', seed=seed)[0]
    centred = hand - hand[[0, 5, 9, 13, 17]].mean(axis=0)
    return centred / np.linalg.norm(centred[9] - centred[0]) * PALM_PX


def test_swings_from_side_to_side_are_a_wave_and_two_are_not():
    (movement,) = Hand().waves(swings=6)
    assert movement.name == WAVE
    assert movement.confidence >= 0.7
    assert Hand().waves(swings=2) == []
    # A fifth of a palm is no swing, and swings of a second each are no wave.
    assert Hand().waves(swings=8, palms=0.2) == []
    assert Hand().waves(swings=6, hertz=0.5) == []


@pytest.mark.parametrize('hertz', [1.0, 2.0])
def test_a_wave_that_goes_on_is_one_wave(hertz):
    hand = Hand(cool_down_s=1.5)
    assert names(hand.waves(swings=24, hertz=hertz)) == [WAVE]
    assert hand.rests(2.0) == []
    assert names(hand.waves(swings=6, hertz=hertz)) == [WAVE]


def test_swings_up_and_down_are_no_wave():
    hand = Hand()
    made = hand.rests(0.5)
    for number in range(30):
        made += hand.look([0.0, np.sin(number * 0.7)])
    assert made == []


def test_nothing_moves_while_another_gesture_than_an_open_palm_is_held():
    assert Hand().swipes((5.0, 0.0), held='fist') == []
    assert Hand().waves(held='peace') == []
    assert names(Hand().swipes((5.0, 0.0), held='open_palm')) == ['swipe_left']


def test_a_hand_that_swipes_and_comes_back_has_swiped_once():
    hand = Hand(cool_down_s=1.5)
    assert names(hand.swipes((5.0, 0.0))) == ['swipe_left']
    assert hand.swipes((-5.0, 0.0)) == []
    assert hand.rests(1.0) == []
    assert names(hand.swipes((5.0, 0.0))) == ['swipe_left']


def test_the_least_confidence_is_kept():
    assert Hand(least_confidence=1.0).swipes((5.0, 0.0)) == []


def test_hands_move_on_their_own():
    detector = MovementDetector()
    landmarks = detected((300.0, 200.0), 40.0).landmarks
    made = []
    for number in range(30):
        # One hand swipes while the other rests; together their places alternate fast.
        share = min(1.0, max(0.0, (number - 10) / 5))
        moved = landmarks[:, :2] + [share * 200.0, 0.0]
        made += detector.update(1, moved, number / 15, 0.95)
        made += detector.update(2, landmarks, number / 15, 0.95)
    assert [(m.track_id, m.name) for m in made] == [(1, 'swipe_left')]


def test_a_hand_lost_from_sight_begins_anew():
    hand = Hand()
    assert hand.rests(0.6) == []
    hand.now_s += 1.0
    hand.place = np.array([5.0, 0.0])
    assert hand.rests(1.0) == []


@pytest.mark.parametrize('kind', MOVEMENTS)
def test_most_made_up_movements_are_told_at_any_rate(kind):
    random = np.random.default_rng(404)
    movements = [made_up_movement(kind, random) for _ in range(40)]
    told = [names(made(movement)) for movement in movements]
    assert sum(kind in one for one in told) >= 32
    assert not [one for one in told if set(one) - {kind}]


@pytest.mark.parametrize('kind', OTHERS)
def test_little_else_is_taken_for_a_movement(kind):
    random = np.random.default_rng(405)
    told = [made(made_up_movement(kind, random)) for _ in range(40)]
    assert sum(bool(one) for one in told) <= 6


def made(movement):
    detector = MovementDetector()
    return [
        one
        for time_s, landmarks in zip(movement.times_s, movement.landmarks, strict=True)
        for one in detector.update(1, landmarks, time_s, open_palm(landmarks))
    ]
