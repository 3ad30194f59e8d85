import numpy as np
import pytest
from hand_shapes import made_up

from mmoment_vision import gesture_model
from mmoment_vision.gesture_features import gesture_features
from mmoment_vision.gesture_rules import shipped_model
from mmoment_vision.gesture_synthesis import SHAPES
from mmoment_vision.gesture_training import (
    Examples,
    best_temperature,
    calibration_error,
    fit,
    model_source,
    near_duplicate_groups,
    read_landmarks,
    synthetic_examples,
)


def test_calibration_error_is_nought_for_honest_confidence():
    assert calibration_error([0.75] * 4, [True, True, True, False]) == pytest.approx(0.0)
    assert calibration_error([0.95] * 4, [True, True, False, False]) == pytest.approx(0.45)


def test_near_duplicates_are_linked_through_chains():
    features = np.array([[0.0], [0.1], [0.2], [5.0]])
    groups = near_duplicate_groups(features, np.array([1.0]))
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_fit_learns_shapes_from_few_hands():
    examples = synthetic_examples(np.random.default_rng(1), scale=0.05)
    model = fit(examples)
    judged = model.probabilities(examples.features).argmax(axis=1)
    assert (judged == examples.shapes).mean() > 0.95


def test_weights_of_examples_count():
    features = np.repeat(gesture_features(made_up('fist')[0])[None], 2, axis=0)
    fist, point = SHAPES.index('fist'), SHAPES.index('point')
    examples = Examples(features, np.array([fist, point]), np.array([3.0, 1.0]))
    probabilities = fit(examples).probabilities(features[:1])[0]
    assert probabilities[fist] == pytest.approx(0.75, abs=0.02)


def test_temperature_cools_scores_that_are_too_sure():
    scores = np.array([[4.0, 0.0]] * 4)
    temperature = best_temperature(scores, np.array([0, 0, 0, 1]), np.ones(4))
    # Right three times of four: the odds are 3, their logarithm 1.1.
    assert 4.0 / temperature > 1.0
    assert temperature > 2.5


def test_written_model_is_the_fitted_model():
    model = fit(synthetic_examples(np.random.default_rng(2), scale=0.02))
    scope: dict = {}
    exec(model_source(model, 'Figures.'), scope)
    assert scope['SHAPES'] == SHAPES
    row = scope['COEFFICIENTS']['index_reach']
    number = list(scope['COEFFICIENTS']).index('index_reach')
    np.testing.assert_allclose(row.linear, model.weights[number], atol=1e-3)


def test_shipped_model_matches_its_features_and_shapes():
    assert gesture_model.SHAPES == SHAPES
    model = shipped_model()
    assert model.weights.shape == (2 * len(model.mean), len(SHAPES))
    assert model.temperature > 0.3


def test_landmarks_are_read_with_their_shapes(media):
    landmarks, shapes = read_landmarks(media / 'hands' / 'landmarks.csv')
    assert landmarks.shape == (len(shapes), 21, 2)
    assert {SHAPES[shape] for shape in shapes} == {'open_palm', 'fist', 'point', 'ok'}
