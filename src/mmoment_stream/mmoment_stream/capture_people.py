"""Who is checked in and may take photos or record, as session_node tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from mmoment_interfaces.msg import Session, SessionArray, SessionEvent
from mmoment_stream.capture_topics import EVENTS_QOS, LATCHED_QOS

ADMIN = 'admin'
# Of the same person at the same browser: what they record goes on.
REPLACED = 'replaced'


class CapturePeople:
    """Listens to `sessions` and `session_events` until `close`.

    changed: called with each new list. left: called with whoever has no session any more.
    """

    def __init__(self, node: Any, changed: Callable[[], None], left: Callable[[str], None]) -> None:
        self._node = node
        self._changed = changed
        self._left = left
        self._sessions: list[Session] = []
        self._lock = threading.Lock()
        self._subscriptions = [
            node.create_subscription(SessionArray, 'sessions', self._on_sessions, LATCHED_QOS),
            node.create_subscription(SessionEvent, 'session_events', self._on_event, EVENTS_QOS),
        ]

    def close(self) -> None:
        """Listen no more."""
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def sessions(self) -> list[Session]:
        """Those that are live, as last heard."""
        with self._lock:
            return list(self._sessions)

    def anybody_may(self, right: str) -> bool:
        """Whether somebody is checked in who has this right."""
        return any({right, ADMIN} & set(session.rights) for session in self.sessions())

    def _on_sessions(self, message: SessionArray) -> None:
        with self._lock:
            self._sessions = list(message.sessions)
        self._changed()

    def _on_event(self, event: SessionEvent) -> None:
        if event.kind not in (SessionEvent.CHECKED_OUT, SessionEvent.REVOKED):
            return
        with self._lock:
            self._sessions = [
                each for each in self._sessions if each.session_id != event.session_id
            ]
            is_elsewhere = any(each.identity == event.identity for each in self._sessions)
        if event.identity and event.reason != REPLACED and not is_elsewhere:
            self._left(event.identity)
        self._changed()
