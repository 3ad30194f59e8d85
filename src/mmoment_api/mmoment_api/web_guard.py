"""The outermost layer: refuses what no page of ours sends, and marks every answer.

- A Host that is neither an address nor a known name is how DNS rebinding reaches a local server.
- A foreign Origin on a request that changes something, or on a WebSocket, is cross-site forgery.
- What takes a session is not for pages of others to embed; `routes/common.py` asks for that.
- No answer may be framed, sniffed, or leak the address it came from; none may be stored, but for
  those that allow it to the browser of whoever asked, and to nobody in between.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from mmoment_api.errors import ApiError
from mmoment_api.given_pictures import PICTURE_BODY_AT_MOST

SAFE_METHODS = frozenset({'GET', 'HEAD', 'OPTIONS'})
# The largest bodies are a few settings in JSON, but for those that may hold pictures. Those are
# read only after the caller was asked for a right.
BODY_AT_MOST = 64 * 1024
BODY_AT_MOST_OF = dict.fromkeys(
    (
        '/api/face/enroll',
        '/enroll_face',
        '/api/face/recognize',
        '/recognize_face',
        '/api/face/detect',
    ),
    PICTURE_BODY_AT_MOST,
)
HOST = re.compile(r'(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d+)?', re.ASCII)
ORIGIN_NOT_ALLOWED = (
    'origin_not_allowed',
    'Pages of other sites may not do this; the parameter allowed_origins lists more',
)
CONTENT_SECURITY_POLICY = '; '.join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
CACHE_CONTROL = 'Cache-Control'
ANSWER_HEADERS = {
    CACHE_CONTROL: 'no-store',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
}


class WebGuard:
    """ASGI layer around the whole app."""

    def __init__(
        self, app: ASGIApp, allowed_hosts: Iterable[str] = (), allowed_origins: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._hosts = {'localhost', *(name.lower() for name in allowed_hosts)}
        self._origins = {origin.lower() for origin in allowed_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on with our headers on the answer."""
        if scope['type'] not in ('http', 'websocket'):
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except ApiError as error:
            await refuse(error, scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message['type'] == 'http.response.start':
                _mark(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, marked if scope['type'] == 'http' else send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get('host', '')
        if not self._is_known(host):
            raise ApiError(
                403,
                'host_not_allowed',
                'This camera does not go by that name; its parameter allowed_hosts lists more',
            )
        is_websocket = scope['type'] == 'websocket'
        if not is_websocket and scope['method'] in SAFE_METHODS:
            return
        if not (bears_token(headers) or self._is_own(headers, host)):
            raise ApiError(403, *ORIGIN_NOT_ALLOWED)
        if not is_websocket:
            _check_length(headers, BODY_AT_MOST_OF.get(scope['path'], BODY_AT_MOST))

    def _is_known(self, host: str) -> bool:
        match = HOST.fullmatch(host)
        if match is None:
            return False
        name = (match['address'] or match['name']).lower()
        if name in self._hosts:
            return True
        try:
            # Rebinding needs a name: an address in Host is what the person typed.
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _is_own(self, headers: Headers, host: str) -> bool:
        origin = headers.get('origin')
        site = headers.get('sec-fetch-site')
        if origin is None:
            # Not a browser, or a request that browsers send without one only within a site.
            return site in (None, 'none', 'same-origin')
        if origin == 'null':
            # Our own forms: pages that send no referrer send no origin with them either.
            return site == 'same-origin'
        if origin.lower() in self._origins:
            return True
        # The scheme may have been changed by a tunnel on the way; the name may not.
        return urlsplit(origin).netloc.lower() == host.lower() != ''


def _mark(headers: MutableHeaders) -> None:
    own = headers.get(CACHE_CONTROL, '')
    for name, value in ANSWER_HEADERS.items():
        headers[name] = value
    if own.startswith('private,'):
        headers[CACHE_CONTROL] = own


def bears_token(headers: Headers) -> bool:
    """Whether a secret came that no browser adds by itself: nobody made it call unknowingly.

    Pages of other sites cannot send it either, unless they are allowed to.
    """
    return headers.get('authorization', '').lower().startswith('bearer ')


def is_embedded_elsewhere(headers: Headers, allowed_origins: Iterable[str]) -> bool:
    """Whether a page of another site, or of another port of this host, asks for it by itself.

    Cookies know no ports: whatever else serves pages on this machine could otherwise show the
    camera's picture. A link that a person follows is no such thing, and neither are programs and
    older browsers, which do not say where a request comes from.
    """
    if bears_token(headers) or headers.get('sec-fetch-site', 'none') in ('none', 'same-origin'):
        return False
    if headers.get('sec-fetch-dest') == 'document':
        return False
    return headers.get('origin', '').lower() not in {origin.lower() for origin in allowed_origins}


def _check_length(headers: Headers, at_most: int) -> None:
    if 'transfer-encoding' in headers:
        raise ApiError(411, 'length_required', 'Send the body with its length')
    try:
        length = int(headers.get('content-length', '0'))
    except ValueError:
        raise ApiError(400, 'malformed', 'The length of the body is not a number') from None
    if length > at_most:
        raise ApiError(413, 'too_large', f'The body may have {at_most} bytes')


async def refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with an error, whether a request or a WebSocket was asked for."""
    response = JSONResponse(error.body(), error.status, {**ANSWER_HEADERS, **error.headers})
    if scope['type'] == 'websocket':
        await deny(WebSocket(scope, receive, send), response)
    else:
        await response(scope, receive, send)


async def deny(websocket: WebSocket, response: Response) -> None:
    """Refuse a WebSocket with a proper answer where the server can, else by closing it."""
    if 'websocket.http.response' in websocket.scope.get('extensions', {}):
        await websocket.send_denial_response(response)
    else:
        await websocket.close(code=1008)
