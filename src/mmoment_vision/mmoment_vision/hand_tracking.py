"""Follow hands from picture to picture and give each a number of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.gesture_features import palm_size
from mmoment_vision.hand_landmarks import UNKNOWN, DetectedHand

# How far the middle of a palm may lie from where it was expected, in palm sizes.
GATE_PALMS = 2.0
# A hand out of sight may have gone further: more room per second.
GATE_PALMS_PER_S = 4.0
# Judged the other hand than before: as bad as this many palm sizes.
OTHER_HAND_PALMS = 0.6
# How fast an estimated velocity gives way to the newest one, and how much of it is believed.
VELOCITY_BLEND = 0.5
LONGEST_PREDICTION_S = 0.2
# Pictures may come this slowly: at the lowest rate that can be asked for, and some time to work.
# After a longer pause nobody knows what the hands did.
LONGEST_PAUSE_S = 3.0
VOTE_MEMORY = 0.9


@dataclass(frozen=True, slots=True)
class TrackedHand:
    """A detected hand with the number of its track.

    `handedness` and `handedness_score` are those of the track: votes of its last pictures.
    """

    track_id: int
    hand: DetectedHand
    handedness: str
    handedness_score: float


@dataclass(slots=True)
class _Track:
    track_id: int
    centre: NDArray[np.float64]
    palm: float
    seen_s: float
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    votes: dict[str, float] = field(default_factory=dict)

    def expected(self, now_s: float) -> NDArray[np.float64]:
        return self.centre + self.velocity * min(now_s - self.seen_s, LONGEST_PREDICTION_S)

    def handedness(self) -> tuple[str, float]:
        if not self.votes:
            return UNKNOWN, 0.0
        best = max(self.votes, key=lambda name: self.votes[name])
        return best, self.votes[best] / sum(self.votes.values())

    def take(self, hand: DetectedHand, now_s: float) -> None:
        centre, palm = _place(hand)
        gap_s = now_s - self.seen_s
        if gap_s > 0:
            newest = (centre - self.centre) / gap_s
            self.velocity += VELOCITY_BLEND * (newest - self.velocity)
        self.centre, self.palm, self.seen_s = centre, palm, now_s
        self.votes = {name: votes * VOTE_MEMORY for name, votes in self.votes.items()}
        earlier = self.votes.get(hand.handedness, 0.0)
        self.votes[hand.handedness] = earlier + hand.handedness_score


class HandTracker:
    """Track numbers for hands; a number is never given twice.

    `keep_s`: how long a hand may be out of sight and still get its number back. One that was in
    the picture before is not out of sight, however slowly pictures come.
    """

    def __init__(self, keep_s: float = 0.5) -> None:
        self.keep_s = keep_s
        self._tracks: list[_Track] = []
        self._numbers = itertools.count(1)
        self._last_s = float('-inf')

    def update(self, hands: Sequence[DetectedHand], now_s: float) -> list[TrackedHand]:
        """Return the hands of the next picture with their tracks, in the order given.

        `now_s`: capture time on any clock that only goes forward.
        """
        oldest_s = min(now_s - self.keep_s, max(self._last_s, now_s - LONGEST_PAUSE_S))
        self._tracks = [track for track in self._tracks if track.seen_s >= oldest_s]
        self._last_s = now_s
        chosen = self._match(hands, now_s)
        tracked = []
        for number, hand in enumerate(hands):
            track = chosen.get(number)
            if track is None:
                centre, palm = _place(hand)
                track = _Track(next(self._numbers), centre, palm, now_s)
                self._tracks.append(track)
            track.take(hand, now_s)
            tracked.append(TrackedHand(track.track_id, hand, *track.handedness()))
        return tracked

    def _match(self, hands: Sequence[DetectedHand], now_s: float) -> dict[int, _Track]:
        """Pair hands with tracks, nearest first."""
        pairs = sorted(
            (
                (cost, number, track)
                for number, hand in enumerate(hands)
                for track in self._tracks
                if (cost := _cost(track, hand, now_s)) is not None
            ),
            key=lambda pair: pair[0],
        )
        chosen: dict[int, _Track] = {}
        taken: set[int] = set()
        for _, number, track in pairs:
            if number not in chosen and track.track_id not in taken:
                chosen[number] = track
                taken.add(track.track_id)
        return chosen


def _cost(track: _Track, hand: DetectedHand, now_s: float) -> float | None:
    """Distance to where the track is expected, in palm sizes; None if out of reach."""
    centre, palm = _place(hand)
    size = max(palm, track.palm)
    apart = float(np.linalg.norm(centre - track.expected(now_s))) / size
    # A hand that stops short of its prediction is as likely as one that moves on.
    apart = min(apart, float(np.linalg.norm(centre - track.centre)) / size)
    if apart > GATE_PALMS + GATE_PALMS_PER_S * (now_s - track.seen_s):
        return None
    is_other = track.handedness()[0] not in (UNKNOWN, hand.handedness)
    return apart + (OTHER_HAND_PALMS if is_other else 0.0)


def _place(hand: DetectedHand) -> tuple[NDArray[np.float64], float]:
    """Middle of the palm and its size, pixels: fingers may open and close, these stay."""
    points = hand.landmarks[:, :2].astype(np.float64)
    return points[[0, 5, 9, 13, 17]].mean(axis=0), palm_size(points)
