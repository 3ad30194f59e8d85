"""What must be made unrecognisable so that nobody who is not named is seen. Fails closed.

Boxes of strangers come from the faces found in the very picture, or in an earlier one: then they
are enlarged by what a face can have moved since. A face that is found no more stays covered for a
while where it was last: detectors drop out. Where nobody knows the faces of a picture, everything
is covered: while no results come, and at first, when a search may still be under way whose result
names what the picture shows.

One limit remains: a face that is not found cannot be covered.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmoment_vision.face_boxes import Boxes, empty_boxes

NS_PER_S = 1_000_000_000

# A box this much older than its picture says too little, however it is enlarged.
LONGEST_LAG_S = 0.3
# A face that is lost is found again by the second search of the picture after that, or it is gone.
LINGER_S = 1.0
# One search of a large picture by a slow processor: until it is over, "no faces" means nothing.
SETTLE_S = 1.0
# After a silence this long the faces may be those of another scene, numbered by another process.
SILENCE_S = 1.0
# How far a face may get away from where its motion takes it: sides of its box per second, on each
# side. Who starts to run (3 m/s2, a face 0.15 m wide) is 0.9 sides away after the longest lag; this
# growth and what the blur of a head reaches beyond the face make 1.0.
GROWTH_PER_S = 2.0
# A lost face stands behind something, or turns away: it does not run further for a whole second,
# and what is covered around it may be somebody else's face.
MOST_GROWTH_OF_LOST = 0.3
# Motion measured over two boxes is carried on no longer.
LONGEST_MOTION_S = 0.3

UNKNOWN = 'faces are not known'
SETTLING = 'looking for faces first'


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face of a result; `box`: left, top, right, bottom, pixels."""

    track_id: int
    box: tuple[float, float, float, float]
    is_named: bool


@dataclass(frozen=True, slots=True)
class Cover:
    """What to cover of a picture: `faces`, (N, 4), or everything if there is a `reason` for it."""

    faces: Boxes
    reason: str = ''


@dataclass(frozen=True, slots=True)
class _Result:
    monotonic_ns: int
    faces: tuple[SeenFace, ...]


class StrangerWatch:
    """Follows the results of the face stage; told by one thread, asked by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: deque[_Result] = deque()
        self._size = (0, 0)
        self._since_ns = 0

    def saw(self, monotonic_ns: int, size: tuple[int, int], faces: Sequence[SeenFace]) -> None:
        """Take the result for the picture of `size` (width, height) captured at that time."""
        with self._lock:
            if not self._goes_on(monotonic_ns, size):
                self._results.clear()
                self._since_ns, self._size = monotonic_ns, size
            self._results.append(_Result(monotonic_ns, tuple(faces)))
            oldest_ns = monotonic_ns - round((LINGER_S + LONGEST_LAG_S) * NS_PER_S)
            while self._results[0].monotonic_ns < oldest_ns:
                self._results.popleft()

    def cover(self, picture_ns: int, size: tuple[int, int], result_ns: int | None) -> Cover:
        """What to cover of the picture captured at `picture_ns`, of `size` (width, height).

        `result_ns`: capture time of the picture whose faces are taken for it; None: there are none.
        """
        with self._lock:
            if result_ns is None or size != self._size:
                return Cover(empty_boxes(), UNKNOWN)
            lag_s = (picture_ns - result_ns) / NS_PER_S
            known = [one for one in self._results if one.monotonic_ns <= result_ns]
            if not known or known[-1].monotonic_ns != result_ns or not 0 <= lag_s <= LONGEST_LAG_S:
                return Cover(empty_boxes(), UNKNOWN)
            if result_ns - self._since_ns < SETTLE_S * NS_PER_S:
                return Cover(empty_boxes(), SETTLING)
        boxes = np.array(_stranger_boxes(known, picture_ns), np.float32).reshape(-1, 4)
        if not np.isfinite(boxes).all():
            return Cover(empty_boxes(), UNKNOWN)
        return Cover(boxes)

    def clear(self) -> None:
        """Forget all results: another scene begins."""
        with self._lock:
            self._results.clear()

    def _goes_on(self, monotonic_ns: int, size: tuple[int, int]) -> bool:
        if not self._results or size != self._size:
            return False
        passed_ns = monotonic_ns - self._results[-1].monotonic_ns
        return 0 <= passed_ns <= SILENCE_S * NS_PER_S


def _stranger_boxes(results: Sequence[_Result], picture_ns: int) -> list[Boxes]:
    """Boxes of every stranger of the last result, and of those lost a short while before it."""
    oldest_ns = results[-1].monotonic_ns - LINGER_S * NS_PER_S
    decided: set[int] = set()
    boxes = []
    for index in range(len(results) - 1, -1, -1):
        result = results[index]
        if result.monotonic_ns < oldest_ns:
            break
        for face in result.faces:
            if face.track_id not in decided and not face.is_named:
                before = _seen_before(results[:index], face.track_id)
                most = np.inf if result is results[-1] else MOST_GROWTH_OF_LOST
                boxes.append(_reach(face, result.monotonic_ns, before, picture_ns, most))
        decided.update(face.track_id for face in result.faces)
    return boxes


def _seen_before(results: Sequence[_Result], track_id: int) -> tuple[SeenFace, int] | None:
    for result in reversed(results):
        for face in result.faces:
            if face.track_id == track_id:
                return face, result.monotonic_ns
    return None


def _reach(
    face: SeenFace,
    seen_ns: int,
    before: tuple[SeenFace, int] | None,
    picture_ns: int,
    most_growth: float,
) -> Boxes:
    """Where a face can be in a picture captured after it was seen: a box, (4,)."""
    box = np.array(face.box, np.float32)
    age_s = (picture_ns - seen_ns) / NS_PER_S
    if age_s <= 0:
        return box
    moved = box
    if before is not None and seen_ns > before[1]:
        speed = (box - np.array(before[0].box, np.float32)) / ((seen_ns - before[1]) / NS_PER_S)
        centre_speed = (speed[:2] + speed[2:]) / 2
        moved = box + np.tile(centre_speed, 2) * min(age_s, LONGEST_MOTION_S)
    low, high = np.minimum(box, moved)[:2], np.maximum(box, moved)[2:]
    margin = (box[2:] - box[:2]) * min(GROWTH_PER_S * age_s, most_growth)
    return np.asarray(np.concatenate([low - margin, high + margin]), np.float32)
