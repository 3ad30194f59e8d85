"""The services and the action of capture_node. Whose session it is, session_node says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.action.server import ServerGoalHandle

from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.srv import (
    CapturePhoto,
    ChangeMedia,
    EraseMedia,
    GetMedia,
    ListMedia,
    StopRecording,
)
from mmoment_node.managed_node import ManagedNode
from mmoment_node.request_desk import RequestDesk
from mmoment_stream.capture_jobs import CaptureJobs
from mmoment_stream.capture_messages import media_item
from mmoment_stream.capture_parameters import MOST_RECORDINGS
from mmoment_stream.capture_topics import CaptureAnnouncer
from mmoment_stream.errors import Refused, SessionRefused
from mmoment_stream.media_cursor import Viewer
from mmoment_stream.media_draft import Origin
from mmoment_stream.media_library import ASKED, MediaLibrary
from mmoment_stream.media_maker import RunningClip
from mmoment_stream.mistakes import INTERNAL, INTERNAL_TEXT, log_mistake
from mmoment_stream.people_seen import PeopleSeen
from mmoment_stream.recorder import ASKED as STOPPED
from mmoment_stream.session_client import Holder, SessionClient

# Beside those that wait for the end of a clip. Threads are started as they are needed.
OTHER_THREADS = 8
THREADS = MOST_RECORDINGS + OTHER_THREADS
SERVICE = 'service'
TRIGGERS = ('', 'api', SERVICE)
CAPTURE, RECORD, ADMIN = 'capture', 'record', 'admin'


@dataclass(frozen=True, slots=True)
class CaptureParts:
    """What the services work with."""

    library: MediaLibrary
    jobs: CaptureJobs
    announcer: CaptureAnnouncer
    sessions: SessionClient
    seen: PeopleSeen


class CaptureRequests:
    """Answers until `close`. `parts`: None while the node is still waiting for the store."""

    def __init__(self, node: ManagedNode[Any], parts: Callable[[], CaptureParts | None]) -> None:
        self._node = node
        self._given_parts = parts
        self._desk = RequestDesk(node, THREADS)
        for kind, name, answer in (
            (CapturePhoto, 'capture_photo', self._photo),
            (StopRecording, 'stop_recording', self._stop),
            (ListMedia, 'list_media', self._list),
            (GetMedia, 'get_media', self._get),
            (ChangeMedia, 'change_media', self._change),
            (EraseMedia, 'erase_media', self._erase),
        ):
            self._desk.serve(kind, name, self._guarded(answer))
        self._desk.act(RecordClip, 'record_clip', self._record)
        self._desk.open()

    def close(self) -> None:
        """Answer no more. What is recorded is to be over before."""
        self._desk.close()

    @property
    def _parts(self) -> CaptureParts:
        parts = self._given_parts()
        if parts is None:
            raise Refused('not_ready')
        return parts

    def _guarded(self, answer_to: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        def callback(request: Any, answer: Any) -> Any:
            refusal = self._attempt(lambda: answer_to(request, answer))
            answer.success = refusal is None
            if refusal is not None:
                answer.error_code, answer.message = refusal
            return answer

        return callback

    def _attempt(self, work: Callable[[], None]) -> tuple[str, str] | None:
        """Do it; returns code and sentence of a refusal. One odd request does not end the node."""
        try:
            work()
        except (Refused, SessionRefused) as refusal:
            return refusal.code, refusal.text
        except Exception as error:
            log_mistake(self._node.get_logger(), error)
            return INTERNAL, INTERNAL_TEXT
        return None

    # --- making -----------------------------------------------------------------------------------

    def _photo(self, request: CapturePhoto.Request, answer: CapturePhoto.Response) -> None:
        parts = self._parts
        # The drawings name others: only who may do what the owner of the camera may has them.
        right = ADMIN if request.annotated else CAPTURE
        holder = parts.sessions.holder(request.session_id, right)
        origin = _origin(holder, request.trigger, annotated=request.annotated)
        record = parts.jobs.photo(origin, request.monotonic_ns, request.format)
        answer.media = media_item(record, parts.library)
        answer.message = 'The photo is kept.'

    def _record(self, handle: ServerGoalHandle) -> Any:
        goal, result = handle.request, RecordClip.Result()
        refusal = self._attempt(lambda: self._record_goal(handle, goal, result))
        if refusal is not None:
            result.error_code, result.message = refusal
            handle.abort()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.succeed()
        return result

    def _record_goal(self, handle: ServerGoalHandle, goal: Any, result: Any) -> None:
        asked_ns, parts = time.monotonic_ns(), self._parts
        holder = parts.sessions.holder(goal.session_id, RECORD)

        def look(clip: RunningClip) -> None:
            recording = clip.recording
            if handle.is_cancel_requested:
                recording.end(STOPPED)
            feedback = RecordClip.Feedback(media_id=clip.media_id)
            feedback.elapsed_s = recording.elapsed_s
            feedback.bytes, feedback.packets = recording.bytes, recording.packets
            handle.publish_feedback(feedback)

        record = parts.jobs.clip(
            _origin(holder, goal.trigger), asked_ns, goal.duration_s, goal.preroll_s, look
        )
        result.success, result.media = True, media_item(record, parts.library)
        result.message = 'The clip is kept.'

    def _stop(self, request: StopRecording.Request, answer: StopRecording.Response) -> None:
        parts = self._parts
        holder = parts.sessions.holder(request.session_id)
        meant = [clip for clip in parts.jobs.running if request.media_id in ('', clip.media_id)]
        own = [clip for clip in meant if holder.is_owner or clip.origin.wallet == holder.identity]
        if not own:
            # The same where it is somebody else's.
            raise Refused('no_recording')
        records = parts.jobs.stop(own)
        answer.media = [media_item(record, parts.library) for record in records]
        answer.message = f'Clips kept: {len(records)}.'

    # --- what is there ----------------------------------------------------------------------------

    def _list(self, request: ListMedia.Request, answer: ListMedia.Response) -> None:
        parts = self._parts
        page = parts.library.page(
            self._viewer(request),
            kind=request.kind or None,
            wallet=request.identity or None,
            limit=request.limit,
            cursor=request.cursor,
        )
        answer.media = [media_item(record, parts.library) for record in page.records]
        answer.next_cursor, answer.total = page.next_cursor, page.total
        answer.message = f'Photos and clips: {page.total}.'

    def _get(self, request: GetMedia.Request, answer: GetMedia.Response) -> None:
        parts = self._parts
        record = parts.library.get(self._viewer(request), request.media)
        answer.media = media_item(record, parts.library)

    def _change(self, request: ChangeMedia.Request, answer: ChangeMedia.Response) -> None:
        parts, viewer = self._parts, self._viewer(request)
        if request.change == ChangeMedia.Request.DELETE:
            record = parts.library.delete(viewer, request.media)
            parts.announcer.deleted(record, ASKED)
            answer.message = 'Deleted.'
        elif request.change in (ChangeMedia.Request.KEEP, ChangeMedia.Request.DO_NOT_KEEP):
            is_kept = request.change == ChangeMedia.Request.KEEP
            parts.library.set_favourite(viewer, request.media, is_kept)
            answer.message = 'It is kept.' if is_kept else 'It goes when room is needed.'
        else:
            raise Refused('malformed')

    def _erase(self, request: EraseMedia.Request, answer: EraseMedia.Response) -> None:
        parts = self._parts
        if not request.identity:
            raise Refused('malformed')
        parts.seen.forget(request.identity)
        try:
            answer.erased = parts.library.erase(request.identity)
        finally:
            # After it, so that nothing of them is kept in between; and also on a disk that refuses.
            parts.jobs.end_clips_of(request.identity)
        answer.message = f'Photos and clips deleted: {answer.erased}.'

    def _viewer(self, request: Any) -> Viewer:
        holder = self._parts.sessions.holder(request.session_id, is_action=False)
        return Viewer(None if holder.is_owner else holder.identity)


def _origin(holder: Holder, trigger: str, *, annotated: bool = False) -> Origin:
    """Whose it is to be. Raises Refused."""
    if trigger not in TRIGGERS:
        raise Refused('malformed', f'A trigger is one of: {", ".join(filter(None, TRIGGERS))}')
    return Origin(
        wallet=None if holder.is_owner else holder.identity,
        session_id=None if holder.is_owner else holder.session_id,
        trigger=trigger or SERVICE,
        annotated=annotated,
    )
