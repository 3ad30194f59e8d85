"""Sliding-window figures: how often, and how late."""

from __future__ import annotations

from collections import deque

WINDOW_S = 5.0


class RateMeter:
    """Events per second over the last `window_s` seconds; times are the caller's clock."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._times: deque[float] = deque()

    def tick(self, now_s: float) -> None:
        """Count one event."""
        self._times.append(now_s)
        self._forget(now_s)

    def hz(self, now_s: float) -> float:
        """Events per second; 0 until there are two."""
        self._forget(now_s)
        if len(self._times) < 2:
            return 0.0
        # While events flow, the mean distance is exact; once they stop, the growing silence counts.
        span_s = max(self._times[-1] - self._times[0], 1e-9)
        mean_s = span_s / (len(self._times) - 1)
        silence_s = now_s - self._times[-1]
        if silence_s > 2 * mean_s:
            span_s += silence_s
        return (len(self._times) - 1) / span_s

    def _forget(self, now_s: float) -> None:
        while self._times and now_s - self._times[0] > self._window_s:
            self._times.popleft()


class LatencyWindow:
    """Quantiles over the last `size` values, in the unit they were added in."""

    def __init__(self, size: int = 150) -> None:
        self._values: deque[float] = deque(maxlen=size)

    def add(self, value: float) -> None:
        """Add one value."""
        self._values.append(value)

    def quantile(self, q: float) -> float:
        """The q-quantile (0..1, nearest rank); 0 while there are no values."""
        if not self._values:
            return 0.0
        ordered = sorted(self._values)
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
