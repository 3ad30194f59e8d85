"""Calls of `capture_node`, and its messages as what the web side works with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from rclpy.action import ActionClient
from rclpy.node import Node

from mmoment_api.errors import part_not_running
from mmoment_api.goal_run import GoalRun
from mmoment_api.graph_state import Json
from mmoment_api.media_control import (
    CAPTURE,
    CLIP,
    PHOTO,
    Asker,
    Change,
    ClipWish,
    MediaPage,
    MediaQuestion,
    MediaRecord,
    PhotoWish,
    RunningClip,
    refused_by_capture,
)
from mmoment_api.media_models import media_summary
from mmoment_api.service_calls import CLIENT_QOS, Call, ServiceCalls
from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.msg import MediaEvent, MediaItem, Recording
from mmoment_interfaces.srv import CapturePhoto, ChangeMedia, GetMedia, ListMedia, StopRecording

SERVICES = {
    'capture_photo': CapturePhoto,
    'stop_recording': StopRecording,
    'list_media': ListMedia,
    'get_media': GetMedia,
    'change_media': ChangeMedia,
}
ACTION = 'record_clip'
# What is said to have asked.
TRIGGER = 'api'
# Each may wait for session_node, and then for a disk.
ASK_WAIT_S = 8.0
PHOTO_WAIT_S = 10.0
START_WAIT_S = 8.0
# A long clip is written once more when it ends.
STOP_WAIT_S = 60.0
KINDS = {MediaItem.PHOTO: PHOTO, MediaItem.CLIP: CLIP}
CHANGES = {
    Change.DELETE: ChangeMedia.Request.DELETE,
    Change.KEEP: ChangeMedia.Request.KEEP,
    Change.DO_NOT_KEEP: ChangeMedia.Request.DO_NOT_KEEP,
}
HAPPENINGS = {
    MediaEvent.TAKEN: 'taken',
    MediaEvent.STARTED: 'started',
    MediaEvent.RECORDED: 'recorded',
    MediaEvent.FAILED: 'failed',
    MediaEvent.DELETED: 'deleted',
}
SendGoal = Callable[[ActionClient, Any, str], Awaitable[GoalRun]]
GiveUp = Callable[[GoalRun], Awaitable[Any]]


class MediaCalls(ServiceCalls):
    """See `MediaControl`.

    call: asks a service of a node. send_goal, give_up: begin a goal, and cancel it. All raise
    `ApiError` where the node is not there or does not answer.
    """

    PART = CAPTURE
    SERVICES = SERVICES

    def __init__(self, node: Node, call: Call, send_goal: SendGoal, give_up: GiveUp) -> None:
        super().__init__(node, call)
        self._send_goal = send_goal
        self._give_up = give_up
        self._record: ActionClient | None = None

    def open(self) -> None:
        """Prepare the services and the action."""
        super().open()
        # Of many goals that end at once, each client gets all answers.
        self._record = ActionClient(
            self._node,
            RecordClip,
            ACTION,
            goal_service_qos_profile=CLIENT_QOS,
            result_service_qos_profile=CLIENT_QOS,
            feedback_sub_qos_profile=CLIENT_QOS,
        )

    def close(self) -> None:
        """Give them back."""
        for client in self._clients.values():
            self._node.destroy_client(client)
        self._clients = {}
        if self._record is not None:
            self._record.destroy()
            self._record = None

    async def capture_photo(self, asker: Asker, wish: PhotoWish) -> MediaRecord:
        """See `MediaControl`."""
        request = CapturePhoto.Request(
            session_id=asker.session_id,
            annotated=wish.annotated,
            format=wish.format,
            trigger=TRIGGER,
        )
        return media_record((await self._ask('capture_photo', request, PHOTO_WAIT_S)).media)

    async def start_clip(self, asker: Asker, wish: ClipWish) -> str:
        """See `MediaControl`."""
        goal = RecordClip.Goal(
            session_id=asker.session_id,
            duration_s=wish.duration_s,
            preroll_s=wish.preroll_s,
            trigger=TRIGGER,
        )
        if self._record is None:
            raise part_not_running(CAPTURE)
        run = await self._send_goal(self._record, goal, CAPTURE)
        # Its first word is that it records; whoever refuses ends the goal without one.
        await asyncio.wait(
            (run.news, run.answer), timeout=START_WAIT_S, return_when=asyncio.FIRST_COMPLETED
        )
        if run.news.done():
            return str(run.news.result().media_id)
        if not run.answer.done():
            await self._give_up(run)
            raise part_not_running(CAPTURE, f'no answer within {START_WAIT_S:.0f} s')
        result = run.answer.result()
        if result is None:
            raise refused_by_capture('busy', 'The camera takes no further recording')
        return str(_check(result).media.media_id)

    async def stop_clips(self, asker: Asker, media_id: str) -> tuple[MediaRecord, ...]:
        """See `MediaControl`."""
        request = StopRecording.Request(session_id=asker.session_id, media_id=media_id)
        answer = await self._ask('stop_recording', request, STOP_WAIT_S)
        return tuple(media_record(item) for item in answer.media)

    async def list_media(self, asker: Asker, question: MediaQuestion) -> MediaPage:
        """See `MediaControl`."""
        request = ListMedia.Request(
            session_id=asker.session_id,
            identity=question.identity,
            kind=question.kind,
            limit=question.limit,
            cursor=question.cursor,
        )
        answer = await self._ask('list_media', request)
        records = tuple(media_record(item) for item in answer.media)
        return MediaPage(records, answer.next_cursor, int(answer.total))

    async def get_media(self, asker: Asker, name: str) -> MediaRecord:
        """See `MediaControl`."""
        request = GetMedia.Request(session_id=asker.session_id, media=name)
        return media_record((await self._ask('get_media', request)).media)

    async def change_media(self, asker: Asker, name: str, change: Change) -> None:
        """See `MediaControl`."""
        request = ChangeMedia.Request(
            session_id=asker.session_id, media=name, change=CHANGES[change]
        )
        await self._ask('change_media', request)

    async def _ask(self, name: str, request: Any, wait_s: float = ASK_WAIT_S) -> Any:
        return _check(await self.ask(name, request, wait_s))


def media_record(message: MediaItem) -> MediaRecord:
    """One photo or clip."""
    return MediaRecord(
        media_id=message.media_id,
        kind=KINDS.get(message.kind, CLIP),
        filename=message.filename,
        path=message.path,
        thumbnail_path=message.thumbnail_path,
        identity=message.identity,
        session_id=message.session_id,
        taken_s=seconds_of(message.started),
        duration_s=message.duration_s,
        size_bytes=message.bytes,
        width=message.width,
        height=message.height,
        mime_type=message.mime_type,
        trigger=message.trigger,
        gesture=message.gesture,
        people=tuple(message.people),
        annotated=message.annotated,
        favourite=message.favourite,
        uploaded=message.uploaded,
        sha256=message.sha256,
    )


def running_clip(message: Recording) -> RunningClip:
    """One clip that is being recorded."""
    return RunningClip(
        media_id=message.media_id,
        identity=message.identity,
        started_s=seconds_of(message.started),
        elapsed_s=message.elapsed_s,
        limit_s=message.limit_s,
        trigger=message.trigger,
    )


def capture_event(message: MediaEvent) -> Json:
    """What happened to a photo or clip, for its owner; who else is in it is not told here."""
    record = media_record(message.media)
    return {
        'change': HAPPENINGS.get(message.kind, 'unknown'),
        'id': record.media_id or None,
        'kind': record.kind,
        'identity': record.identity or None,
        'reason': message.reason or None,
        'message': message.message or None,
        'media': media_summary(record) if record.filename else None,
    }


def recordings_event(clips: tuple[RunningClip, ...]) -> Json:
    """What is being recorded; whether anything is, everybody may know who may look."""
    return {
        'active': bool(clips),
        'recordings': [
            {
                'id': clip.media_id,
                'identity': clip.identity or None,
                'started': clip.started_s,
                'elapsed_s': round(clip.elapsed_s, 3),
                'limit_s': round(clip.limit_s, 3),
                'trigger': clip.trigger,
            }
            for clip in clips
        ],
    }


def seconds_of(stamp: Any) -> float:
    """A time of a message in seconds since 1970, to the microsecond."""
    return round(int(stamp.sec) + int(stamp.nanosec) / 1e9, 6)


def _check(answer: Any) -> Any:
    if not answer.success:
        raise refused_by_capture(answer.error_code, answer.message)
    return answer
