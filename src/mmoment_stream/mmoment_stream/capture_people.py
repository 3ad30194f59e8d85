"""Who is checked in and may take photos or record, as session_node tells it."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from mmoment_interfaces.msg import Session, SessionArray, SessionEvent
from mmoment_stream.capture_topics import EVENTS_QOS
from mmoment_stream.video_qos_topics import LATCHED_QOS

ADMIN, RECORD = 'admin', 'record'
FORGOTTEN = 'forgotten'
# By another session at the same browser, mostly of the same person, whose clips then go on.
REPLACED = 'replaced'


class Host(Protocol):
    """Is told who comes and goes, in the thread of the node."""

    def people_changed(self) -> None:
        """Somebody came, left, or has other rights."""

    def person_left(self, identity: str, *, is_forgotten: bool) -> None:
        """Somebody may not record any more, or has no session; may be told twice."""


class CapturePeople:
    """Listens to `sessions` and `session_events` until `close`."""

    def __init__(self, node: Any, host: Host) -> None:
        self._node = node
        self._host = host
        self._sessions: list[Session] = []
        # Whose clips may be running. The list also tells of those of whom no event came, and of those
        # who may not record any more.
        self._here: set[str] = set()
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
        return any(_may(session, right) for session in self.sessions())

    def _on_sessions(self, message: SessionArray) -> None:
        with self._lock:
            self._sessions = list(message.sessions)
            here = {each.identity for each in self._sessions if _may(each, RECORD)} - {''}
            gone, self._here = self._here - here, here
        for identity in gone:
            self._host.person_left(identity, is_forgotten=False)
        self._host.people_changed()

    def _on_event(self, event: SessionEvent) -> None:
        if event.kind not in (SessionEvent.CHECKED_OUT, SessionEvent.REVOKED):
            return
        with self._lock:
            self._sessions = [
                each for each in self._sessions if each.session_id != event.session_id
            ]
            is_elsewhere = any(each.identity == event.identity for each in self._sessions)
        # Whether the session that replaces one is of the same person, the next list says.
        if event.identity and event.reason != REPLACED and not is_elsewhere:
            is_forgotten = event.reason == FORGOTTEN
            self._host.person_left(event.identity, is_forgotten=is_forgotten)
        self._host.people_changed()


def _may(session: Session, right: str) -> bool:
    return bool({right, ADMIN} & set(session.rights))
