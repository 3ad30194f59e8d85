"""How much a push has sent, and how fast; counted by its thread and told to others."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from mmoment_node.rates import WINDOW_S

KBIT_PER_BYTE = 8e-3


class FlowMeter:
    """Pictures and kilobits per second over the last `window_s` seconds; times are the caller's."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._window: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def add(self, size_bytes: int, now_s: float) -> None:
        """A picture passed."""
        self._window.append((now_s, size_bytes))
        self._bytes += size_bytes
        self._forget(now_s)

    def rates(self, now_s: float) -> tuple[float, float]:
        """Pictures and kilobits per second; zeros until there are two pictures."""
        self._forget(now_s)
        count = len(self._window)
        if count < 2:
            return 0.0, 0.0
        # While pictures flow their mean distance is exact; once they stop, the silence counts.
        span_s = max(self._window[-1][0] - self._window[0][0], 1e-9)
        silence_s = now_s - self._window[-1][0]
        if silence_s > 2 * span_s / (count - 1):
            span_s += silence_s
        fps = (count - 1) / span_s
        return fps, fps * self._bytes / count * KBIT_PER_BYTE

    def clear(self) -> None:
        """Begin anew."""
        self._window.clear()
        self._bytes = 0

    def _forget(self, now_s: float) -> None:
        while self._window and now_s - self._window[0][0] > self._window_s:
            self._bytes -= self._window.popleft()[1]


@dataclass(frozen=True, slots=True)
class PushCounts:
    """Counts of all time, rates of the last seconds."""

    bytes_sent: int
    packets_sent: int
    dropped: int
    reconnects: int
    fps: float
    kbps: float


class PushFigures:
    """Counts. Thread-safe; times are of any clock that only goes forward, in seconds.

    May be given from one push to the next to the same target, so that counts go on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flow = FlowMeter()
        self._bytes_sent = 0
        self._packets_sent = 0
        self._dropped = 0
        self._reconnects = 0

    def sent(self, size_bytes: int, now_s: float) -> None:
        """A picture was handed to the network."""
        with self._lock:
            self._bytes_sent += size_bytes
            self._packets_sent += 1
            self._flow.add(size_bytes, now_s)

    def dropped(self, pictures: int) -> None:
        """So many pictures were left out."""
        with self._lock:
            self._dropped += pictures

    def reconnected(self) -> None:
        """It is live again after a loss."""
        with self._lock:
            self._reconnects += 1

    def counts(self, now_s: float) -> PushCounts:
        """The figures at this moment."""
        with self._lock:
            fps, kbps = self._flow.rates(now_s)
            return PushCounts(
                self._bytes_sent, self._packets_sent, self._dropped, self._reconnects, fps, kbps
            )
