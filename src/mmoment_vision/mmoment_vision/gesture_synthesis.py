"""Hands that never were: landmarks computed from joint angles, for gestures without examples.

A jointed hand with the proportions of an adult's is bent into a shape with random variation,
turned in space, projected by a pinhole camera and blurred by noise. The result looks like the
landmarks of MediaPipe Hands in pictures, without being any. It teaches the gesture model what
recorded examples do not show (thumbs, peace, call_me, everything that is no gesture); how well
that works is measured on pictures of real hands only.

Axes of the hand: x to the thumb's side, y along the middle finger, z out of the palm; the unit is
the distance from wrist to middle knuckle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

SHAPES = ('open_palm', 'fist', 'point', 'peace', 'thumb', 'ok', 'call_me', 'none')

KNUCKLES = np.array([[0.27, 0.96, 0.0], [0.03, 1.0, 0.0], [-0.19, 0.94, 0.0], [-0.38, 0.82, 0.0]])
BONES = np.array([[0.47, 0.28, 0.22], [0.52, 0.33, 0.23], [0.48, 0.31, 0.23], [0.37, 0.22, 0.20]])
THUMB_ROOT = np.array([0.26, 0.20, 0.06])
THUMB_BONES = np.array([0.46, 0.36, 0.29])
# Flexion of knuckle, middle and last joint of a finger in a fist and in the ring of `ok`.
CURLED_DEGREES = np.array([72.0, 98.0, 55.0])
PINCHING_DEGREES = np.array([42.0, 62.0, 32.0])
SPREAD_DEGREES = np.array([7.0, 0.0, -6.0, -13.0])

# Directions of the thumb's three bones.
THUMB_OUT = np.array([[0.70, 0.65, 0.15], [0.68, 0.72, 0.05], [0.66, 0.75, 0.0]])
THUMB_UP = np.array([[0.78, 0.58, 0.22], [0.92, 0.38, 0.06], [0.97, 0.22, -0.05]])
THUMB_ACROSS = np.array([[0.35, 0.70, 0.60], [-0.40, 0.62, 0.66], [-0.90, 0.35, 0.25]])
THUMB_ALONG = np.array([[0.50, 0.82, 0.28], [0.12, 0.95, 0.28], [-0.10, 0.96, 0.25]])
THUMB_IN_PALM = np.array([[0.30, 0.72, 0.62], [-0.45, 0.70, 0.45], [-0.75, 0.62, 0.10]])
FOLDED_THUMBS = [THUMB_ACROSS, THUMB_ALONG, THUMB_IN_PALM]

# Straight fingers (index, middle, ring, pinky) of each shape without a pinch.
STRAIGHT_FINGERS = {
    'open_palm': (1, 1, 1, 1),
    'fist': (0, 0, 0, 0),
    'point': (1, 0, 0, 0),
    'peace': (1, 1, 0, 0),
    'thumb': (0, 0, 0, 0),
    'call_me': (0, 0, 0, 1),
}
# The same that are no gesture of ours.
OTHER_FINGERS = (
    (1, 1, 1, 0),
    (0, 1, 1, 1),
    (1, 0, 0, 1),
    (0, 0, 0, 1),
    (0, 1, 0, 0),
    (1, 0, 1, 1),
    (0, 0, 1, 1),
    (1, 1, 0, 1),
)
# Three fingers up is by far the most common sign that is none of ours.
OTHER_WEIGHTS = (0.44, 0.08, 0.10, 0.12, 0.08, 0.06, 0.06, 0.06)
# A little finger alone: with the thumb out as well it would be `call_me`.
PINKY_ALONE = (0, 0, 0, 1)

# How far hands lean to or from the camera; a fist or a thumb is held out to it, knuckles first.
USUAL_LEAN_DEGREES = 28.0
FORWARD_LEAN_DEGREES = {'thumb': 42.0, 'fist': 36.0}


@dataclass(frozen=True, slots=True)
class Pose:
    """A hand before it is turned: flexion of each finger and the thumb's bones.

    `flexion_degrees`: (4, 3), knuckle, middle and last joint of index to pinky, 0 is straight.
    `spread_degrees`: (4,), sideways, positive to the thumb's side. `thumb`: (3, 3), directions of
    the thumb's bones. `pinch`: the thumb's tip is drawn to the index finger's.
    """

    flexion_degrees: Vector
    spread_degrees: Vector
    thumb: Vector
    pinch: bool = False


def synthetic_hand(shape: str, random: np.random.Generator) -> Vector:
    """Return 21 landmarks (x, y; y downwards, arbitrary unit) of one made-up hand.

    `shape`: one of `SHAPES`; `thumb` is a fist with the thumb out. Any turn in the picture.
    """
    joints = hand_joints(random_pose(shape, random), random)
    if random.random() < 0.5:
        joints = joints * np.array([-1.0, 1.0, 1.0])
    points = _project(joints, _random_view(shape, random), random)
    noise = random.choice([0.012, 0.025, 0.04], p=[0.4, 0.45, 0.15])
    return points + random.normal(0.0, noise, points.shape)


def random_pose(shape: str, random: np.random.Generator) -> Pose:
    """Bend a hand into `shape`, a little differently each time."""
    if shape == 'none':
        return _random_other_pose(random)
    if shape == 'ok':
        fingers = np.stack([_pinching(random), *(_straight(random, 1.6) for _ in range(3))])
        return Pose(fingers, _spread(random), THUMB_OUT, pinch=True)
    straight = STRAIGHT_FINGERS[shape]
    fingers = np.stack([_straight(random) if up else _curled(random) for up in straight])
    open_thumbs = [THUMB_OUT, THUMB_UP, THUMB_ALONG, THUMB_IN_PALM]
    folded = FOLDED_THUMBS
    thumb = {
        'open_palm': lambda: _mix(open_thumbs, random, [0.65, 0.15, 0.1, 0.1]),
        'fist': lambda: _mix(folded, random, [0.55, 0.4, 0.05]),
        'point': lambda: _mix([*folded, THUMB_OUT], random, [0.45, 0.3, 0.1, 0.15]),
        'peace': lambda: _mix(folded, random, [0.5, 0.15, 0.35]),
        'thumb': lambda: _mix([THUMB_UP, THUMB_OUT], random, [0.85, 0.15]),
        'call_me': lambda: _mix([THUMB_UP, THUMB_OUT], random, [0.7, 0.3]),
    }[shape]()
    spread = _spread(random)
    if shape == 'peace':
        opening = random.uniform(4.0, 16.0)
        spread[:2] += [opening * 0.5, -opening * 0.5]
    if shape == 'call_me':
        # Stretched away from the thumb, the little finger leans outwards.
        spread[3] -= random.uniform(0.0, 18.0)
    return Pose(fingers, spread, thumb)


def hand_joints(pose: Pose, random: np.random.Generator) -> Vector:
    """Return the 21 joints (21, 3) of a pose, with the proportions of a random person."""
    sizes = random.normal(1.0, 0.06, 4)[:, None] * random.normal(1.0, 0.03, (4, 3))
    joints = np.zeros((21, 3))
    for finger in range(4):
        joints[5 + 4 * finger : 9 + 4 * finger] = _finger_chain(
            KNUCKLES[finger] * random.normal(1.0, 0.03, 3),
            BONES[finger] * sizes[finger],
            pose.flexion_degrees[finger],
            pose.spread_degrees[finger],
        )
    directions = pose.thumb + random.normal(0.0, 0.10, (3, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    root = THUMB_ROOT * random.normal(1.0, 0.08, 3)
    lengths = THUMB_BONES * random.normal(1.0, 0.05)
    thumb = np.vstack([root, root + np.cumsum(directions * lengths[:, None], axis=0)])
    if pose.pinch:
        target = joints[8] + random.normal(0.0, 0.04, 3)
        thumb = _reach_for(thumb, target, lengths)
    joints[1:5] = thumb
    return joints


def _finger_chain(knuckle: Vector, bones: Vector, flexion: Vector, spread: float) -> Vector:
    sideways = np.radians(spread)
    forward = np.array([np.sin(sideways), np.cos(sideways), 0.0])
    bent = np.radians(np.cumsum(flexion))
    steps = np.cos(bent)[:, None] * forward + np.sin(bent)[:, None] * np.array([0.0, 0.0, 1.0])
    return np.vstack([knuckle, knuckle + np.cumsum(steps * bones[:, None], axis=0)])


def _reach_for(chain: Vector, target: Vector, lengths: Vector) -> Vector:
    """Bend a chain of bones so that its end comes to `target` (FABRIK, a few rounds)."""
    root = chain[0].copy()
    for _ in range(8):
        chain[-1] = target
        for joint in range(len(chain) - 2, -1, -1):
            step = chain[joint] - chain[joint + 1]
            chain[joint] = chain[joint + 1] + step / np.linalg.norm(step) * lengths[joint]
        chain[0] = root
        for joint in range(1, len(chain)):
            step = chain[joint] - chain[joint - 1]
            chain[joint] = chain[joint - 1] + step / np.linalg.norm(step) * lengths[joint - 1]
    return chain


def _straight(random: np.random.Generator, looseness: float = 1.0) -> Vector:
    limits = np.array([18.0, 14.0, 10.0]) * looseness
    return np.abs(random.normal(0.0, limits)) + random.normal(0.0, 3.0, 3)


def _curled(random: np.random.Generator) -> Vector:
    return CURLED_DEGREES + random.normal(0.0, 14.0, 3)


def _pinching(random: np.random.Generator) -> Vector:
    return PINCHING_DEGREES + random.normal(0.0, 11.0, 3)


def _half_bent(random: np.random.Generator) -> Vector:
    bend = random.uniform(0.35, 0.6)
    return CURLED_DEGREES * bend + random.normal(0.0, 8.0, 3)


def _spread(random: np.random.Generator) -> Vector:
    return SPREAD_DEGREES * random.uniform(0.2, 1.8) + random.normal(0.0, 2.0, 4)


def _mix(thumbs: list[Vector], random: np.random.Generator, weights: list[float]) -> Vector:
    """Choose one thumb and lean it a little towards another."""
    chosen = thumbs[random.choice(len(thumbs), p=weights)]
    other = thumbs[random.integers(len(thumbs))]
    lean = random.uniform(0.0, 0.3)
    return chosen * (1.0 - lean) + other * lean


def _random_other_pose(random: np.random.Generator) -> Pose:
    """A hand that shows none of the gestures: relaxed, on the way, or other fingers straight."""
    kind = random.random()
    thumbs = [THUMB_OUT, THUMB_ALONG, THUMB_ACROSS, THUMB_IN_PALM]
    thumb = _mix(thumbs, random, [0.25] * 4)
    if kind < 0.30:
        bend = random.uniform(0.3, 0.6)
        curl = CURLED_DEGREES * bend
        fingers = np.stack([curl * random.normal(1.0, 0.15) for _ in range(4)])
        fingers = fingers + random.normal(0.0, 6.0, (4, 3))
    elif kind < 0.45:
        fingers = np.stack([_half_bent(random) for _ in range(4)])
        straight = random.integers(4)
        fingers[straight] = _straight(random)
    elif kind < 0.67:
        fingers = np.stack([_curled(random), *(_straight(random) for _ in range(3))])
        return Pose(fingers, _spread(random), THUMB_ACROSS, pinch=True)
    else:
        pattern = OTHER_FINGERS[random.choice(len(OTHER_FINGERS), p=OTHER_WEIGHTS)]
        fingers = np.stack([_straight(random) if up else _curled(random) for up in pattern])
        if pattern == PINKY_ALONE:
            thumb = FOLDED_THUMBS[random.integers(len(FOLDED_THUMBS))]
    return Pose(fingers, _spread(random), thumb)


def _random_view(shape: str, random: np.random.Generator) -> Vector:
    """Return a rotation (3, 3): palm or back to the camera, leaning, any turn in the picture."""
    forward_degrees = FORWARD_LEAN_DEGREES.get(shape, USUAL_LEAN_DEGREES)
    lean_forward, lean_side = np.radians(random.normal(0.0, [forward_degrees, 32.0]))
    if random.random() < 0.5:
        lean_side += np.pi
    turn = random.uniform(0.0, 2.0 * np.pi)
    return _turn(2, turn) @ _turn(0, lean_forward) @ _turn(1, lean_side)


def _turn(axis: int, angle: float) -> Vector:
    first, second = [index for index in range(3) if index != axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


def _project(joints: Vector, view: Vector, random: np.random.Generator) -> Vector:
    seen = (joints - joints.mean(axis=0)) @ view.T
    distance = random.uniform(3.5, 15.0)
    scale = distance / (distance - seen[:, 2])
    return seen[:, :2] * scale[:, None] * np.array([1.0, -1.0])
