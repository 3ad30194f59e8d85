"""Fit and calibrate the gesture model: `python -m mmoment_vision.gesture_training FOLDER`.

FOLDER holds `landmarks.csv` (a gesture name and 21 x, y pairs a row). Recorded hands teach fist,
open palm, point and ok; hands that never were (`gesture_synthesis`) and fingers of recorded hands
put together anew (`gesture_composites`) teach the rest and vary the views. Softmax regression by
Newton's method, weight decay against coefficients without evidence, one temperature for honest
confidence. With `--write` the result replaces `gesture_model.py`;
the same folder and seed give the same file.

Recorded hands come in near-duplicate runs. The five folds keep near-duplicates together, so that
the figures tell how hands are judged that were not in the training in any guise.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.gesture_composites import composite_hands
from mmoment_vision.gesture_features import FEATURE_NAMES, gesture_features, palm_size
from mmoment_vision.gesture_rules import ShapeModel, expand
from mmoment_vision.gesture_synthesis import SHAPES, synthetic_hand

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

FOLDS = 5
SEED = 7
SYNTHETIC_PER_SHAPE = 800
# `none` is many shapes in one: it gets as many examples as three shapes.
SYNTHETIC_NONE = 2400
# Each recorded hand counts as much as this many made-up ones: they are few, and real.
RECORDED_WEIGHT = 10.0
# Hands put together from recorded ones, for each way to do so, and what one counts.
COMPOSITES_PER_RECIPE = 150
COMPOSITE_WEIGHT = 2.0
# Copies of each recorded hand, seen a little askew.
ASKEW_COPIES = 3
ASKEW_SHEAR = 0.12
ASKEW_NOISE = 0.012
WEIGHT_DECAY = 1e-3
NEWTON_STEPS = 25
# Mean difference of scaled features below which two hands are the same picture in two guises.
NEAR_DUPLICATE = 0.12
CALIBRATION_BINS = 10


@dataclass(frozen=True, slots=True)
class Examples:
    """Hands with known shapes: `features` (N, F), `shapes` (N,), `weights` (N,)."""

    features: Array
    shapes: Labels
    weights: Array

    def chosen(self, rows: NDArray[np.bool_]) -> Examples:
        """Return the examples of the rows that are true."""
        return Examples(self.features[rows], self.shapes[rows], self.weights[rows])

    def joined(self, other: Examples) -> Examples:
        """Return these examples and the others."""
        return Examples(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.shapes, other.shapes]),
            np.concatenate([self.weights, other.weights]),
        )


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Judgements of recorded hands by models that saw neither them nor a near-duplicate.

    `probabilities`: (N, C); `shapes`: (N,), the truth; `groups`: how many near-duplicate groups;
    `composites`: share named rightly, by shape, of hands put together from unseen ones.
    """

    probabilities: Array
    shapes: Labels
    groups: int
    composites: dict[str, float]

    @property
    def accuracy(self) -> float:
        """Share of hands named rightly; 'none' counts as wrong."""
        return float((self.probabilities.argmax(axis=1) == self.shapes).mean())

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the named shape's probability."""
        right = self.probabilities.argmax(axis=1) == self.shapes
        return calibration_error(self.probabilities.max(axis=1), right)


def read_landmarks(path: Path) -> tuple[Array, Labels]:
    """Read recorded hands: landmarks (N, 21, 2) and the number of each one's shape."""
    with path.open(newline='') as lines:
        rows = list(csv.reader(lines))[1:]
    landmarks = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 21, 2)
    return landmarks, np.array([SHAPES.index(row[0]) for row in rows])


def synthetic_examples(random: np.random.Generator, scale: float = 1.0) -> Examples:
    """Make up hands of every shape; `scale` makes fewer or more than the usual number."""
    counts = [SYNTHETIC_NONE if shape == 'none' else SYNTHETIC_PER_SHAPE for shape in SHAPES]
    shapes = np.repeat(np.arange(len(SHAPES)), [max(20, int(count * scale)) for count in counts])
    hands = [synthetic_hand(SHAPES[shape], random) for shape in shapes]
    # Fewer hands stand for the same evidence.
    weights = np.full(len(shapes), 1.0 / scale)
    return Examples(np.array([gesture_features(hand) for hand in hands]), shapes, weights)


def recorded_examples(landmarks: Array, shapes: Labels, random: np.random.Generator) -> Examples:
    """Describe recorded hands, each followed by its askew copies."""
    features = []
    for hand in landmarks:
        features.append(gesture_features(hand))
        for _ in range(ASKEW_COPIES):
            shear = np.eye(2) + random.normal(0.0, ASKEW_SHEAR, (2, 2))
            noise = random.normal(0.0, ASKEW_NOISE, hand.shape) * palm_size(hand)
            features.append(gesture_features(hand @ shear.T + noise))
    guises = 1 + ASKEW_COPIES
    weight = RECORDED_WEIGHT / guises
    return Examples(np.array(features), np.repeat(shapes, guises), np.full(len(features), weight))


def composite_examples(landmarks: Array, shapes: Labels, random: np.random.Generator) -> Examples:
    """Describe hands put together from these recorded ones."""
    names = np.array(SHAPES)[shapes]
    hands, shown = composite_hands(landmarks, names, random, COMPOSITES_PER_RECIPE)
    return Examples(
        np.array([gesture_features(hand) for hand in hands]).reshape(len(hands), -1),
        np.array([SHAPES.index(name) for name in shown], dtype=np.int64),
        np.full(len(hands), COMPOSITE_WEIGHT),
    )


def near_duplicate_groups(features: Array, scale: Array) -> Labels:
    """Number hands so that those linked by a chain of near-duplicates share a number."""
    scaled = features / scale
    groups = np.arange(len(scaled))
    for hand, row in enumerate(scaled):
        near = np.abs(scaled - row).mean(axis=1) < NEAR_DUPLICATE
        linked = np.isin(groups, groups[near])
        groups[linked] = groups[hand]
    return np.unique(groups, return_inverse=True)[1]


def fit(examples: Examples) -> ShapeModel:
    """Fit softmax regression by Newton's method; the temperature stays 1."""
    mean = examples.features.mean(axis=0)
    scale = examples.features.std(axis=0) + 1e-6
    inputs = expand(examples.features, mean, scale)
    inputs = np.hstack([inputs, np.ones((len(inputs), 1))])
    importance = examples.weights / examples.weights.sum()
    truth = np.eye(len(SHAPES))[examples.shapes]
    decay = np.full(inputs.shape[1], WEIGHT_DECAY)
    decay[-1] = 1e-9
    weights = np.zeros((inputs.shape[1], len(SHAPES)))
    for _ in range(NEWTON_STEPS):
        step = _newton_step(inputs, truth, importance, decay, weights)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return ShapeModel(SHAPES, mean, scale, weights[:-1], weights[-1], 1.0)


def _newton_step(
    inputs: Array, truth: Array, importance: Array, decay: Array, weights: Array
) -> Array:
    size, classes = weights.shape
    chances = _softmax(inputs @ weights)
    slope = inputs.T @ ((chances - truth) * importance[:, None]) + decay[:, None] * weights
    bend = np.zeros((classes, size, classes, size))
    for one in range(classes):
        for other in range(one, classes):
            share = importance * chances[:, one] * ((one == other) - chances[:, other])
            block = (inputs * share[:, None]).T @ inputs
            bend[one, :, other] = bend[other, :, one] = block
    flat = bend.reshape(classes * size, classes * size)
    flat[np.diag_indices_from(flat)] += np.tile(decay, classes)
    solved = np.linalg.solve(flat, slope.T.reshape(-1)).reshape(classes, size).T
    # A full step from far away may overshoot; near the end the limit does not bind.
    return solved * min(1.0, 2.0 / max(np.abs(solved).max(), 1e-12))


def with_temperature(model: ShapeModel, temperature: float) -> ShapeModel:
    """Return the model with another temperature."""
    return ShapeModel(model.shapes, model.mean, model.scale, model.weights, model.bias, temperature)


def best_temperature(scores: Array, shapes: Labels, weights: Array) -> float:
    """Return the temperature that makes the probabilities of unseen hands likeliest."""
    candidates = np.geomspace(0.4, 3.0, 120)
    rows = np.arange(len(shapes))
    losses = [
        -(weights * np.log(_softmax(scores / t)[rows, shapes] + 1e-12)).sum() for t in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


def cross_validate(
    landmarks: Array, shapes: Labels, scale: float = 1.0, seed: int = SEED
) -> tuple[CrossValidation, float]:
    """Judge every recorded hand by a model fitted without it; return that and the temperature.

    `scale` makes the number of made-up hands smaller, for a quick look.
    """
    random = np.random.default_rng(seed)
    recorded = recorded_examples(landmarks, shapes, random)
    made_up = synthetic_examples(random, scale)
    guises = 1 + ASKEW_COPIES
    original = recorded.features[::guises]
    groups = near_duplicate_groups(original, made_up.features.std(axis=0))
    folds = random.integers(0, FOLDS, groups.max() + 1)[groups]
    made_up_folds = random.integers(0, FOLDS, len(made_up.shapes))
    scores = np.zeros((len(shapes), len(SHAPES)))
    made_up_scores = np.zeros((len(made_up.shapes), len(SHAPES)))
    composed_scores, composed_shapes = [], []
    for fold in range(FOLDS):
        held_out, unseen = folds == fold, made_up_folds == fold
        seen = recorded.chosen(np.repeat(~held_out, guises))
        composed = composite_examples(landmarks[~held_out], shapes[~held_out], random)
        model = fit(made_up.chosen(~unseen).joined(seen).joined(composed))
        scores[held_out] = _scores(model, original[held_out])
        made_up_scores[unseen] = _scores(model, made_up.features[unseen])
        composed = composite_examples(landmarks[held_out], shapes[held_out], random)
        composed_scores.append(_scores(model, composed.features))
        composed_shapes.append(composed.shapes)
    judged = [
        (scores, shapes),
        (made_up_scores, made_up.shapes),
        (np.concatenate(composed_scores), np.concatenate(composed_shapes)),
    ]
    temperature = best_temperature(
        np.concatenate([one[0] for one in judged]),
        np.concatenate([one[1] for one in judged]),
        # Real hands have twice the say of the others together: those are harder than life, and
        # with more say they would make real hands look doubtful.
        np.concatenate(
            [
                np.full(len(one[1]), say / len(one[1]))
                for one, say in zip(judged, (4, 1, 1), strict=True)
            ]
        ),
    )
    right = judged[2][0].argmax(axis=1) == judged[2][1]
    composites = {
        SHAPES[shape]: float(right[judged[2][1] == shape].mean())
        for shape in np.unique(judged[2][1])
    }
    groups_found = int(groups.max()) + 1
    result = CrossValidation(_softmax(scores / temperature), shapes, groups_found, composites)
    return result, temperature


def train(landmarks: Array, shapes: Labels, temperature: float, seed: int = SEED) -> ShapeModel:
    """Fit the model to ship on all recorded and as many made-up hands as usual."""
    random = np.random.default_rng(seed)
    recorded = recorded_examples(landmarks, shapes, random)
    composed = composite_examples(landmarks, shapes, random)
    examples = synthetic_examples(random).joined(recorded).joined(composed)
    return with_temperature(fit(examples), temperature)


def calibration_error(
    confidence: Sequence[float] | Array, right: Sequence[bool] | NDArray[np.bool_]
) -> float:
    """Expected calibration error: mean gap between confidence and accuracy, ten equal bins.

    Guo et al., "On Calibration of Modern Neural Networks", 2017, equation 3.
    """
    sure = np.asarray(confidence, dtype=np.float64)
    hits = np.asarray(right, dtype=np.float64)
    bins = np.minimum((sure * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        (bins == number).mean() * abs(sure[bins == number].mean() - hits[bins == number].mean())
        for number in np.unique(bins)
    ]
    return float(sum(gaps))


def _scores(model: ShapeModel, features: Array) -> Array:
    return expand(features, model.mean, model.scale) @ model.weights + model.bias


def _softmax(scores: Array) -> Array:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def model_source(model: ShapeModel, summary: str) -> str:
    """Return the text of `gesture_model.py` for a model."""
    rows = []
    for number, name in enumerate(FEATURE_NAMES):
        linear = _row(model.weights[number])
        squared = _row(model.weights[number + len(FEATURE_NAMES)])
        rows.append(
            f'    {name!r}: Coefficients(\n'
            f'        {model.mean[number]:.4f},\n        {model.scale[number]:.4f},\n'
            f'        {linear},\n        {squared},\n    ),\n'
        )
    return MODEL_TEMPLATE.format(
        summary=summary,
        shapes=model.shapes,
        temperature=f'{model.temperature:.3f}',
        bias=_row(model.bias),
        rows=''.join(rows),
    )


def _row(numbers: Array) -> str:
    return '(' + ', '.join(f'{number:.3f}' for number in numbers) + ')'


MODEL_TEMPLATE = '''"""Coefficients of the gesture model, written by `gesture_training.py`; do not edit by hand.

{summary}
"""

from __future__ import annotations

from typing import NamedTuple


class Coefficients(NamedTuple):
    """What one feature says about each shape, in the order of `SHAPES`.

    The feature less `mean`, over `scale`, is multiplied by `linear`; its square less one by
    `squared`. A large positive number speaks for the shape.
    """

    mean: float
    scale: float
    linear: tuple[float, ...]
    squared: tuple[float, ...]


SHAPES = {shapes}
# Divides the scores: found on hands the model had not seen.
TEMPERATURE = {temperature}
# What speaks for each shape before anything is seen.
BIAS = {bias}
COEFFICIENTS = {{
{rows}}}
'''


def main(arguments: list[str] | None = None) -> int:
    """Cross-validate, fit, print the figures; write the model if asked."""
    parser = argparse.ArgumentParser(description='Fit the gesture model.')
    parser.add_argument('folder', type=Path, help='folder with landmarks.csv')
    parser.add_argument('--write', action='store_true', help='replace gesture_model.py')
    options = parser.parse_args(arguments)
    landmarks, shapes = read_landmarks(options.folder / 'landmarks.csv')
    result, temperature = cross_validate(landmarks, shapes)
    summary = (
        f'{len(shapes)} recorded hands in {result.groups} near-duplicate groups, {FOLDS} folds:\n'
        f'accuracy {result.accuracy:.3f}, expected calibration error '
        f'{result.calibration_error:.3f}.\nNo hand was recorded for thumb, peace, call_me and none: '
        'they rest on made-up\nhands and on fingers of recorded hands put together anew; of such '
        'hands, unseen,\n'
        + ', '.join(f'{share:.3f} of {name}' for name, share in result.composites.items())
        + ' are named rightly.'
    )
    print(summary)
    print(f'temperature {temperature:.3f}')
    if options.write:
        model = train(landmarks, shapes, temperature)
        target = Path(__file__).with_name('gesture_model.py')
        target.write_text(model_source(model, summary))
        print(f'wrote {target.name}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
