"""`/api/live/whep`: the live picture over WebRTC, if the parameter `whep` is on.

WHEP: https://datatracker.ietf.org/doc/draft-ietf-wish-whep/, without trickled candidates.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.routes.common import LiveWelcomeOf, PrincipalOf, ServicesOf
from mmoment_api.routes.live import too_many_viewers
from mmoment_api.services import Services, WhepControl
from mmoment_api.viewer_seats import TooManyViewers

router = APIRouter(tags=['live'])

SDP = 'application/sdp'


@router.post(
    '/api/live/whep',
    status_code=201,
    response_class=Response,
    responses={201: {'content': {SDP: {}}, 'description': 'The answer; Location ends it'}},
    openapi_extra={'requestBody': {'required': True, 'content': {SDP: {}}}},
)
async def open_whep(
    request: Request,
    services: ServicesOf,
    principal: PrincipalOf,
    is_welcome: LiveWelcomeOf,
    overlay: Annotated[
        bool, Query(description='With what the overlay draws, names too; for the owner only')
    ] = True,
) -> Response:
    """An offer (SDP) of a browser that wants to see."""
    peers = _peers(services)
    if request.headers.get('content-type', '').partition(';')[0].strip().lower() != SDP:
        raise ApiError(415, 'unsupported_media_type', f'Send the offer as {SDP}')
    try:
        offer = (await request.body()).decode()
    except UnicodeDecodeError:
        raise ApiError(422, 'invalid', 'The offer is no text') from None
    is_drawn = overlay and principal is not None and principal.is_owner
    try:
        name, answer = await peers.open(offer, is_drawn, is_welcome)
    except TooManyViewers:
        raise too_many_viewers() from None
    headers = {'Location': f'/api/live/whep/{name}'}
    return Response(answer, 201, headers, SDP)


@router.delete('/api/live/whep/{name}', status_code=200, response_class=Response)
async def end_whep(name: str, services: ServicesOf) -> Response:
    """Whoever looked does so no more; its name is known to nobody else."""
    if not await _peers(services).end(name):
        raise ApiError(404, *HTTP_ERRORS[404])
    return Response(status_code=200)


def _peers(services: Services) -> WhepControl:
    if services.whep is None:
        raise ApiError(404, 'whep_off', 'This camera serves no WebRTC; its parameter whep is off')
    return services.whep
