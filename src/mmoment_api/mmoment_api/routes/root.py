"""`/`: what this is and what it can do now. Only what works is listed."""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.access_table import access_of
from mmoment_api.models import Endpoint, RootAnswer
from mmoment_api.routes.common import ServicesOf
from mmoment_api.services import VERSION

router = APIRouter(tags=['root'])

CAPABILITIES: dict[str, tuple[str, ...]] = {
    'health': ('GET /api/health',),
    'status': ('GET /api/status',),
    'camera': ('GET /api/camera/info', 'POST /api/camera/source'),
    'stream': (
        'GET /api/stream/info',
        'GET /api/stream/status',
        'POST /api/stream/start',
        'POST /api/stream/stop',
        'GET /api/stream/settings',
        'PATCH /api/stream/settings',
        'DELETE /api/stream/settings',
        'POST /api/stream/livepeer/webhook',
        'GET /mjpeg-stream',
        'GET /api/live',
        'WEBSOCKET /api/live/video',
        'WEBSOCKET /api/live/jpeg',
    ),
    'face': (
        'POST /api/face/enroll',
        'POST /api/face/enroll/cancel',
        'POST /api/face/recognize',
        'POST /api/face/detect',
        'DELETE /api/face',
    ),
    'session': (
        'GET /api/session/challenge',
        'POST /api/session/connect',
        'POST /api/checkin',
        'GET /api/session',
        'GET /api/session/status/{wallet}',
        'POST /api/session/renew',
        'POST /api/session/disconnect',
        'POST /api/checkout',
        'GET /api/sessions',
        'POST /api/sessions/revoke',
        'POST /api/grants',
    ),
    'person': (
        'GET /api/face/template',
        'PUT /api/face/template',
        'POST /api/person/forget',
    ),
    'gesture': ('GET /api/gesture/current',),
    'visualization': (
        'GET /api/visualization',
        'POST /api/visualization/face',
        'POST /api/visualization/gesture',
        'POST /api/visualization/privacy',
    ),
    'capture': ('POST /api/capture', 'POST /api/record'),
    'media': (
        'GET /api/media',
        'GET /api/photos',
        'GET /api/photos/{name}',
        'GET /api/photos/{name}/thumbnail',
        'DELETE /api/photos/{name}',
        'GET /api/videos',
        'GET /api/videos/{name}',
        'GET /api/videos/{name}/thumbnail',
        'DELETE /api/videos/{name}',
        'POST /api/media/{id}/favourite',
    ),
    'chain': (
        'GET /api/chain/status',
        'POST /api/chain/transactions',
        'POST /api/chain/transactions/submit',
        'POST /api/chain/nft/verify',
        'GET /api/chain/face',
    ),
    'events': ('GET /api/events', 'WEBSOCKET /api/events'),
}
LINKS = {
    'page': '/test-page',
    'check_in': '/check-in',
    'docs': '/docs',
    'openapi': '/openapi.json',
    'sign_in': '/sign-in',
}


@router.get('/')
async def get_root(services: ServicesOf) -> RootAnswer:
    """Name, version, the index of what works, and links."""
    return RootAnswer(
        name=services.settings.name,
        version=VERSION,
        standardized_endpoints={
            name: [_endpoint(route) for route in routes] for name, routes in CAPABILITIES.items()
        },
        links=LINKS,
    )


def _endpoint(route: str) -> Endpoint:
    method, path = route.split(' ')
    return Endpoint(method=method, path=path, access=access_of(method, path).value)
