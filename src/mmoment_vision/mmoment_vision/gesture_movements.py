"""Tell the movements of a hand: a wave, and swipes to the left, right, up and down.

A swipe is one fast and straight travel of an open hand that begins and ends slower; a wave is an
open hand that swings from side to side several times. Lengths are in palm sizes, so that neither
the size of the picture nor the distance of the person matters, and times come from the pictures,
so that neither their rate (10 to 30 a second) nor one that is missing does. What keeps the limits
of `gesture_movement_measures` becomes a candidate; how probably it is meant says a logistic function of what was measured,
with the coefficients of `gesture_movement_model.py`, fitted by `gesture_movement_training.py`.

Left and right are those of the person: in a picture that is not mirrored, a person who faces the
camera has the left hand on the right side of the picture.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import exp
from statistics import median

from numpy.typing import ArrayLike

from mmoment_vision import gesture_movement_model as shipped
from mmoment_vision.gesture_movement_measures import (
    FAST_MEMORY_S,
    SWING_LONGEST_S,
    SWING_PALMS,
    SWIPE_MEASURES,
    SWIPE_PALMS_PER_S,
    WAVE_MEASURES,
    WAVE_SWINGS,
    HandSample,
    fast_travel,
    hand_sample,
    speed,
    swipe_measures,
    turning_points,
    wave_measures,
)

WAVE = 'wave'
LEFT, RIGHT, UP, DOWN = 'swipe_left', 'swipe_right', 'swipe_up', 'swipe_down'
SWIPES = (LEFT, RIGHT, UP, DOWN)
MOVEMENTS = (WAVE, *SWIPES)
# The one gesture that may be held while a hand moves with a meaning.
OPEN_PALM = 'open_palm'

# As far back as the slowest wave.
HISTORY_S = WAVE_SWINGS * SWING_LONGEST_S + 0.2
# A hand not seen for longer may have done anything.
LONGEST_GAP_S = 0.4
# Pictures closer than this say more about noise than about speed.
SHORTEST_STEP_S = 0.04
# Fingertips that go less than this to the side in so short a time are in no swing worth measuring.
GLANCE_S = 0.09
GLANCE_PALMS = 0.04


@dataclass(frozen=True, slots=True)
class MovementSettings:
    """When a movement counts.

    `least_confidence`: 0..1. `cool_down_s`: time after a movement in which the same hand makes
    none; a hand that swipes comes back.
    """

    least_confidence: float = 0.7
    cool_down_s: float = 1.5


@dataclass(frozen=True, slots=True)
class Movement:
    """A hand made a movement. `name`: one of `MOVEMENTS`; `length_s`: how long it took."""

    track_id: int
    name: str
    confidence: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a movement. `measures`: in the order of `SWIPE_MEASURES` or `WAVE_MEASURES`."""

    name: str
    measures: tuple[float, ...]
    start_s: float
    end_s: float


def probability(candidate: Candidate) -> float:
    """Return how probably a candidate is the movement that it looks like, 0..1."""
    is_wave = candidate.name == WAVE
    model = shipped.WAVE if is_wave else shipped.SWIPE
    names = WAVE_MEASURES if is_wave else SWIPE_MEASURES
    score = model['bias'] + sum(
        model[name] * value for name, value in zip(names, candidate.measures, strict=True)
    )
    return 1.0 / (1.0 + exp(-max(-40.0, min(40.0, score))))


class HandPath:
    """Where one hand was lately, and what it may have been doing.

    `is_mirrored`: pictures are mirrored, as a selfie is.
    """

    def __init__(self, is_mirrored: bool = False) -> None:
        self._samples: deque[HandSample] = deque()
        self._is_mirrored = is_mirrored
        self._judged_s = float('-inf')
        self._swung_s = float('-inf')
        self._fast_s = float('-inf')

    def wants(self, time_s: float) -> bool:
        """Whether a sample of this time is of use: not too soon after the last one."""
        return not self._samples or time_s - self._samples[-1].time_s >= SHORTEST_STEP_S

    def add(self, sample: HandSample) -> list[Candidate]:
        """Take the next picture; return what has come to its end with it, each once."""
        samples = self._samples
        if not self.wants(sample.time_s):
            return []
        if samples and sample.time_s - samples[-1].time_s > LONGEST_GAP_S:
            self.clear()
        if samples and speed(samples[-1], sample) >= SWIPE_PALMS_PER_S:
            self._fast_s = sample.time_s
        samples.append(sample)
        while sample.time_s - samples[0].time_s > HISTORY_S:
            samples.popleft()
        # Most of the time hands rest: then there is nothing to measure.
        found: list[Candidate | None] = []
        if sample.time_s - self._fast_s <= FAST_MEMORY_S:
            found.append(self._swipe(list(samples)))
        if self._is_swinging():
            found.append(self._wave(list(samples)))
        return [candidate for candidate in found if candidate is not None]

    def _is_swinging(self) -> bool:
        now = self._samples[-1]
        before = next(
            (one for one in reversed(self._samples) if now.time_s - one.time_s >= GLANCE_S), None
        )
        return before is not None and abs(now.tips[0] - before.tips[0]) >= GLANCE_PALMS * now.palm

    def clear(self) -> None:
        """Forget everything: what comes next begins anew."""
        self._samples.clear()

    def _swipe(self, path: list[HandSample]) -> Candidate | None:
        travel = fast_travel(path, self._judged_s)
        if travel is None:
            return None
        first, last = travel
        self._judged_s = path[last].time_s
        measured = swipe_measures(path, first, last)
        if measured is None:
            return None
        across = path[last].centre[0] - path[first].centre[0]
        along = path[last].centre[1] - path[first].centre[1]
        if abs(across) < abs(along):
            name = UP if along < 0 else DOWN
        else:
            name = RIGHT if (across > 0) == self._is_mirrored else LEFT
        return Candidate(name, measured, path[first].time_s, path[last].time_s)

    def _wave(self, path: list[HandSample]) -> Candidate | None:
        palm = median(sample.palm for sample in path)
        turns = turning_points([sample.tips[0] / palm for sample in path], SWING_PALMS)
        if len(turns) <= WAVE_SWINGS:
            return None
        turns = turns[-WAVE_SWINGS - 1 :]
        pivot_s = path[turns[-2]].time_s
        if pivot_s <= self._swung_s:
            return None
        measured = wave_measures(path, turns, palm)
        if measured is None:
            return None
        self._swung_s = pivot_s
        return Candidate(WAVE, measured, path[turns[0]].time_s, path[-1].time_s)


@dataclass(slots=True)
class _Hand:
    path: HandPath
    seen_s: float
    quiet_until_s: float = float('-inf')
    made: str = ''


class MovementDetector:
    """Movements of all hands. Times are of any clock that only goes forward, in seconds."""

    def __init__(self, settings: MovementSettings | None = None, is_mirrored: bool = False) -> None:
        self.settings = settings or MovementSettings()
        self._is_mirrored = is_mirrored
        self._hands: dict[int, _Hand] = {}

    def update(
        self,
        track_id: int,
        landmarks: ArrayLike,
        now_s: float,
        open_palm: float,
        held: str = '',
    ) -> list[Movement]:
        """Take where a hand is in the next picture; return the movement that it has completed.

        `open_palm`: 0..1, probability that it shows one; see `gesture_rules`. `held`: the gesture
        that it holds, or empty. A hand that holds another gesture than an
        open palm makes no movements.
        """
        hand = self._hands.get(track_id)
        if hand is None:
            hand = self._hands[track_id] = _Hand(HandPath(self._is_mirrored), now_s)
        hand.seen_s = now_s
        if held not in ('', OPEN_PALM):
            hand.path.clear()
            return []
        if not hand.path.wants(now_s):
            return []
        candidates = hand.path.add(hand_sample(landmarks, now_s, open_palm))
        if not candidates:
            return []
        confidence, best = max(
            ((probability(candidate), candidate) for candidate in candidates),
            key=lambda pair: pair[0],
        )
        if confidence < self.settings.least_confidence:
            return []
        is_quiet = now_s < hand.quiet_until_s
        if is_quiet and not best.name == hand.made == WAVE:
            return []
        hand.quiet_until_s = now_s + self.settings.cool_down_s
        if is_quiet:
            # However long somebody waves, it is one wave.
            return []
        hand.made = best.name
        return [Movement(track_id, best.name, confidence, best.end_s - best.start_s)]

    def passed(self, now_s: float) -> None:
        """Call after each picture: forgets hands that are gone."""
        keep_s = max(LONGEST_GAP_S, self.settings.cool_down_s)
        gone = [number for number, hand in self._hands.items() if now_s - hand.seen_s > keep_s]
        for track_id in gone:
            del self._hands[track_id]

    def clear(self) -> None:
        """Forget all hands."""
        self._hands.clear()
