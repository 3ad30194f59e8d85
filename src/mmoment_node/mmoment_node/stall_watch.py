"""Tells when a stage makes nothing although pictures come in: it hangs, or cannot read them."""

from __future__ import annotations

import threading

# Twice the pause that the slowest rate anyone may ask for makes, 0.5 Hz, and some time to work.
PATIENCE_S = 5.0
# The first picture warms models up, while all other nodes start as well.
FIRST_PATIENCE_S = 15.0


class StallWatch:
    """Measures how long pictures have been coming in since the last result. Thread-safe.

    While no pictures come, nothing is due: only arrivals make a stall longer. Times are of any
    clock that only goes forward, in seconds.
    """

    def __init__(
        self, patience_s: float = PATIENCE_S, first_patience_s: float = FIRST_PATIENCE_S
    ) -> None:
        self._patience_s = patience_s
        self._limit_s = first_patience_s
        self._lock = threading.Lock()
        self._received = 0
        self._first_s: float | None = None  # first and last arrival since the last result
        self._last_s = 0.0

    def worked(self) -> None:
        """The stage has dealt with a picture."""
        with self._lock:
            self._limit_s = self._patience_s
            self._first_s = None

    def stalled_s(self, received: int, now_s: float) -> float:
        """Seconds for which pictures came in and nothing came out; 0 while that may well be.

        To be called about once a second with the number of pictures that have arrived until now.
        """
        with self._lock:
            if received != self._received:
                self._received = received
                self._last_s = now_s
                if self._first_s is None:
                    self._first_s = now_s
            if self._first_s is None:
                return 0.0
            stalled_s = self._last_s - self._first_s
            return stalled_s if stalled_s >= self._limit_s else 0.0
