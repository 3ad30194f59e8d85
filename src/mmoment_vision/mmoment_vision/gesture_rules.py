"""Tell which gesture a hand shows, with the probability of being right.

A softmax over the numbers of `gesture_features` and their squares. Its coefficients stand in
`gesture_model.py`, fitted and calibrated by `gesture_training.py`. The shape of a hand is judged
the same in any place, size, turn and mirror image; only thumbs_up and thumbs_down, which are one
shape, are told apart by where the thumb points in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmoment_vision import gesture_model
from mmoment_vision.gesture_features import (
    FEATURE_NAMES,
    as_points,
    gesture_features,
    thumb_elevation,
)

GESTURES = (
    'open_palm',
    'fist',
    'point',
    'peace',
    'thumbs_up',
    'thumbs_down',
    'ok',
    'call_me',
)
# The hand shows none of the gestures.
NO_GESTURE = ''
# A thumb counts as up within about 50 degrees of straight up (cosine 0.64); the slope makes the
# band of doubt some 10 degrees wide. Chosen, not fitted: no recorded thumbs were at hand.
THUMB_ELEVATION_LIMIT = 0.64
THUMB_ELEVATION_SLOPE = 14.0
# Landmarks beyond the edge of the picture are guesses: with a quarter of them out there, a gesture
# keeps a third of its probability. Chosen, not fitted.
CUT_OFF_POWER = 4.0


@dataclass(frozen=True, slots=True)
class Gesture:
    """What a hand shows. `name` is one of `GESTURES` or empty; `confidence` is 0..1.

    `confidence` is the probability that `name` is right, also where it is empty.
    """

    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class ShapeModel:
    """Coefficients of the softmax over hand shapes.

    `mean`, `scale`: (F,), make each feature about zero with unit spread; `weights`: (2F, C), for
    the scaled features and their squares less one; `bias`: (C,); `temperature` divides the scores
    so that probabilities match how often they are right.
    """

    shapes: tuple[str, ...]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    temperature: float

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each shape, (..., C), for features (..., F)."""
        scores = expand(features, self.mean, self.scale) @ self.weights + self.bias
        scores = scores / self.temperature
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return odds / odds.sum(axis=-1, keepdims=True)


def expand(
    features: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scale features and append their squares, so that a half-bent finger can be its own sign."""
    scaled = (features - mean) / scale
    return np.concatenate([scaled, scaled * scaled - 1.0], axis=-1)


def shipped_model() -> ShapeModel:
    """Return the model of `gesture_model.py`."""
    table = gesture_model.COEFFICIENTS
    return ShapeModel(
        shapes=gesture_model.SHAPES,
        mean=np.array([table[name].mean for name in FEATURE_NAMES]),
        scale=np.array([table[name].scale for name in FEATURE_NAMES]),
        weights=np.array(
            [table[name].linear for name in FEATURE_NAMES]
            + [table[name].squared for name in FEATURE_NAMES]
        ),
        bias=np.array(gesture_model.BIAS),
        temperature=gesture_model.TEMPERATURE,
    )


def model_id() -> str:
    """Return a name of the shipped model that changes with its coefficients."""
    table = (gesture_model.COEFFICIENTS, gesture_model.BIAS, gesture_model.TEMPERATURE)
    return f'softmax-{len(gesture_model.SHAPES)}-{crc32(repr(table).encode()):08x}'


def classify_hand(
    landmarks: ArrayLike,
    picture_size: tuple[int, int] | None = None,
    model: ShapeModel | None = None,
) -> Gesture:
    """Return the most probable gesture of a hand; arguments as of `gesture_probabilities`."""
    return likeliest(gesture_probabilities(landmarks, picture_size, model))


def likeliest(probabilities: dict[str, float]) -> Gesture:
    """Return the gesture with the highest probability, which is its confidence."""
    name = max(probabilities, key=lambda gesture: probabilities[gesture])
    return Gesture(name, probabilities[name])


def gesture_probabilities(
    landmarks: ArrayLike,
    picture_size: tuple[int, int] | None = None,
    model: ShapeModel | None = None,
) -> dict[str, float]:
    """Return the probability of each of `GESTURES` and of `NO_GESTURE`; they add up to 1.

    `landmarks`: 21 rows of x, y in pixels, y downwards (more columns are ignored).
    `picture_size`: width and height in pixels; given, a hand cut off by the edge is judged with
    less confidence. `model`: the shipped one if not given. Raises ValueError for landmarks of
    another shape or not finite.
    """
    used = model or _SHIPPED
    shapes = used.probabilities(gesture_features(landmarks))
    named = name_shapes(
        dict(zip(used.shapes, shapes.tolist(), strict=True)), thumb_elevation(landmarks)
    )
    return named if picture_size is None else doubted(named, share_inside(landmarks, picture_size))


def name_shapes(shapes: dict[str, float], elevation: float) -> dict[str, float]:
    """Turn probabilities of shapes into those of gestures: `thumb` is split by its elevation."""
    up = _share(elevation - THUMB_ELEVATION_LIMIT)
    down = _share(-elevation - THUMB_ELEVATION_LIMIT)
    thumb = float(shapes['thumb'])
    named = {name: float(shapes[name]) for name in GESTURES if name in shapes}
    named['thumbs_up'] = thumb * up
    named['thumbs_down'] = thumb * down
    named[NO_GESTURE] = max(0.0, 1.0 - sum(named.values()))
    return named


def share_inside(landmarks: ArrayLike, picture_size: tuple[int, int]) -> float:
    """Return the share of landmarks, 0..1, that lie in a picture of this width and height."""
    points = as_points(landmarks)
    return float(((points >= 0) & (points < picture_size)).all(axis=1).mean())


def doubted(probabilities: dict[str, float], inside: float) -> dict[str, float]:
    """Move probability from the gestures to none, for a hand of which only a share is seen."""
    certainty = inside**CUT_OFF_POWER
    named = {name: share * certainty for name, share in probabilities.items() if name}
    named[NO_GESTURE] = 1.0 - sum(named.values())
    return named


def _share(excess: float) -> float:
    return 1.0 / (1.0 + exp(-THUMB_ELEVATION_SLOPE * excess))


_SHIPPED = shipped_model()
