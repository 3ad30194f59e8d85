"""When pictures are due, for sources that make their own time."""

from __future__ import annotations

import time
from collections.abc import Callable

from mmoment_camera.units import SECOND_NS

# A source this late starts a new time base instead of hurrying after the old one.
LATE_LIMIT_NS = SECOND_NS // 2


class Pacer:
    """Waits until a picture is due, by the source's own time; makes up for small delays only."""

    def __init__(
        self,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start without a time base: the first picture is due at once."""
        self._clock_ns = clock_ns
        self._sleep = sleep
        self._base_ns: int | None = None

    def wait(self, offset_ns: int) -> int:
        """Wait for the picture at `offset_ns` of the source's time; returns when it was due.

        The result is CLOCK_MONOTONIC in nanoseconds, free of the jitter of the wait.
        """
        now_ns = self._clock_ns()
        if self._base_ns is None or now_ns - (self._base_ns + offset_ns) > LATE_LIMIT_NS:
            self._base_ns = now_ns - offset_ns
        due_ns = self._base_ns + offset_ns
        if due_ns > now_ns:
            self._sleep((due_ns - now_ns) / SECOND_NS)
        return due_ns


class NumberedPacer:
    """Counts the pictures of a steady rate; numbers that were missed are left out, as in a camera."""

    def __init__(
        self,
        fps: float,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Pictures at `fps` per second, the first one now, with number 1."""
        self._period_ns = SECOND_NS / fps
        self._clock_ns = clock_ns
        self._sleep = sleep
        self._start_ns: int | None = None
        self._number = 0

    def wait(self) -> tuple[int, int, int]:
        """Wait for the next picture: its number, when it was due (monotonic ns), numbers missed."""
        now_ns = self._clock_ns()
        if self._start_ns is None:
            self._start_ns = now_ns
        number = max(self._number + 1, int((now_ns - self._start_ns) // self._period_ns) + 1)
        missed = number - self._number - 1
        self._number = number
        due_ns = self._start_ns + round((number - 1) * self._period_ns)
        if due_ns > now_ns:
            self._sleep((due_ns - now_ns) / SECOND_NS)
        return number, due_ns, missed
