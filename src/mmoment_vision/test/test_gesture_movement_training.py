import numpy as np
import pytest

from mmoment_vision import gesture_movement_model
from mmoment_vision.gesture_movement_measures import SWIPE_MEASURES, WAVE_MEASURES
from mmoment_vision.gesture_movement_training import (
    MovementExamples,
    candidates_of,
    chances_of,
    clip_hands,
    examples,
    fit_movements,
    guises,
    made_up_candidates,
    model_source,
)
from mmoment_vision.gesture_movements import MovementDetector
from mmoment_vision.gesture_training import calibration_error


def test_fit_says_how_often_such_a_candidate_is_meant():
    measures = np.array([[0.0]] * 4 + [[1.0]] * 4)
    meant = np.array([False, False, False, True, True, True, True, False])
    model = fit_movements(MovementExamples(measures, meant, np.ones(8)), ['one'])
    chances = chances_of(model, np.array([[0.0], [1.0]]), ['one'])
    assert chances == pytest.approx([0.25, 0.75], abs=0.02)


def test_confidence_on_unseen_made_up_movements_is_honest():
    made_up = list(made_up_candidates(np.random.default_rng(999), scale=0.1))
    for names, model, waves in (
        (SWIPE_MEASURES, gesture_movement_model.SWIPE, False),
        (WAVE_MEASURES, gesture_movement_model.WAVE, True),
    ):
        data = examples(made_up, [], waves=waves)
        assert calibration_error(chances_of(model, data.measures, names), data.meant) < 0.08


def test_shipped_model_matches_its_measures():
    assert set(gesture_movement_model.SWIPE) == {*SWIPE_MEASURES, 'bias'}
    assert set(gesture_movement_model.WAVE) == {*WAVE_MEASURES, 'bias'}


def test_written_model_is_the_fitted_model():
    swipe = dict.fromkeys((*SWIPE_MEASURES, 'bias'), 1.5)
    wave = dict.fromkeys((*WAVE_MEASURES, 'bias'), -2.25)
    scope: dict = {}
    exec(model_source(swipe, wave, 'Figures.'), scope)
    assert (scope['SWIPE'], scope['WAVE']) == (swipe, wave)


def test_guises_thin_out_and_mirror_a_hand():
    sightings = [(number / 30, np.ones((21, 2))) for number in range(12)]
    found = list(guises(sightings))
    assert sorted(len(one) for one in found) == [4] * 6 + [6] * 4 + [12] * 2
    assert candidates_of(sightings) == []


@pytest.mark.parametrize('clip', ['yes', 'no', 'milk', 'thanks'])
def test_a_person_who_signs_neither_waves_nor_swipes(media, clip):
    hands, length_s = clip_hands(media / 'clips' / f'{clip}.mkv')
    assert length_s > 1.5
    assert hands
    for hand in hands:
        detector = MovementDetector()
        for time_s, landmarks in hand:
            # As sure of an open palm as can be: the movements alone must not convince.
            assert detector.update(1, landmarks, time_s, 1.0) == []
