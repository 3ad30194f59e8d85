"""Numbers that describe the shape of a hand, whatever its place, size and turn in the picture.

All features come from the x and y of the 21 landmarks of MediaPipe Hands alone (its depth is too
rough to help) and stay the same when the hand is moved, scaled, turned in the picture or
mirrored. The one thing in which turning matters, thumb up or down, is not a feature: see
`thumb_elevation`.
"""

from __future__ import annotations

from math import dist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Point = tuple[float, float]

LANDMARKS = 21
WRIST = 0
THUMB = (1, 2, 3, 4)
# Knuckle, middle joint, last joint, tip; as MediaPipe Hands numbers them.
FINGERS = {
    'index': (5, 6, 7, 8),
    'middle': (9, 10, 11, 12),
    'ring': (13, 14, 15, 16),
    'pinky': (17, 18, 19, 20),
}
FEATURE_NAMES = (
    *(f'{finger}_straightness' for finger in FINGERS),
    *(f'{finger}_reach' for finger in FINGERS),
    *(f'{finger}_direction' for finger in FINGERS),
    'thumb_straightness',
    'thumb_reach',
    'thumb_direction',
    'thumb_to_index_knuckle',
    'thumb_to_pinky_knuckle',
    'thumb_to_index_tip',
    'thumb_to_middle_joint',
    'index_middle_gap',
    'pinch_opening',
    'palm_aspect',
)
# A finger that points at the camera has almost no length in the picture: without a floor its
# ratios would be noise over noise.
SHORTEST_LENGTH = 1e-3
LARGEST_RATIO = 4.0


def gesture_features(landmarks: ArrayLike) -> NDArray[np.float64]:
    """Describe the shape of one hand.

    `landmarks`: 21 rows of x, y (more columns are ignored), y downwards, any unit with square
    pixels. Returns one number per name in `FEATURE_NAMES`. Raises ValueError for another shape
    or for numbers that are not finite.

    Straightness is the distance from knuckle to tip over the length of the way along the bones
    (1 is a straight finger); reach is how far the tip stands from the wrist beyond the middle
    joint, in palm sizes; direction is the cosine between finger and palm axis.
    """
    points = _tuples(as_points(landmarks))
    palm = _palm_size(points)
    axis = _unit(points[WRIST], points[9])
    values: list[float] = []
    for measure in (_straightness, _reach, _direction):
        values += [measure(points, joints, palm, axis) for joints in FINGERS.values()]
    wrist, thumb_tip, index_tip = points[WRIST], points[4], points[8]
    pinch = dist(thumb_tip, index_tip)
    index_length = dist(points[5], points[6]) + dist(points[6], index_tip)
    values += [
        _straightness(points, THUMB, palm, axis),
        (dist(thumb_tip, wrist) - dist(points[2], wrist)) / palm,
        _direction(points, (2, 3, 3, 4), palm, axis),
        dist(thumb_tip, points[5]) / palm,
        dist(thumb_tip, points[17]) / palm,
        pinch / palm,
        dist(thumb_tip, points[10]) / palm,
        dist(index_tip, points[12]) / palm,
        pinch / max(index_length, palm * 0.2),
        dist(points[17], points[5]) / palm,
    ]
    return np.clip(np.asarray(values), -LARGEST_RATIO, LARGEST_RATIO)


def as_points(landmarks: ArrayLike) -> NDArray[np.float64]:
    """Return x and y of the 21 landmarks as a (21, 2) array; ValueError if they are not that."""
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim != 2 or points.shape[0] != LANDMARKS or points.shape[1] < 2:
        raise ValueError(f'landmarks must be {LANDMARKS} rows of x and y, not {points.shape}')
    points = points[:, :2]
    if not np.isfinite(points).all():
        raise ValueError('landmarks must be finite numbers')
    return points


def palm_size(points: NDArray[np.float64]) -> float:
    """Size of the palm in the unit of `points`, steady when the hand is seen from the side.

    The longest of wrist to index, middle and pinky knuckle; across the palm counts too, for a
    palm that leans towards the camera.
    """
    return _palm_size(_tuples(points))


def thumb_elevation(landmarks: ArrayLike) -> float:
    """How far the thumb points up in the picture: 1 straight up, 0 level, -1 straight down."""
    points = _tuples(as_points(landmarks))
    return -_unit(points[2], points[4])[1]


def _tuples(points: NDArray[np.float64]) -> list[Point]:
    """Plain numbers: on so few, arrays cost thirty times as much."""
    return [(x, y) for x, y in points[:, :2].tolist()]


def _palm_size(points: list[Point]) -> float:
    wrist, index, middle, pinky = points[WRIST], points[5], points[9], points[17]
    return max(
        dist(wrist, index),
        dist(wrist, middle),
        dist(wrist, pinky),
        1.25 * dist(index, pinky),
        SHORTEST_LENGTH,
    )


def _unit(start: Point, end: Point) -> Point:
    length = max(dist(start, end), SHORTEST_LENGTH)
    return (end[0] - start[0]) / length, (end[1] - start[1]) / length


def _straightness(points: list[Point], joints: tuple[int, ...], palm: float, axis: Point) -> float:
    first, second, third, tip = (points[joint] for joint in joints)
    way = dist(first, second) + dist(second, third) + dist(third, tip)
    return dist(first, tip) / max(way, palm * 0.1)


def _reach(points: list[Point], joints: tuple[int, ...], palm: float, axis: Point) -> float:
    wrist = points[WRIST]
    return (dist(points[joints[3]], wrist) - dist(points[joints[1]], wrist)) / palm


def _direction(points: list[Point], joints: tuple[int, ...], palm: float, axis: Point) -> float:
    across, along = _unit(points[joints[0]], points[joints[3]])
    return across * axis[0] + along * axis[1]
