"""When a followed face may have become another's: faces that touch, hide each other or jump."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import Boxes, covered, intersections

# Boxes are widened by this share of their width to each side before they count as touching: the
# tracker may take one face for the other a little before and after they overlap.
TOUCHING_SHARE = 0.15

# A face that vanishes while this share of it (or of the other) lies in common with another was
# hidden by it, or has hidden it: which of the two is still seen, only a look can tell.
HIDING_SHARE = 0.3

# A face moves less than this between two pictures: a quarter of its width for a shaky box, and four
# widths a second, which is somebody who runs close by.
JUMP_WIDTHS = 0.25
JUMP_WIDTHS_PER_S = 4.0
# Nor does it grow or shrink by more than this factor from one picture to the next.
JUMP_GROWTH = 1.6


def touching(boxes: Boxes) -> NDArray[np.bool_]:
    """Which of the boxes (N, 4) touch another one: (N,)."""
    reach = TOUCHING_SHARE * (boxes[:, 2:3] - boxes[:, :1])
    wide = boxes + np.concatenate([-reach, -reach, reach, reach], axis=1)
    common = intersections(wide, wide)
    np.fill_diagonal(common, 0)
    return np.asarray(common.any(axis=1))


def beside(boxes: Boxes, vanished: Boxes) -> NDArray[np.bool_]:
    """Which of the boxes (N, 4) lie where one of those that `vanished` (M, 4) was: (N,)."""
    return np.asarray((covered(boxes, vanished) > HIDING_SHARE).any(axis=1))


def has_jumped(before: Boxes, after: Boxes, elapsed_s: float) -> bool:
    """Whether no face gets from one box (4,) to the other in that time."""
    widths = before[2] - before[0], after[2] - after[0]
    width = max(1.0, float(min(widths)))
    moved = np.abs(after - before).reshape(2, 2).mean(axis=0).max()
    return bool(
        moved > width * (JUMP_WIDTHS + JUMP_WIDTHS_PER_S * elapsed_s)
        or max(widths) > width * JUMP_GROWTH
    )
