"""Say whose hand it is: the face within whose arm's reach it lies, if only one can be meant.

One picture may mislead, so the last pictures vote, or all pictures of what the hand holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mmoment_vision.gesture_features import as_points, palm_size

NO_OWNER = 0
# Everything in heights of the face box (about 0.18 m): shoulders stand this far below the middle of
# the face and to its sides, and an arm reaches so far from them to the middle of the palm.
SHOULDERS_BELOW = 0.8
SHOULDERS_ASIDE = 1.1
ARM_REACH = 4.0
# Wrist to knuckles is about half a face high. Much smaller or larger: another distance from the
# camera, another person. Hands stretched towards the camera look large.
SMALLEST_PALM = 0.2
LARGEST_PALM = 1.6
# The second face must be this much further away, in face heights and as a factor.
CLEAR_MARGIN = 0.7
CLEAR_FACTOR = 1.3
# Votes of a hand that shows nothing count so long, and those of as many pictures at least.
VOTE_S = 0.6
FEWEST_VOTES = 3
# A hold of a minute at the usual rate: later pictures push out the first ones.
MOST_VOTES = 1000


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face in the same picture as the hand, pixels."""

    track_id: int
    x: float
    y: float
    width: float
    height: float


def find_owner(landmarks: ArrayLike, faces: Sequence[FaceBox]) -> int:
    """Return the track id of the face a hand belongs to, or `NO_OWNER` if none or in doubt.

    `landmarks`: 21 rows of x, y in pixels.
    """
    points = as_points(landmarks)
    centre = points[[0, 5, 9, 13, 17]].mean(axis=0)
    palm = palm_size(points)
    reachable = sorted(
        (distance, face.track_id)
        for face in faces
        if (distance := _reach(centre, palm, face)) is not None
    )
    if not reachable:
        return NO_OWNER
    nearest, owner = reachable[0]
    if len(reachable) > 1:
        second = reachable[1][0]
        if second < nearest + CLEAR_MARGIN or second < nearest * CLEAR_FACTOR:
            return NO_OWNER
    return owner


def _reach(centre: np.ndarray, palm: float, face: FaceBox) -> float | None:
    """Distance from the shoulders to the hand in face heights; None if no arm gets there."""
    if face.height <= 0 or not SMALLEST_PALM <= palm / face.height <= LARGEST_PALM:
        return None
    aside = abs(centre[0] - face.x - face.width / 2) / face.height - SHOULDERS_ASIDE
    below = (centre[1] - face.y) / face.height - 0.5 - SHOULDERS_BELOW
    distance = float(np.hypot(max(0.0, aside), below))
    return distance if distance <= ARM_REACH else None


class OwnerVotes:
    """Owners of the hands of one stream of pictures. Times go forward, in seconds."""

    def __init__(self) -> None:
        self._hands: dict[int, deque[tuple[float, int]]] = {}

    def update(
        self,
        track_id: int,
        landmarks: ArrayLike,
        faces: Sequence[FaceBox],
        now_s: float,
        since_s: float | None = None,
    ) -> int:
        """Take a hand in the next picture; return its owner: a face of this picture, or `NO_OWNER`.

        The owner is the face that more than half of the pictures speak for: those of the last
        `VOTE_S`, and all since `since_s`, when the hand began to show a gesture. "In doubt" is a
        vote too. A face that is gone owns nothing, whatever the votes.
        """
        votes = self._hands.setdefault(track_id, deque(maxlen=MOST_VOTES))
        votes.append((now_s, find_owner(landmarks, faces)))
        oldest_s = now_s - VOTE_S if since_s is None else min(now_s - VOTE_S, since_s)
        while len(votes) > FEWEST_VOTES and votes[0][0] < oldest_s:
            votes.popleft()
        cast = [owner for _, owner in votes]
        for face in faces:
            if 2 * cast.count(face.track_id) > len(cast):
                return face.track_id
        return NO_OWNER

    def keep(self, since_s: float) -> None:
        """Forget the hands that have not been seen since then."""
        for track_id in [n for n, votes in self._hands.items() if votes[-1][0] < since_s]:
            del self._hands[track_id]
