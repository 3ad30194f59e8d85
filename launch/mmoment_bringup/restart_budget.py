"""How often, and after which pause, a process that died is started again."""

from __future__ import annotations

from collections import deque

WINDOW_S = 60.0
"""Restarts older than this are forgiven."""

MAX_DELAY_S = 15.0


class RestartBudget:
    """Grants `retries` restarts within `WINDOW_S` seconds, with pauses that double.

    A negative number of retries means no limit.
    """

    def __init__(self, retries: int, first_delay_s: float) -> None:
        self.retries = retries
        self.first_delay_s = first_delay_s
        self._granted: deque[float] = deque()

    def delay_s(self, now_s: float) -> float | None:
        """Return the pause before the next restart, or None if the budget is used up."""
        while self._granted and now_s - self._granted[0] > WINDOW_S:
            self._granted.popleft()
        if 0 <= self.retries <= len(self._granted):
            return None
        pause = min(self.first_delay_s * 2 ** len(self._granted), MAX_DELAY_S)
        self._granted.append(now_s)
        return pause

    @property
    def used(self) -> int:
        """Restarts within the window that have been granted."""
        return len(self._granted)
