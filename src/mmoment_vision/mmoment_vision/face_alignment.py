"""Turns a face upright and to the size a model wants, by five points."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import Picture

Points = NDArray[np.float32]

# Root mean square distance of the points from their middle, pixels: below this they show no face.
SMALLEST_SPREAD_PX = 1.0

NO_FACE = 'five points of a face are needed: the detector gave none'


@dataclass(frozen=True, slots=True)
class FaceShape:
    """Where a model wants the five points of a face, in pixels of its square picture.

    Order as from the detector: person's right eye, left eye, nose, right and left mouth corner.
    """

    side_px: int
    points: tuple[tuple[float, float], ...]


def similarities(landmarks: Points, shape: FaceShape) -> NDArray[np.float64]:
    """Turn, size and shift from each face's points (N, 5, 2) to those of `shape`: (N, 2, 3).

    The sum of squared distances is smallest (Umeyama, "Least-squares estimation of transformation
    parameters between two point patterns", 1991; without reflection). Points are complex numbers
    here, in which turn and size are one factor. Raises ValueError if points show no face.
    """
    if not np.isfinite(landmarks).all():
        raise ValueError(NO_FACE)
    given = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1].astype(np.float64)
    wanted = np.array([complex(*point) for point in shape.points])
    middle, wanted_middle = given.mean(axis=1), wanted.mean()
    spread = given - middle[:, None]
    power = (np.abs(spread) ** 2).sum(axis=1)
    if (power < SMALLEST_SPREAD_PX**2 * len(wanted)).any():
        raise ValueError(NO_FACE)
    factor = (spread.conj() * (wanted - wanted_middle)).sum(axis=1) / power
    shift = wanted_middle - factor * middle
    rows = [factor.real, -factor.imag, shift.real, factor.imag, factor.real, shift.imag]
    return np.stack(rows, axis=1).reshape(-1, 2, 3)


def aligned(picture: Picture, landmarks: Points, shape: FaceShape) -> Picture:
    """The face with points (5, 2) as (side_px, side_px, 3); the picture's edge goes on outside.

    Raises ValueError if the points show no face.
    """
    return aligned_faces(picture, landmarks[None], shape)[0]


def aligned_faces(picture: Picture, landmarks: Points, shape: FaceShape) -> Picture:
    """The faces with points (N, 5, 2) as (N, side_px, side_px, 3), like `aligned`."""
    faces = np.empty((len(landmarks), shape.side_px, shape.side_px, 3), np.uint8)
    for face, matrix in zip(faces, similarities(landmarks, shape), strict=True):
        _warp(picture, matrix, face)
    return faces


def _warp(picture: Picture, matrix: NDArray[np.float64], face: Picture) -> None:
    side = len(face)
    shrink = int(1.0 / np.hypot(matrix[0, 0], matrix[1, 0]))
    if shrink > 1:
        picture, matrix = _shrunk(picture, matrix, shrink, side)
    cv2.warpAffine(
        picture,
        matrix,
        (side, side),
        dst=face,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _shrunk(
    picture: Picture, matrix: NDArray[np.float64], shrink: int, side: int
) -> tuple[Picture, NDArray[np.float64]]:
    """The part of `picture` that the warp needs, shrunk, and the warp from there.

    Here each pixel counts; the warp looks at four only and would leave grain and stairs.
    """
    inverse = cv2.invertAffineTransform(matrix)
    corners = inverse @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]])
    height, width = picture.shape[:2]
    left, top = np.maximum(np.floor(corners.min(axis=1)).astype(int) - shrink, 0)
    right, bottom = np.ceil(corners.max(axis=1)).astype(int) + shrink
    part = picture[top : min(bottom, height), left : min(right, width)]
    columns, rows = part.shape[1] // shrink, part.shape[0] // shrink
    if not columns or not rows:
        return picture, matrix
    part = part[: rows * shrink, : columns * shrink]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    # The middle of the first small pixel lies (shrink - 1) / 2 behind that of the first large one.
    onto_picture = np.array([[shrink, 0, left], [0, shrink, top], [0, 0, 1]], np.float64)
    onto_picture[:2, 2] += (shrink - 1) / 2
    return small, matrix @ onto_picture
