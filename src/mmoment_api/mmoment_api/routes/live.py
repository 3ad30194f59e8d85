"""`/mjpeg-stream`: the live picture, one encode for everybody who looks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from mmoment_api.errors import ApiError
from mmoment_api.mjpeg_encoder import CONTENT_TYPE
from mmoment_api.mjpeg_response import MjpegResponse
from mmoment_api.mjpeg_rungs import RATES_FPS, WIDTHS_PX, snap
from mmoment_api.models import SeatsAnswer
from mmoment_api.routes.common import LiveWelcomeOf, PrincipalOf, ServicesOf
from mmoment_api.viewer_seats import TooManyViewers

router = APIRouter(tags=['live'])

RETRY_AFTER_S = 5


@router.get('/api/live')
async def get_seats(services: ServicesOf) -> SeatsAnswer:
    """Whether one more may look; refused like a live view, for browsers hide why a WebSocket is."""
    seats = services.live.seats
    if seats.is_full:
        raise too_many_viewers()
    return SeatsAnswer(viewers=seats.taken, viewers_at_most=seats.at_most)


@router.get(
    '/mjpeg-stream',
    response_class=Response,
    responses={200: {'content': {CONTENT_TYPE.split(';')[0]: {}}, 'description': 'JPEG parts'}},
)
async def get_live(
    services: ServicesOf,
    principal: PrincipalOf,
    is_welcome: LiveWelcomeOf,
    overlay: Annotated[
        bool, Query(description='With what the overlay draws, names too; for the owner only')
    ] = True,
    fps: Annotated[
        float | None, Query(description=f'At most this many pictures a second, of {RATES_FPS}')
    ] = None,
    width: Annotated[
        float | None, Query(description=f'At most this many pixels wide, of {WIDTHS_PX}')
    ] = None,
) -> Response:
    """Each part has X-Sequence, X-Capture-Monotonic-Ns and X-Live (0: a placeholder)."""
    # What is drawn cannot be kept from one viewer and told to another, as names in events are.
    is_drawn = overlay and principal is not None and principal.is_owner
    try:
        viewer = services.live.enter(snap(is_drawn, width, fps))
    except TooManyViewers:
        raise too_many_viewers() from None
    viewer.is_welcome = is_welcome
    return MjpegResponse(services.live, viewer, services.clock)


def too_many_viewers() -> ApiError:
    """The answer to whoever finds no seat."""
    return ApiError(
        503,
        'too_many_viewers',
        'As many people look as the camera can serve; try again later',
        {'Retry-After': str(RETRY_AFTER_S)},
    )
