"""`/api/stream`: the live picture and how to get it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from mmoment_api.models import StreamInfoAnswer
from mmoment_api.routes.common import ServicesOf

router = APIRouter(tags=['stream'])


@router.get('/api/stream/info')
async def get_stream_info(request: Request, services: ServicesOf) -> StreamInfoAnswer:
    """Nothing is pushed to the outside without a stream node; the live picture is MJPEG."""
    camera = services.state.live_camera()
    return StreamInfoAnswer(
        is_active=False,
        stream_type='mjpeg',
        resolution=camera.resolution if camera else None,
        fps=round(camera.fps, 2) if camera and camera.is_live else 0.0,
        stream_url=str(request.url_for('get_live')),
    )
