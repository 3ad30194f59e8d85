"""Whose faces were named when, for the record of a photo or clip."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable


class PeopleSeen:
    """Remembers for `keep_s`. Times are CLOCK_MONOTONIC, in nanoseconds. Thread-safe."""

    def __init__(self, keep_s: float) -> None:
        self._seen: deque[tuple[int, frozenset[str]]] = deque()
        self._lock = threading.Lock()
        self.keep(keep_s)

    def keep(self, keep_s: float) -> None:
        """Remember for so long from now on."""
        self._keep_ns = round(keep_s * 1e9)

    def note(self, monotonic_ns: int, identities: Iterable[str]) -> None:
        """These were named in the picture of that moment; unnamed ones are empty."""
        with self._lock:
            named = frozenset(identities) - {''}
            while self._seen and self._seen[0][0] < monotonic_ns - self._keep_ns:
                self._seen.popleft()
            if named:
                self._seen.append((monotonic_ns, named))

    def between(self, start_ns: int, end_ns: int) -> tuple[str, ...]:
        """Who was named from then until then, both included, in the order of their addresses."""
        with self._lock:
            found = [named for at_ns, named in self._seen if start_ns <= at_ns <= end_ns]
        return tuple(sorted(frozenset().union(*found)))

    def forget(self, identity: str) -> None:
        """Somebody was not there.

        Faces may be named for a moment longer: the part that knows them is told beside this one.
        Whom the store does not know any more, the library leaves out of what it keeps.
        """
        with self._lock:
            self._seen = deque((at_ns, named - {identity}) for at_ns, named in self._seen)

    def clear(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._seen.clear()
