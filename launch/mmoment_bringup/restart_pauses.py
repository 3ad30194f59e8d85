"""After which pause a process that died is started again: for ever, but ever more slowly."""

from __future__ import annotations

LONGEST_S = 15.0
"""A camera that fails for hours must be back soon after its cause is gone."""

SHORTEST_S = 0.01
"""Without any pause a process that cannot start would take a whole core."""

STEADY_S = 60.0
"""A process that ran this long had started well: its next pause is the first one again."""


class RestartPauses:
    """Pauses of one process, which double from `first_s` up to `LONGEST_S`.

    There is no limit to their number: a node that failed a few times in months must not stay away,
    and one whose cause is mended must not need a person to start it.
    """

    def __init__(self, first_s: float) -> None:
        self.count = 0
        self._first_s = max(first_s, SHORTEST_S)
        self._next_s = self._first_s

    def after(self, ran_s: float) -> float:
        """Return the pause for a process that has ended after `ran_s` seconds."""
        if ran_s >= STEADY_S:
            self._next_s = self._first_s
        pause_s = self._next_s
        self._next_s = min(2 * pause_s, max(LONGEST_S, self._first_s))
        self.count += 1
        return pause_s
