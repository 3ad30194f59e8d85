"""Tells a slow network from a server that takes nothing any more."""

from __future__ import annotations

import time
from collections.abc import Callable

from mmoment_stream.push_target import PushError

# Of a server that has acknowledged so often it is known how it does it.
KNOWN_AFTER = 3
# More than so many of its usual steps without a word are no chance.
STEPS = 3


class StallWatch:
    """Notices that the other side takes nothing any more, though something waits for it."""

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._taken = 0
        # Since when it was seen again and again that something waits; None: nothing did last time.
        self._since_s: float | None = None

    def note(self, taken: int, waiting: int) -> None:
        """taken: so far; waiting: what is on its way. Raises PushError (stalled)."""
        now_s = self._clock()
        if waiting <= 0:
            self._since_s = None
        elif self._since_s is None or taken != self._taken:
            self._since_s = now_s
        elif now_s - self._since_s > self._limit_s:
            raise PushError('stalled')
        self._taken = taken


class ReadWatch:
    """Notices that a server reads nothing any more, while its kernel still takes bytes for it.

    That can be a megabyte, which is many seconds of video. An RTMP server acknowledges what it has
    read, a step at a time; one that never does, or not often, is not judged.

    step_bytes: how often it was asked to acknowledge.
    """

    def __init__(
        self, limit_s: float, step_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._watch = StallWatch(limit_s, clock)
        self._step_bytes = step_bytes
        self._count = 0
        self._delivered_then = 0

    def note(self, acknowledgements: int, delivered_bytes: int) -> None:
        """acknowledgements: of the server, so far; delivered_bytes: that its kernel has taken.

        Raises PushError (stalled).
        """
        if acknowledgements != self._count:
            # Of a big picture it may acknowledge several steps at one go.
            steps = max(1, acknowledgements - self._count)
            step_bytes = (delivered_bytes - self._delivered_then) // steps
            self._step_bytes = max(self._step_bytes, step_bytes)
            self._count, self._delivered_then = acknowledgements, delivered_bytes
        unread = delivered_bytes - self._delivered_then - STEPS * self._step_bytes
        self._watch.note(acknowledgements, unread if acknowledgements >= KNOWN_AFTER else 0)
