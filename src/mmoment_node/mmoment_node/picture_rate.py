"""Take no more pictures per second than wanted, and count the ones passed over."""

from __future__ import annotations

from typing import Protocol

# A picture that comes this share of a period early is in time: cameras jitter.
EARLY_SHARE = 0.15


class _Counters(Protocol):
    received: int
    dropped: int
    overwritten: int


class PictureRate:
    """Chooses pictures by their capture time so that the mean rate stays at `maximum_hz`.

    Counts like a frame subscriber: `source`, if given, adds the pictures lost before.
    """

    def __init__(self, maximum_hz: float, source: _Counters | None = None) -> None:
        self.maximum_hz = maximum_hz
        self.source = source
        self._passed_over = 0
        self._overwritten = 0
        self._due_s = float('-inf')

    def takes(self, captured_s: float) -> bool:
        """Return whether to take the picture captured then; counts it otherwise."""
        period_s = 1.0 / self.maximum_hz
        if captured_s < self._due_s - EARLY_SHARE * period_s:
            self._passed_over += 1
            return False
        is_late = captured_s - self._due_s > period_s
        self._due_s = period_s + (captured_s if is_late else self._due_s)
        return True

    def lost(self) -> None:
        """Count a picture that was overwritten while it was looked at."""
        self._overwritten += 1

    @property
    def received(self) -> int:
        """Pictures that arrived at the source."""
        return self.source.received if self.source else 0

    @property
    def dropped(self) -> int:
        """Pictures passed over, here and before."""
        return self._passed_over + (self.source.dropped if self.source else 0)

    @property
    def overwritten(self) -> int:
        """Pictures lost because their slot was written again, here and before."""
        return self._overwritten + (self.source.overwritten if self.source else 0)
