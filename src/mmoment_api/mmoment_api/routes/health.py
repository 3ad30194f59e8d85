"""`/api/health`: how each part is, from what the nodes say about themselves."""

from __future__ import annotations

import re

from fastapi import APIRouter

from mmoment_api.graph_state import CameraState
from mmoment_api.health import Health, PartHealth, judge
from mmoment_api.models import (
    ConcernDetail,
    HealthAnswer,
    HealthCamera,
    HealthDetail,
    LiveDetail,
    PartDetail,
    SessionHealth,
    SourceDetail,
)
from mmoment_api.routes.common import PrincipalOf, ServicesOf
from mmoment_api.services import Services, timestamp_ms
from mmoment_api.session_control import SESSIONS
from mmoment_api.vision import vision_answer

router = APIRouter(tags=['health'])

_V4L2_DEVICE = re.compile(r'/dev/video(\d+)')


@router.get('/api/health')
async def get_health(services: ServicesOf, principal: PrincipalOf) -> HealthAnswer:
    """The summary for everybody, the detail for the owner."""
    return health_answer(services, principal is not None and principal.is_owner)


def health_answer(services: Services, is_owner: bool) -> HealthAnswer:
    """The answer, also sent as the `health` event."""
    health = judge(services.state, services.settings.nodes)
    camera = services.state.live_camera()
    device = _V4L2_DEVICE.fullmatch(camera.source) if camera else None
    return HealthAnswer(
        status=health.status,
        camera=HealthCamera(
            index=int(device.group(1)) if device else None,
            preferred_device=camera.source if camera and is_owner else None,
            resolution=camera.resolution if camera else None,
            target_fps=_rounded(camera.target_fps) if camera else None,
        ),
        buffer_fps=_rounded(camera.fps) if camera and camera.is_live else 0.0,
        active_sessions=len(services.sessions.live),
        timestamp=timestamp_ms(),
        parts={name: part.state for name, part in health.parts.items()},
        session=_session(services, is_owner),
        vision=vision_answer(services.state, is_owner),
        detail=_detail(services, health, camera) if is_owner else None,
    )


def _session(services: Services, is_owner: bool) -> SessionHealth:
    live = services.sessions.live
    return SessionHealth(
        running=services.state.is_heard(SESSIONS),
        active=len(live),
        faces_known=sum(record.face_known for record in live) if is_owner else None,
    )


def _detail(services: Services, health: Health, camera: CameraState | None) -> HealthDetail:
    figures, video = services.live.figures, services.video.figures
    return HealthDetail(
        message=health.message,
        parts={name: _part(services, name, part) for name, part in health.parts.items()},
        source=_source(services.clock(), camera) if camera else None,
        live_view=LiveDetail(
            viewers=figures.viewers + video.viewers,
            video_viewers=video.viewers,
            video_sent=video.sent,
            video_dropped=video.dropped,
            video_skips=video.skips,
            pictures=figures.pictures,
            encodes=figures.encodes,
            sent=figures.sent,
            dropped=figures.dropped,
            overwritten=figures.overwritten,
            timed_out=figures.timed_out + video.timed_out,
            listeners=services.events.listeners,
        ),
    )


def _part(services: Services, name: str, part: PartHealth) -> PartDetail:
    detail = PartDetail(
        state=part.state,
        message=part.message,
        concerns=[
            ConcernDetail(
                concern=item.concern, level=item.level, message=item.message, values=item.values
            )
            for item in part.concerns
        ],
    )
    stage = services.state.busiest_stage(name)
    if stage is None or part.state in ('silent', 'starting'):
        return detail
    return detail.model_copy(
        update={
            'fps': _rounded(stage.fps),
            'latency_p50_ms': _rounded(stage.latency_p50_ms),
            'latency_p99_ms': _rounded(stage.latency_p99_ms),
            'processed': stage.processed,
            'dropped': stage.dropped,
            'overwritten': stage.overwritten,
            'backend': stage.backend,
        }
    )


def _source(now_s: float, camera: CameraState) -> SourceDetail:
    return SourceDetail(
        connection=camera.connection,
        kind=camera.kind,
        source=camera.source,
        chosen_by_auto=camera.chosen_by_auto,
        last_error=camera.last_error,
        retries=camera.retries,
        since_s=_rounded(now_s - camera.since_s),
        fps=_rounded(camera.fps),
        frames=camera.frames,
        dropped=camera.dropped,
        pixel_format=camera.pixel_format,
        frame_age_s=_rounded(camera.frame_age_s),
    )


def _rounded(value: float) -> float:
    return round(value, 2)
