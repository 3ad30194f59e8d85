"""Whether somebody is checked in, as far as that is known.

Who is not known to be there is not there: nothing is pushed on a guess. A session counts until it
expires or session_node says that it is over, and none counts any more once session_node has been
gone for longer than it takes to start it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

# The supervisor starts a node again after a second, and after up to 15 if it dies often.
GONE_S = 20.0


class Presence:
    """What session_node has said of sessions. Thread-safe.

    clock: seconds, only goes forward. wall_clock: seconds since 1970.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        # By the clock that nobody sets; session_node tells anew when that on the wall is set.
        self._last_end_s = -float('inf')
        self._heard_s = clock()

    def hear(self, ends_s: Iterable[float]) -> None:
        """These are all sessions there are, by when they expire, seconds since 1970."""
        left_s = max(ends_s, default=-float('inf')) - self._wall_clock()
        with self._lock:
            self._heard_s = self._clock()
            self._last_end_s = self._heard_s + left_s

    def look(self, is_session_node_there: bool) -> None:
        """Note whether there is anybody to say so if things change; about once a second."""
        with self._lock:
            now_s = self._clock()
            if now_s - self._heard_s > GONE_S:
                # What it says when it is back counts, but not that it is back.
                self._last_end_s = -float('inf')
            if is_session_node_there:
                self._heard_s = now_s

    @property
    def is_anybody_here(self) -> bool:
        """Whether somebody is known to be checked in."""
        with self._lock:
            now_s = self._clock()
            return now_s < self._last_end_s and now_s - self._heard_s <= GONE_S
