"""Does what gestures ask for: gesture_node says who asked, session_node whether they still may."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

from rclpy.qos import QoSProfile

from mmoment_chain.media_signature import CLIP, PHOTO
from mmoment_interfaces.msg import GestureAction, Session
from mmoment_node.managed_node import ManagedNode
from mmoment_stream.capture_parameters import CaptureParameters
from mmoment_stream.capture_requests import CAPTURE, RECORD, THREADS, CaptureParts
from mmoment_stream.errors import Refused, SessionRefused
from mmoment_stream.media_draft import Origin
from mmoment_stream.mistakes import log_mistake
from mmoment_stream.session_client import Holder

ACTIONS_QOS = QoSProfile(depth=10)
GESTURE = 'gesture'
PHOTO_ACTION, CLIP_ACTION = 'photo', 'clip'
RIGHTS = {PHOTO_ACTION: CAPTURE, CLIP_ACTION: RECORD}
KINDS = {PHOTO_ACTION: PHOTO, CLIP_ACTION: CLIP}
ADMIN = 'admin'
# For clips that end now to be kept.
CLOSING_PATIENCE_S = 4.0


class CaptureGestures:
    """Listens to `gesture_actions` until `close`. `sessions`: those that are live."""

    def __init__(
        self,
        node: ManagedNode[Any],
        parts: Callable[[], CaptureParts | None],
        sessions: Callable[[], list[Session]],
        parameters: Callable[[], CaptureParameters],
    ) -> None:
        self._node = node
        self._parts = parts
        self._sessions = sessions
        self._parameters = parameters
        self._pool = futures.ThreadPoolExecutor(THREADS, 'gestures')
        self._pending: set[futures.Future[None]] = set()
        self._subscription = node.create_subscription(
            GestureAction, 'gesture_actions', self._on_action, ACTIONS_QOS
        )

    def close(self) -> None:
        """Do nothing any more. What is recorded is to be over before: it has a moment to be kept."""
        self._node.destroy_subscription(self._subscription)
        self._pool.shutdown(wait=False, cancel_futures=True)
        futures.wait(tuple(self._pending), CLOSING_PATIENCE_S)

    def _on_action(self, message: GestureAction) -> None:
        if message.outcome != GestureAction.REQUESTED or message.action not in RIGHTS:
            return
        if len(self._pending) >= THREADS:
            # Done later it would be of another moment.
            self._node.get_logger().warning(f'{message.action} by gesture: too many at once')
            return
        doing = self._pool.submit(self._guarded, message)
        self._pending.add(doing)
        doing.add_done_callback(self._pending.discard)

    def _guarded(self, message: GestureAction) -> None:
        try:
            self._do(message)
        except (Refused, SessionRefused) as refusal:
            self._node.get_logger().info(f'{message.action} by gesture: {refusal.text}')
        except Exception as error:
            log_mistake(self._node.get_logger(), error)

    def _do(self, message: GestureAction) -> None:
        parts = self._parts()
        if parts is None:
            raise Refused('not_ready')
        holder = self._holder(parts, message)
        origin = Origin(holder.identity, holder.session_id, GESTURE, message.gesture)
        if message.action == PHOTO_ACTION:
            parts.jobs.photo(origin, message.monotonic_ns)
        elif not parts.jobs.end_clips_of(holder.identity):
            asked_ns = message.monotonic_ns or time.monotonic_ns()
            duration_s = min(self._parameters().gesture_clip_s, self._parameters().clip_at_most_s)
            parts.jobs.clip(origin, asked_ns, duration_s)

    def _holder(self, parts: CaptureParts, message: GestureAction) -> Holder:
        """A session of this person that has the right at this moment."""
        right = RIGHTS[message.action]
        if not message.identity:
            raise SessionRefused('no_session', 'nobody knows whose gesture it is')
        for session in self._sessions():
            if session.identity == message.identity and {right, ADMIN} & set(session.rights):
                return self._asked(parts, message, session.session_id)
        raise SessionRefused('no_session', 'who asks is not checked in with this right')

    def _asked(self, parts: CaptureParts, message: GestureAction, session_id: str) -> Holder:
        try:
            return parts.sessions.holder(session_id, RIGHTS[message.action])
        except SessionRefused as refusal:
            origin = Origin(message.identity, session_id, GESTURE, message.gesture)
            parts.announcer.failed(KINDS[message.action], origin, refusal)
            raise
