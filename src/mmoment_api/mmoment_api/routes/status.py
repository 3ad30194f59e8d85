"""`/api/status`: the state in a few flags."""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.access import Access, Principal
from mmoment_api.media_control import CAPTURE
from mmoment_api.media_models import CLIP_FORMATS, PHOTO_FORMATS, running_clip_answer
from mmoment_api.models import RecordingSummary, StatusAnswer, StatusData, StreamSummary
from mmoment_api.routes.common import PrincipalOf, ServicesOf, may_know_of
from mmoment_api.services import Services, timestamp_ms

router = APIRouter(tags=['status'])


@router.get('/api/status')
async def get_status(services: ServicesOf, principal: PrincipalOf) -> StatusAnswer:
    """Online means: real pictures arrive. Streaming means: a place outside receives them.

    That something is streamed or recorded, everybody may know; where it can be watched, only who may
    see the picture here, and what is recorded, only to whom it belongs.
    """
    now_ms = timestamp_ms()
    camera = services.state.live_camera()
    known = services.state.camera
    last_seen = None
    if known is not None:
        last_seen = now_ms - int((services.state.clock() - known.heard_s) * 1000)
    stream = _stream(services, principal)
    data = StatusData(
        is_online=camera is not None and camera.is_live,
        is_streaming=stream.is_active,
        is_recording=bool(services.state.recordings.running()),
        last_seen=last_seen,
        active_session_count=len(services.sessions.live),
        stream_info=stream,
        recording_info=_recording(services, principal),
        supported_formats=_formats(services),
    )
    return StatusAnswer(timestamp=now_ms, data=data, **data.model_dump())


def _stream(services: Services, principal: Principal | None) -> StreamSummary:
    status = services.state.pushed.now()
    if status is None or not status.live:
        return StreamSummary()
    shown = status.shown()
    may_look = principal is not None and principal.may(Access.VIEW)
    return StreamSummary(
        playback_id=(shown.playback_id or None) if shown and may_look else None,
        is_active=True,
        format=shown.provider if shown else None,
    )


def _recording(services: Services, principal: Principal | None) -> RecordingSummary:
    running = services.state.recordings.running()
    may_know = may_know_of(principal)
    own = [running_clip_answer(clip) for clip in running if may_know(clip.identity)]
    return RecordingSummary(is_active=bool(running), recordings=own)


def _formats(services: Services) -> dict[str, list[str]]:
    keeps_media = services.state.is_heard(CAPTURE)
    return {
        'live': ['mjpeg'],
        'photo': list(PHOTO_FORMATS) if keeps_media else [],
        'video': list(CLIP_FORMATS) if keeps_media else [],
    }
