"""Fan-out of events to any number of listeners, none of which can hold up the others.

What happens once (a gesture began) waits in a bounded queue; what is only ever of interest in its
newest form (faces, hands, states) has one place per listener, where newer replaces older. What a
slow listener misses is counted, and it is told. Names of people reach only who may know them, and
what is private only those to whom it belongs.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from mmoment_api.identities import MayKnow, as_owned_by, as_seen_by, names_in, nobody

QUEUE_LENGTH = 64
LISTENERS_AT_MOST = 32

# Each kind of event, and whether only its newest matters.
EVENT_TYPES: dict[str, bool] = {
    'faces': True,
    'hands': True,
    'gestures': False,
    'gesture_action': False,
    'enrollment': True,
    'sessions': False,
    'captures': False,
    'recordings': True,
    'stream': True,
    'camera': True,
    'health': True,
    'chain': True,
}
# These describe a state: a new listener gets the last one at once.
RETAINED = frozenset({'camera', 'health', 'enrollment', 'recordings', 'stream', 'chain'})
# Of these nobody hears what belongs to somebody else, not even without its name.
PRIVATE = frozenset({'captures', 'recordings'})
DROPPED = 'dropped'


class TooManyListeners(Exception):
    """There is no room for one more."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is sent to who may know all names in it, and what others' is made of."""

    kind: str
    timestamp_ms: int
    data: dict[str, Any]
    names: frozenset[str]
    text: str

    @staticmethod
    def now(kind: str, data: dict[str, Any]) -> Event:
        """An event that happens now."""
        timestamp_ms = time.time_ns() // 1_000_000
        return Event(
            kind, timestamp_ms, data, names_in(data), encode_event(kind, data, timestamp_ms)
        )

    def text_for(self, may_know: MayKnow) -> str | None:
        """The event as JSON text for one listener; None: it is none of theirs."""
        if self.kind in PRIVATE:
            own = as_owned_by(self.data, may_know)
            return None if own is None else encode_event(self.kind, own, self.timestamp_ms)
        if all(may_know(name) for name in self.names):
            return self.text
        return encode_event(self.kind, as_seen_by(self.data, may_know), self.timestamp_ms)


class Listener:
    """What one client still has to be sent. All methods belong to the event loop's thread."""

    def __init__(
        self,
        types: Collection[str],
        may_know: MayKnow = nobody,
        queue_length: int = QUEUE_LENGTH,
    ) -> None:
        self.types = frozenset(types)
        self.missed_total = 0
        # Asked now and then: a session may end while it listens.
        self.is_welcome: Callable[[], bool] = lambda: True
        self._may_know = may_know
        self._missed = 0
        self._queue: deque[str] = deque()
        self._queue_length = queue_length
        self._newest: dict[str, str] = {}
        self._is_closed = False
        self._wake = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Take one event if the listener asked for its kind."""
        kind = event.kind
        if kind not in self.types:
            return
        text = event.text_for(self._may_know)
        if text is None:
            return
        if EVENT_TYPES[kind]:
            if self._newest.pop(kind, None) is not None:
                self._miss()
            self._newest[kind] = text
        else:
            if len(self._queue) >= self._queue_length:
                self._queue.popleft()
                self._miss()
            self._queue.append(text)
        self._wake.set()

    def close(self) -> None:
        """Let `next` return None from now on."""
        self._is_closed = True
        self._wake.set()

    async def next(self) -> str | None:
        """The next event as JSON text, what happens once first; None after `close`."""
        while not self._is_closed:
            if self._missed:
                count, self._missed = self._missed, 0
                return encode_event(DROPPED, {'count': count})
            if self._queue:
                return self._queue.popleft()
            if self._newest:
                return self._newest.pop(next(iter(self._newest)))
            self._wake.clear()
            await self._wake.wait()
        return None

    def _miss(self) -> None:
        self._missed += 1
        self.missed_total += 1


class EventHub:
    """Takes events from any thread and hands them to the listeners in the event loop."""

    def __init__(self, listeners_at_most: int = LISTENERS_AT_MOST) -> None:
        self._listeners_at_most = listeners_at_most
        self._listeners: list[Listener] = []
        self._wanted: frozenset[str] = RETAINED
        self._retained: dict[str, Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    @property
    def listeners(self) -> int:
        """How many clients listen."""
        return len(self._listeners)

    def bind(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Set the loop that the listeners live in; None once it ends."""
        with self._lock:
            self._loop = loop

    def wants(self, kind: str) -> bool:
        """Whether it is worth making an event of this kind."""
        return kind in self._wanted

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        """Send one event to everybody who asked for its kind; from any thread."""
        if kind not in self._wanted:
            return
        event = Event.now(kind, data)
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._fan_out, event)

    def listen(self, types: Collection[str], may_know: MayKnow = nobody) -> Listener:
        """A new listener, which already holds the present states; raises `TooManyListeners`."""
        if len(self._listeners) >= self._listeners_at_most:
            raise TooManyListeners
        listener = Listener(types, may_know)
        for event in self._retained.values():
            listener.offer(event)
        self._listeners.append(listener)
        self._note_wanted()
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        self._note_wanted()

    def end_unwelcome(self) -> None:
        """End the listeners whose session is over; belongs to the loop's thread."""
        for listener in self._listeners:
            if not listener.is_welcome():
                listener.close()

    def close(self) -> None:
        """End all listeners; belongs to the loop's thread."""
        for listener in self._listeners:
            listener.close()

    def _fan_out(self, event: Event) -> None:
        if event.kind in RETAINED:
            self._retained[event.kind] = event
        for listener in self._listeners:
            listener.offer(event)

    def _note_wanted(self) -> None:
        self._wanted = RETAINED.union(*(listener.types for listener in self._listeners))


def encode_event(kind: str, data: dict[str, Any], timestamp_ms: int | None = None) -> str:
    """One event as it is sent: type, timestamp (ms since 1970; None: now) and data."""
    if timestamp_ms is None:
        timestamp_ms = time.time_ns() // 1_000_000
    return json.dumps(
        {'type': kind, 'timestamp': timestamp_ms, 'data': data}, separators=(',', ':')
    )
