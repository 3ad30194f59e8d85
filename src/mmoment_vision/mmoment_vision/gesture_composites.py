"""Hands put together from recorded ones: fingers of one on the palm of another.

Recorded hands show few gestures but real noise. A finger of a second recorded hand is moved onto
a first by the affine map between their palms, where the palms fit well; so a pointing hand with
the middle finger of an open one shows peace, with two more fingers of it none of our gestures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.gesture_features import palm_size

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

PALM = (0, 5, 9, 13, 17)
THUMB_BONES = (1, 2, 3, 4)
INDEX, MIDDLE, RING, PINKY = (6, 7, 8), (10, 11, 12), (14, 15, 16), (18, 19, 20)
# Palms that differ more, in palm sizes, or are stretched more against each other were seen from
# other sides: a finger of the one looks wrong on the other.
LARGEST_MISFIT = 0.06
LARGEST_STRETCH = 1.5


@dataclass(frozen=True, slots=True)
class Recipe:
    """Put `joints` of a hand that shows `donor` on one that shows `base`: it shows `shape`.

    `thumb_turn_degrees`: lowest and highest angle by which the thumb is then turned away from the
    fingers.
    """

    shape: str
    base: str
    donor: str
    joints: tuple[int, ...]
    thumb_turn_degrees: tuple[float, float] | None = None


RECIPES = (
    Recipe('peace', 'point', 'open_palm', MIDDLE),
    # The thumb of an open palm leans to the fingers; held up it stands off.
    Recipe('thumb', 'fist', 'open_palm', THUMB_BONES, (20.0, 50.0)),
    Recipe('call_me', 'fist', 'open_palm', THUMB_BONES + PINKY, (20.0, 50.0)),
    Recipe('none', 'point', 'open_palm', MIDDLE + RING),
    Recipe('none', 'point', 'open_palm', PINKY),
    Recipe('none', 'fist', 'open_palm', PINKY),
    Recipe('none', 'fist', 'open_palm', MIDDLE),
    Recipe('none', 'open_palm', 'fist', INDEX),
    Recipe('none', 'open_palm', 'fist', PINKY),
)


def composite_hands(
    landmarks: Array, names: NDArray[np.str_], random: np.random.Generator, per_recipe: int
) -> tuple[Array, list[str]]:
    """Put hands together from recorded ones, up to `per_recipe` for each of `RECIPES`.

    `landmarks`: (N, 21, 2); `names`: (N,), the shape each shows. Returns the new hands' landmarks
    (M, 21, 2) and shapes (M).
    """
    hands: list[Array] = []
    shapes: list[str] = []
    for recipe in RECIPES:
        donors = landmarks[names == recipe.donor]
        bases = landmarks[names == recipe.base]
        if not len(donors) or not len(bases):
            continue
        solvers = _solvers(donors)
        for number in random.permutation(len(bases))[:per_recipe]:
            hand = _composed(bases[number], donors, solvers, recipe, random)
            if hand is not None:
                hands.append(hand)
                shapes.append(recipe.shape)
    return np.array(hands).reshape(-1, 21, 2), shapes


def _with_one(points: Array) -> Array:
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)


def _solvers(donors: Array) -> Array:
    """Return per donor what turns a palm (5, 2) into the affine map (3, 2) onto it."""
    return np.linalg.pinv(_with_one(donors[:, list(PALM)]))


def _composed(
    base: Array, donors: Array, solvers: Array, recipe: Recipe, random: np.random.Generator
) -> Array | None:
    """Return `base` with the joints of the donor whose palm fits best; None if none fits."""
    palm = base[list(PALM)]
    maps = solvers @ palm
    mapped = _with_one(donors[:, list(PALM)]) @ maps
    misfits = np.linalg.norm(mapped - palm, axis=2).max(axis=1) / palm_size(base)
    stretch = np.linalg.svd(maps[:, :2], compute_uv=False)
    misfits[stretch[:, 0] > LARGEST_STRETCH * stretch[:, 1]] = np.inf
    # Not always the very best: one donor would then lend its finger to all.
    fitting = np.argsort(misfits)[:5]
    fitting = fitting[misfits[fitting] < LARGEST_MISFIT]
    if not len(fitting):
        return None
    chosen = random.choice(fitting)
    hand = base.copy()
    joints = list(recipe.joints)
    hand[joints] = _with_one(donors[chosen, joints]) @ maps[chosen]
    if recipe.thumb_turn_degrees is not None:
        _turn_thumb(hand, random.uniform(*recipe.thumb_turn_degrees))
    return hand


def _turn_thumb(hand: Array, degrees: float) -> None:
    """Turn the thumb about its root, away from the fingers, in place."""
    root, axis = hand[1], hand[9] - hand[0]
    thumb = hand[4] - hand[1]
    side = np.sign(axis[0] * thumb[1] - axis[1] * thumb[0]) or 1.0
    angle = side * np.radians(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    hand[2:5] = (hand[2:5] - root) @ turn.T + root
