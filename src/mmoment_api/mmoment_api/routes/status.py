"""`/api/status`: the state in a few flags."""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.models import RecordingSummary, StatusAnswer, StatusData, StreamSummary
from mmoment_api.routes.common import ServicesOf
from mmoment_api.services import timestamp_ms

router = APIRouter(tags=['status'])


@router.get('/api/status')
async def get_status(services: ServicesOf) -> StatusAnswer:
    """Online means: real pictures arrive. Nothing streams or records before those parts exist."""
    now_ms = timestamp_ms()
    camera = services.state.live_camera()
    known = services.state.camera
    last_seen = None
    if known is not None:
        last_seen = now_ms - int((services.state.clock() - known.heard_s) * 1000)
    data = StatusData(
        is_online=camera is not None and camera.is_live,
        is_streaming=False,
        is_recording=False,
        last_seen=last_seen,
        active_session_count=len(services.sessions.live),
        stream_info=StreamSummary(),
        recording_info=RecordingSummary(),
        supported_formats={'live': ['mjpeg'], 'photo': [], 'video': []},
    )
    return StatusAnswer(timestamp=now_ms, data=data, **data.model_dump())
