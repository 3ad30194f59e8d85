"""The pages and their parts, from the folder `web`; they load nothing from elsewhere."""

from __future__ import annotations

import functools
from importlib import resources

from fastapi import APIRouter, Request
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from mmoment_api.access import link_service
from mmoment_api.errors import HTTP_ERRORS, ApiError

router = APIRouter(tags=['pages'])

MEDIA_TYPES = {
    'html': 'text/html; charset=utf-8',
    'css': 'text/css; charset=utf-8',
    'js': 'text/javascript; charset=utf-8',
    'svg': 'image/svg+xml',
}
# What `signed-out.html` leaves to be filled in.
NAMESPACE = b'{namespace}'
SERVICE = b'{service}'
# What /assets gives to everybody: these hold no secret, and the sign-in page needs them.
ASSETS = (
    'style.css',
    'page.js',
    'check-in.js',
    'consent.js',
    'demo-wallet.js',
    'device-store.js',
    'page-chain.js',
    'page-chain-wallet.js',
    'page-common.js',
    'page-detections.js',
    'page-live.js',
    'page-live-socket.js',
    'page-live-ways.js',
    'page-media.js',
    'page-people.js',
    'page-picture.js',
    'page-record.js',
    'page-session.js',
    'page-stream.js',
    'page-stream-settings.js',
    'page-vault.js',
    'page-viewer.js',
    'siws.js',
    'transaction.js',
    'unfinished-mints.js',
    'vault.js',
    'sign-in.js',
    'docs.js',
    'icon.svg',
)


@router.get('/assets/{name}', response_class=Response, include_in_schema=False)
async def get_asset(name: str) -> Response:
    """A style, script or picture of the pages."""
    if name not in ASSETS:
        raise ApiError(404, *HTTP_ERRORS[404])
    return page(name)


@router.get('/check-in', response_class=Response)
async def get_check_in() -> Response:
    """Check in with a wallet, for everybody."""
    return page('check-in.html')


@router.get('/test-page', response_class=Response)
async def get_page() -> Response:
    """The live picture, the states of all parts, detections and switches."""
    return page('page.html')


@router.get('/local-test', response_class=Response)
async def get_local_page() -> Response:
    """The same page, by the name older clients know."""
    return page('page.html')


@router.get('/docs', response_class=Response)
async def get_docs() -> Response:
    """What can be called, for people."""
    return page('docs.html')


@router.get('/openapi.json')
async def get_openapi(request: Request) -> JSONResponse:
    """What can be called, for programs."""
    return JSONResponse(request.app.openapi())


def page(name: str, status: int = 200) -> Response:
    """One file of the folder `web`."""
    return Response(_read(name), status, media_type=MEDIA_TYPES[name.rsplit('.', 1)[1]])


def not_signed_in(namespace: str, status: int = 401) -> Response:
    """Tells a person how to get a sign-in link of the camera in this namespace."""
    # Names of ROS hold nothing that HTML or a shell would take for its own.
    text = _read('signed-out.html').replace(NAMESPACE, namespace.encode())
    text = text.replace(SERVICE, link_service(namespace).encode())
    return Response(text, status, media_type=MEDIA_TYPES['html'])


def is_for_a_person(connection: HTTPConnection) -> bool:
    """Whether a browser asks for a page, rather than a program for data."""
    return 'text/html' in connection.headers.get('accept', '')


@functools.cache
def _read(name: str) -> bytes:
    return (resources.files('mmoment_api') / 'web' / name).read_bytes()
