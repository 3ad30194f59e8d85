"""Which of the targets are wanted: all but some, or none but some."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WantedTargets:
    """by_default: of targets that were not started or stopped by name, those to come included.

    exceptions: names for which the opposite holds.
    """

    by_default: bool
    exceptions: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Whether this one is wanted."""
        return self.by_default != (name in self.exceptions)

    def having(self, name: str, *, wanted: bool) -> WantedTargets:
        """The same but for this one."""
        is_exception = wanted != self.by_default
        names = self.exceptions | {name} if is_exception else self.exceptions - {name}
        return WantedTargets(self.by_default, names)

    def among(self, names: Iterable[str]) -> WantedTargets:
        """The same without what was said of others: one of their name that comes later is new."""
        return WantedTargets(self.by_default, self.exceptions.intersection(names))
