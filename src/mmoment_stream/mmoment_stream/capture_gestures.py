"""Does what gestures ask for: gesture_node says who asked, session_node whether they still may."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rclpy.qos import QoSProfile

from mmoment_interfaces.msg import GestureAction, Session
from mmoment_node.managed_node import ManagedNode
from mmoment_stream.capture_jobs import CaptureJobs
from mmoment_stream.capture_parameters import CaptureParameters
from mmoment_stream.capture_requests import CAPTURE, RECORD, CaptureParts
from mmoment_stream.errors import Refused, SessionRefused
from mmoment_stream.media_draft import Origin
from mmoment_stream.media_maker import RunningClip
from mmoment_stream.recorder import ASKED
from mmoment_stream.session_client import Holder

ACTIONS_QOS = QoSProfile(depth=10)
GESTURE = 'gesture'
PHOTO_ACTION, CLIP_ACTION = 'photo', 'clip'
RIGHTS = {PHOTO_ACTION: CAPTURE, CLIP_ACTION: RECORD}
ADMIN = 'admin'
# Each gesture is done beside the others; a person has few at once.
THREADS = 8


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
        self._is_closing = False
        self._pool = ThreadPoolExecutor(THREADS, 'gestures')
        self._subscription = node.create_subscription(
            GestureAction, 'gesture_actions', self._on_action, ACTIONS_QOS
        )

    def close(self) -> None:
        """Do nothing any more; what is being recorded is kept."""
        self._is_closing = True
        self._node.destroy_subscription(self._subscription)
        self._pool.shutdown()

    def _on_action(self, message: GestureAction) -> None:
        if message.outcome == GestureAction.REQUESTED and message.action in RIGHTS:
            self._pool.submit(self._guarded, message)

    def _guarded(self, message: GestureAction) -> None:
        try:
            self._do(message)
        except (Refused, SessionRefused) as refusal:
            self._node.get_logger().info(f'{message.action} by gesture: {refusal.text}')
        except Exception as error:
            self._node.fail(error)

    def _do(self, message: GestureAction) -> None:
        parts = self._parts()
        if parts is None:
            raise Refused('not_ready')
        holder = self._holder(parts, message)
        origin = Origin(holder.identity, holder.session_id, GESTURE, message.gesture)
        if message.action == PHOTO_ACTION:
            parts.jobs.photo(origin, message.monotonic_ns)
        elif running := _running(parts.jobs, holder.identity):
            parts.jobs.stop(running)
        else:
            asked_ns = message.monotonic_ns or time.monotonic_ns()
            duration_s = min(self._parameters().gesture_clip_s, self._parameters().clip_at_most_s)
            parts.jobs.clip(origin, asked_ns, duration_s, look=self._look)

    def _holder(self, parts: CaptureParts, message: GestureAction) -> Holder:
        """A session of this person that has the right at this moment."""
        right = RIGHTS[message.action]
        for session in self._sessions():
            if session.identity == message.identity and {right, ADMIN} & set(session.rights):
                return parts.sessions.holder(session.session_id, right)
        raise SessionRefused('no_session', f'{message.identity or "somebody"} is not checked in')

    def _look(self, clip: RunningClip) -> None:
        if self._is_closing:
            clip.recording.end(ASKED)


def _running(jobs: CaptureJobs, identity: str) -> list[RunningClip]:
    return [clip for clip in jobs.running if clip.origin.wallet == identity]
