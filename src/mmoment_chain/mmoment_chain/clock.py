"""The two times that sessions need: what the clock on the wall says, and how much time went by.

A stamp that is kept or shown comes from the wall clock, which people and time servers set. What
must not be moved by that, such as how long somebody has been absent, is measured by elapsed time.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def utc_ms(self) -> int:
        """Wall clock: milliseconds since 1970. May jump, also back."""

    def elapsed_s(self) -> float:
        """Seconds since the machine started, those of suspension included. Never goes back."""


class SystemClock:
    """The clocks of this machine."""

    def utc_ms(self) -> int:
        """Wall clock: milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def elapsed_s(self) -> float:
        """Seconds since the machine started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
