"""What `session_node` says by itself: who is checked in, and what happens to sessions."""

from __future__ import annotations

from rclpy.node import Node

from mmoment_api.events import EventHub
from mmoment_api.graph_topics import EVENTS_QOS, STATE_QOS
from mmoment_api.listening_topics import Listening
from mmoment_api.person_sessions import PersonSessions
from mmoment_api.session_messages import (
    ENDINGS,
    milliseconds_of,
    session_event,
    session_record,
)
from mmoment_interfaces.msg import SessionArray, SessionEvent


class SessionTopics:
    """The subscriptions; `open` and `close` belong to the executor's thread."""

    def __init__(self, node: Node, sessions: PersonSessions, events: EventHub) -> None:
        self._listening = Listening(node)
        self._sessions = sessions
        self._events = events

    def open(self) -> None:
        """Subscribe."""
        for kind, topic, callback, qos in (
            (SessionArray, 'sessions', self._on_sessions, STATE_QOS),
            (SessionEvent, 'session_events', self._on_event, EVENTS_QOS),
        ):
            self._listening.hear(kind, topic, callback, qos)

    def close(self) -> None:
        """Unsubscribe."""
        self._listening.close()

    def _on_sessions(self, message: SessionArray) -> None:
        records = [session_record(item) for item in message.sessions]
        self._sessions.hear_sessions(
            records, milliseconds_of(message.header.stamp), message.run, message.number
        )

    def _on_event(self, message: SessionEvent) -> None:
        self._sessions.hear_change(
            message.session_id, message.identity, is_over=message.kind in ENDINGS
        )
        self._events.publish('sessions', session_event(message))
