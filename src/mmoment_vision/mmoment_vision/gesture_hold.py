"""Turn what a hand shows in each picture into gestures that begin and end.

A gesture begins when a hand has shown it long and surely enough, and ends when it has not for a
while. In between, a doubtful picture or two changes nothing. Only pictures in which a gesture is
missing speak against it: however slowly pictures come, the time between two of them does not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

# However long the time between two pictures, so few are no proof.
FEWEST_PICTURES = 3
# Times are sums of fractions: what is due now must not slip to the next picture by rounding.
ROUNDING_S = 1e-6
# What has not begun is never shown as held, however long it waits for certainty or a cool-down.
LONGEST_WAIT_SHOWN = 0.99
BEGIN, END = 'begin', 'end'


@dataclass(frozen=True, slots=True)
class HoldSettings:
    """When a gesture begins and ends.

    `hold_s`: shown at least this long before it begins. `release_s`: not shown this long before
    it ends. `begin_confidence`: mean confidence over the last `hold_s`, and over the last
    `FEWEST_PICTURES` at least, 0..1, needed to begin. `keep_confidence`: a picture below it does
    not count as showing the gesture. `cool_down_s`: time after its end in which the same hand does
    not begin the same gesture again.
    """

    hold_s: float = 0.4
    release_s: float = 0.3
    begin_confidence: float = 0.75
    keep_confidence: float = 0.5
    cool_down_s: float = 1.0


@dataclass(frozen=True, slots=True)
class HoldEvent:
    """A hand began or ended to hold a gesture.

    `phase`: `BEGIN` or `END`. `confidence`: 0..1, mean over the pictures that decided it.
    `held_s`: from the first of them to this one (BEGIN) or to the last of them (END).
    """

    phase: str
    track_id: int
    gesture: str
    confidence: float
    held_s: float


@dataclass(slots=True)
class _Run:
    """Pictures in a row that show one gesture."""

    gesture: str
    first_s: float
    last_s: float
    pictures: int = 0
    confidence_sum: float = 0.0
    recent: deque[tuple[float, float]] = field(default_factory=deque)

    def add(self, confidence: float, now_s: float, window_s: float) -> None:
        self.last_s = now_s
        self.pictures += 1
        self.confidence_sum += confidence
        self.recent.append((now_s, confidence))
        while len(self.recent) > FEWEST_PICTURES and now_s - self.recent[0][0] > window_s:
            self.recent.popleft()

    @property
    def recent_confidence(self) -> float:
        """Mean of the last pictures only: a slow start must not delay a sure gesture."""
        return sum(confidence for _, confidence in self.recent) / max(1, len(self.recent))

    @property
    def confidence(self) -> float:
        return self.confidence_sum / max(1, self.pictures)

    @property
    def length_s(self) -> float:
        return self.last_s - self.first_s


@dataclass(slots=True)
class _Hand:
    candidate: _Run | None = None
    held: _Run | None = None
    ended_s: dict[str, float] = field(default_factory=dict)
    seen_s: float = 0.0


class GestureHold:
    """Holds of all hands. Times are of any clock that only goes forward, in seconds."""

    def __init__(self, settings: HoldSettings | None = None) -> None:
        self.settings = settings or HoldSettings()
        self._hands: dict[int, _Hand] = {}

    def update(
        self, track_id: int, gesture: str, confidence: float, now_s: float
    ) -> list[HoldEvent]:
        """Take what a hand shows in the next picture; return what began or ended by it.

        `gesture` is empty if the hand shows none.
        """
        hand = self._hands.setdefault(track_id, _Hand())
        hand.seen_s = now_s
        shown = gesture if confidence >= self.settings.keep_confidence else ''
        if hand.held is not None and shown == hand.held.gesture:
            hand.held.add(confidence, now_s, self.settings.hold_s)
            hand.candidate = None
            return []
        events = self._released(track_id, hand, now_s)
        self._extend(hand, shown, confidence, now_s)
        candidate = hand.candidate
        if candidate is not None and self._is_begun(hand, candidate, now_s):
            if hand.held is not None:
                events.append(self._end(track_id, hand, hand.held, now_s))
            hand.held, hand.candidate = candidate, None
            events.append(_event(BEGIN, track_id, candidate, candidate.recent_confidence))
        return events

    def held(self, track_id: int) -> str:
        """Return the gesture that a hand holds, or an empty text."""
        hand = self._hands.get(track_id)
        return hand.held.gesture if hand is not None and hand.held is not None else ''

    def shown_since_s(self, track_id: int) -> float | None:
        """Return since when a hand has shown what it holds, or may come to hold; None: nothing."""
        hand = self._hands.get(track_id)
        run = None if hand is None else hand.held or hand.candidate
        return None if run is None else run.first_s

    def progress(self, track_id: int) -> float:
        """Return how much of the hold time a hand has shown what it showed last; 1: it is held.

        Below 1 until the gesture begins, also where doubt or a cool-down makes that later. While a
        held gesture is interrupted by another one, it is that other one's.
        """
        hand = self._hands.get(track_id)
        if hand is None:
            return 0.0
        run = hand.candidate
        if run is None:
            is_shown = hand.held is not None and hand.held.last_s >= hand.seen_s
            return 1.0 if is_shown else 0.0
        share = min(
            run.pictures / FEWEST_PICTURES,
            run.length_s / self.settings.hold_s if self.settings.hold_s > 0 else 1.0,
        )
        return min(share, LONGEST_WAIT_SHOWN)

    def passed(self, now_s: float) -> list[HoldEvent]:
        """Call after each picture: returns what ended because its hand is gone."""
        events = []
        for track_id, hand in list(self._hands.items()):
            events += self._released(track_id, hand, now_s)
            if hand.candidate is not None and self._is_over(hand.candidate, now_s):
                hand.candidate = None
            if now_s - hand.seen_s > self.settings.cool_down_s + self.settings.release_s:
                del self._hands[track_id]
        return events

    def end_all(self) -> list[HoldEvent]:
        """End every hold at once and forget all hands."""
        held = [(track_id, hand.held) for track_id, hand in self._hands.items() if hand.held]
        self._hands.clear()
        return [_event(END, track_id, run) for track_id, run in held]

    def _released(self, track_id: int, hand: _Hand, now_s: float) -> list[HoldEvent]:
        held = hand.held
        if held is None or not self._is_over(held, now_s):
            return []
        return [self._end(track_id, hand, held, now_s)]

    def _is_over(self, run: _Run, now_s: float) -> bool:
        # What was shown in this very picture goes on, also without any release time.
        return now_s > run.last_s and now_s - run.last_s + ROUNDING_S >= self.settings.release_s

    def _end(self, track_id: int, hand: _Hand, held: _Run, now_s: float) -> HoldEvent:
        hand.ended_s[held.gesture] = now_s
        hand.held = None
        return _event(END, track_id, held)

    def _extend(self, hand: _Hand, shown: str, confidence: float, now_s: float) -> None:
        candidate = hand.candidate
        if not shown:
            hand.candidate = None
            return
        if candidate is None or candidate.gesture != shown:
            candidate = hand.candidate = _Run(shown, now_s, now_s)
        candidate.add(confidence, now_s, self.settings.hold_s)

    def _is_begun(self, hand: _Hand, candidate: _Run, now_s: float) -> bool:
        settings = self.settings
        ended_s = hand.ended_s.get(candidate.gesture)
        return (
            candidate.length_s + ROUNDING_S >= settings.hold_s
            and candidate.pictures >= FEWEST_PICTURES
            and candidate.recent_confidence >= settings.begin_confidence
            and (ended_s is None or now_s - ended_s + ROUNDING_S >= settings.cool_down_s)
        )


def _event(phase: str, track_id: int, run: _Run, confidence: float | None = None) -> HoldEvent:
    sure = run.confidence if confidence is None else confidence
    return HoldEvent(phase, track_id, run.gesture, sure, run.length_s)
