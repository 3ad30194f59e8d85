"""Asks session_node whose session it is, and whether it has a right. Nothing is decided here."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from rclpy.qos import QoSProfile

from mmoment_interfaces.srv import GetSession
from mmoment_node.managed_node import ManagedNode
from mmoment_stream.errors import SessionRefused

# Every client of a service gets the answers to all others as well: of ten that fit by default, its
# own may be pushed out where many ask.
CLIENT_QOS = QoSProfile(depth=1000)
ANSWER_PATIENCE_S = 5.0
SESSION_NODE_AWAY = 'session_node does not answer, so nobody can tell who you are: try again'


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose media it is. Both are empty for the owner of the camera, who needs no session."""

    identity: str = ''
    session_id: str = ''

    @property
    def is_owner(self) -> bool:
        """Whether it is the owner of the camera."""
        return not self.session_id


class SessionClient:
    """Calls session_node from threads that may wait."""

    def __init__(self, node: ManagedNode[Any]) -> None:
        self._node = node
        # Of the node itself: its thread never waits, so answers always come through.
        self._client = node.create_client(GetSession, 'get_session', qos_profile=CLIENT_QOS)
        self._is_closed = False
        self._changed = threading.Condition()

    def close(self) -> None:
        """Ask no more; whoever waits for an answer is told so at once."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._node.destroy_client(self._client)

    def holder(self, session_id: str, right: str = '', *, is_action: bool = True) -> Holder:
        """Who holds a session that has this right, by its public name; an empty one is the owner's.

        is_action: a sign that the person is there. Raises SessionRefused.
        """
        if not session_id:
            return Holder()
        request = GetSession.Request(session_id=session_id, right=right, passive=not is_action)
        answer = self._answer(request)
        if answer is None:
            raise SessionRefused('session_node_away', SESSION_NODE_AWAY)
        if not answer.success:
            raise SessionRefused(answer.error_code, answer.message)
        return Holder(answer.session.identity, answer.session.session_id)

    def _answer(self, request: GetSession.Request) -> GetSession.Response | None:
        with self._changed:
            if self._is_closed or not self._client.service_is_ready():
                return None
            future = self._client.call_async(request)
        future.add_done_callback(self._on_answer)
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or future.done(), ANSWER_PATIENCE_S)
        self._client.remove_pending_request(future)
        return future.result() if future.done() else None

    def _on_answer(self, _: Any) -> None:
        with self._changed:
            self._changed.notify_all()
