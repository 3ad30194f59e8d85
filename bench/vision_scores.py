"""Scores face boxes against reference boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    right: int = 0  # of those, on a reference face

    @property
    def recall(self) -> float:
        """Share of the reference's faces that have a box."""
        return self.found / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        """Share of our boxes that are on a face of the reference."""
        return self.right / self.boxes if self.boxes else 1.0


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
        if len(wanted):
            same = overlaps(boxes, wanted) >= SAME_OVERLAP
            scores.found += int(same.any(axis=0)[large].sum())
            scores.right += int(same.any(axis=1)[ours_large].sum())


def _sides(boxes: Boxes) -> Boxes:
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
