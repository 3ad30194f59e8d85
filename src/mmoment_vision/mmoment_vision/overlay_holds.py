"""Which hands hold a gesture, from events that may stop coming without a word."""

from __future__ import annotations

# A gesture node that was killed takes longer than this to be back. It has told no ends, and it
# numbers hands from 1 again: what was held before must not pass to a new hand.
SILENCE_S = 1.0


class HeldGestures:
    """What the hands of a picture hold; told by one thread, asked by another."""

    def __init__(self) -> None:
        self._held: dict[int, str] = {}
        self._heard_ns = 0

    def begins(self, track_id: int, gesture: str) -> None:
        """The hand holds the gesture from now on."""
        self._held[track_id] = gesture

    def ends(self, track_id: int) -> None:
        """The hand holds no gesture any more."""
        self._held.pop(track_id, None)

    def heard(self, monotonic_ns: int) -> None:
        """Hands of the picture captured at that time have come; nothing outlasts a silence."""
        if abs(monotonic_ns - self._heard_ns) > SILENCE_S * 1e9:
            self._held.clear()
        self._heard_ns = monotonic_ns

    def holds(self, track_id: int, gesture: str) -> bool:
        """Whether the hand holds this gesture."""
        return self._held.get(track_id) == gesture

    def clear(self) -> None:
        """Forget all holds."""
        self._held.clear()
