"""Faces of one picture as arrays, and the arithmetic on their boxes.

A box is a row of (left, top, right, bottom) in pixels of the picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
Picture = NDArray[np.uint8]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """Faces of one picture, in pixels of it."""

    boxes: Boxes  # (N, 4): left, top, right, bottom
    scores: Scores  # (N,): 0..1
    landmarks: NDArray[np.float32]  # (N, 5, 2): person's right eye, left eye, nose, mouth corners

    def __len__(self) -> int:
        return len(self.boxes)

    def chosen(self, rows: NDArray) -> 'FoundFaces':
        """The faces in `rows` (a mask or indices)."""
        return FoundFaces(self.boxes[rows], self.scores[rows], self.landmarks[rows])


def no_faces() -> FoundFaces:
    """The result for a picture without a face."""
    return FoundFaces(empty_boxes(), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32))


def empty_boxes() -> Boxes:
    """No boxes: shape (0, 4)."""
    return np.empty((0, 4), np.float32)


def areas(boxes: Boxes) -> NDArray[np.float32]:
    """Area of each box, square pixels."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def intersections(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """Common area of each pair, square pixels: shape (len(first), len(second))."""
    upper_left = np.maximum(first[:, None, :2], second[None, :, :2])
    lower_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.asarray(np.clip(lower_right - upper_left, 0, None).prod(axis=2))


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """Intersection over union of each pair: shape (len(first), len(second))."""
    common = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None] - common
    return np.asarray(common / np.maximum(union, 1e-9))


def covered(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """Intersection over the smaller area of each pair: 1 where one box lies in the other."""
    smaller = np.minimum(areas(first)[:, None], areas(second)[None])
    return np.asarray(intersections(first, second) / np.maximum(smaller, 1e-9))


def squares(boxes: Boxes) -> Boxes:
    """Square of the longer side around the same centre."""
    side = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = side[:, None] / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def strongest_first(
    relation: NDArray[np.float32], scores: Scores, limit: float
) -> NDArray[np.int64]:
    """Rows that survive greedy suppression.

    The row with the highest score is kept and suppresses every row whose `relation` to it (a
    square matrix of overlaps) is above `limit`; and so on.
    """
    order = np.argsort(-scores, kind='stable')
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        order = rest[relation[best, rest] <= limit]
    return np.array(kept, np.int64)
