"""How faces move between two pictures: sparse optical flow, one shift and growth per box."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import Boxes, Picture

Points = NDArray[np.floating]

# A picture is halved until it is no higher: flow on a 40 px face of a 1080p picture still sees
# 10 px, and the cost of the flow is that of a small picture.
FLOW_HEIGHT_PX = 360

# Points followed in each box: a grid over its inner part, where there is face and no background.
GRID_POINTS = 4
GRID_MARGIN = 0.2

FLOW_WINDOW_PX = 11
FLOW_LEVELS = 3
FLOW_STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03)

# A point counts if following it back ends this near to where it began (flow pixels), and a box if
# this share of its points counts.
ROUND_TRIP_PX = 1.0
POINTS_NEEDED = 0.4

# Points nearer to the middle say nothing about growth (flow pixels).
MIDDLE_PX = 0.5

# Growth of a face from one picture to the next beyond this is taken for an error.
GROWTH_LIMIT = 1.1


@dataclass(frozen=True, slots=True)
class FlowPicture:
    """A small grey picture to measure motion on."""

    grey: Picture
    shrink: float  # sides of the original over sides of `grey`


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion of each box between two pictures."""

    shift: NDArray[np.float32]  # (N, 2): of the centre, pixels of the original
    growth: NDArray[np.float32]  # (N,): ratio of sizes
    reliable: NDArray[np.bool_]  # (N,): false where too few points could be followed


def flow_picture(picture: Picture) -> FlowPicture:
    """Shrink `picture` (height, width, 3; BGR) for the measurement of motion."""
    width = picture.shape[1]
    small = picture
    while small.shape[0] > FLOW_HEIGHT_PX:
        size = (small.shape[1] // 2, small.shape[0] // 2)
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        if small.ndim == 3:
            small = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return FlowPicture(np.asarray(small, np.uint8), width / small.shape[1])


def measure_motion(before: FlowPicture, after: FlowPicture, boxes: Boxes) -> Motion:
    """Follow `boxes` (pixels of the original picture) from one picture to the next.

    The median over the points that survive the way there and back, as in Kalal et al.,
    "Forward-Backward Error: Automatic Detection of Tracking Failures", 2010.
    """
    count = len(boxes)
    if not count or before.grey.shape != after.grey.shape:
        return Motion(
            np.zeros((count, 2), np.float32), np.ones(count, np.float32), np.zeros(count, bool)
        )
    start = _grid(boxes) / before.shrink
    flat = start.reshape(-1, 1, 2).astype(np.float32)
    end, found = _flow(before, after, flat)
    back, found_back = _flow(after, before, end)
    near = np.abs(back - flat).max(axis=(1, 2)) < ROUND_TRIP_PX
    valid = (near & found & found_back).reshape(count, -1)
    reliable = valid.mean(axis=1) >= POINTS_NEEDED
    start = np.where(valid[..., None], start, np.nan)
    end = np.where(valid[..., None], end.reshape(count, -1, 2), np.nan)
    shift = _medians(end - start) * np.float32(before.shrink)
    growth = _growths(start, end)
    shift[~reliable], growth[~reliable] = 0, 1
    return Motion(shift.astype(np.float32), growth.astype(np.float32), reliable)


def moved(boxes: Boxes, motion: Motion) -> Boxes:
    """`boxes` after `motion`: centres shifted, sides multiplied."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 + motion.shift
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * motion.growth[:, None]
    return np.concatenate([centres - half, centres + half], axis=1)


def _grid(boxes: Boxes) -> NDArray[np.float32]:
    """Points of each box: shape (N, GRID_POINTS squared, 2)."""
    steps = np.linspace(GRID_MARGIN, 1 - GRID_MARGIN, GRID_POINTS, dtype=np.float32)
    columns, rows = np.meshgrid(steps, steps)
    fractions = np.stack([columns.ravel(), rows.ravel()], axis=1)
    return np.asarray(boxes[:, None, :2] + fractions * (boxes[:, 2:] - boxes[:, :2])[:, None])


def _flow(
    before: FlowPicture, after: FlowPicture, points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    nowhere = np.empty_like(points)
    end, status, _ = cv2.calcOpticalFlowPyrLK(
        before.grey,
        after.grey,
        points,
        nowhere,
        winSize=(FLOW_WINDOW_PX, FLOW_WINDOW_PX),
        maxLevel=FLOW_LEVELS,
        criteria=FLOW_STOP,
    )
    return np.asarray(end, np.float32), np.asarray(status[:, 0] == 1)


def _growths(start: Points, end: Points) -> Points:
    """Median ratio of the distances of the points to their middle, for each box."""
    before = np.linalg.norm(start - _medians(start)[:, None], axis=2)
    after = np.linalg.norm(end - _medians(end)[:, None], axis=2)
    ratios = np.where(before >= MIDDLE_PX, after / np.maximum(before, MIDDLE_PX), np.nan)
    return np.clip(_medians(ratios[..., None])[:, 0], 1 / GROWTH_LIMIT, GROWTH_LIMIT)


def _medians(values: Points) -> Points:
    """Median over the second axis of (N, points, K), without NaN; NaN where nothing else is."""
    ordered = np.sort(values, axis=1)  # NaN comes last
    count = np.isfinite(values).sum(axis=1)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0)[:, None] // 2, axis=1)
    high = np.take_along_axis(ordered, count[:, None] // 2 % values.shape[1], axis=1)
    return np.asarray((low + high)[:, 0] / 2)
