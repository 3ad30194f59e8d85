"""Scores face boxes against reference boxes, one box for one face."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.vision_reference import Reference
from mmoment_vision.face_boxes import Boxes, overlaps

# A box is right from this overlap (intersection over union) on.
SAME_OVERLAP = 0.5
SMALLEST_FACE_PX = 40.0


@dataclass(slots=True)
class Scores:
    """Counts over pictures."""

    pictures: int = 0
    wanted: int = 0  # reference faces of 40 px or more
    found: int = 0  # of those, with a box of ours
    boxes: int = 0  # boxes of ours of 40 px or more
    right: int = 0  # of those, on a reference face that no better box is on

    @property
    def recall(self) -> float:
        """Share of the reference's faces that have a box; NaN where there were none."""
        return self.found / self.wanted if self.wanted else math.nan

    @property
    def precision(self) -> float:
        """Share of our boxes that have a face of the reference; NaN where there were none."""
        return self.right / self.boxes if self.boxes else math.nan


def score(results: Mapping[int, Boxes], reference: Reference, scores: Scores) -> None:
    """Add the pictures of one pass through the clip.

    A picture without a result has no boxes: its faces are missed. The size of a face is the
    longer side of its box. Near 40 px the same face may be above for one and below for the
    other, so a large face may be matched by a smaller one, but small ones count for neither.
    """
    for number, wanted in reference.boxes.items():
        boxes = results.get(number)
        scores.pictures += 1
        large = _sides(wanted) >= SMALLEST_FACE_PX
        scores.wanted += int(large.sum())
        if boxes is None or not len(boxes):
            continue
        ours_large = _sides(boxes) >= SMALLEST_FACE_PX
        scores.boxes += int(ours_large.sum())
        for ours, theirs in _pairs(boxes, wanted):
            scores.found += int(large[theirs])
            scores.right += int(ours_large[ours])


def _pairs(boxes: Boxes, wanted: Boxes) -> list[tuple[int, int]]:
    """Rows of `boxes` and of `wanted` that belong together, each in one pair, best overlap first."""
    if not len(wanted):
        return []
    table = overlaps(boxes, wanted)
    pairs: list[tuple[int, int]] = []
    while table.max() >= SAME_OVERLAP:
        ours, theirs = divmod(int(table.argmax()), len(wanted))
        pairs.append((ours, theirs))
        table[ours] = table[:, theirs] = -np.inf
    return pairs


def _sides(boxes: Boxes) -> Boxes:
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
