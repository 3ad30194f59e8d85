"""What was seen of one followed face, and how much of it speaks for a name."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from mmoment_vision.face_boxes import Boxes
from mmoment_vision.face_gallery import NOBODY

# A sighting of nobody says less against a name than one of another person: a face that is half
# turned away is nobody's.
WEIGHT_OF_NOBODY = 0.5

# Fewer say nothing about which of two tracks that seem to be one person is more alike.
SIGHTINGS_TO_COMPARE = 4


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the gallery said of one picture of a face; `weight` 0..1: how good a view."""

    identity: str
    similarity: float
    weight: float
    taken_s: float


@dataclass(slots=True, eq=False)
class SeenTrack:
    """What is known of one followed face."""

    box: Boxes
    seen_s: float  # last picture with it
    next_look_s: float
    interval_s: float
    fast_left: int
    sightings: deque[Sighting]
    name: str = NOBODY
    similarity: float = 0.0
    against: float = 0.0  # votes since the last sighting that agreed with the name
    doubted_s: float | None = None  # None: not doubtful
    cleared: float = 0.0  # votes that agreed since then
    is_withheld: bool = False  # not named until the next sighting that agrees
    touched_s: float = field(default=float('-inf'))
    burst_s: float = field(default=float('-inf'))
    asked_s: float | None = None  # since when another track asks for this name

    def evidence(self, identity: str) -> float:
        """Votes for an identity less those against it."""
        return sum(
            sighting.weight
            if sighting.identity == identity
            else -sighting.weight * (1.0 if sighting.identity else WEIGHT_OF_NOBODY)
            for sighting in self.sightings
        )

    def agreement(self, identity: str, since_s: float) -> float | None:
        """Mean similarity to an identity since then; None if too few looks tell."""
        found = [
            sighting.similarity if sighting.identity == identity else 0.0
            for sighting in self.sightings
            if sighting.taken_s >= since_s
        ]
        return sum(found) / len(found) if len(found) >= SIGHTINGS_TO_COMPARE else None
