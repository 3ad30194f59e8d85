"""`/api/events`: what happens, as it happens, over WebSocket or server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.websockets import WebSocket
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from mmoment_api.access import Principal
from mmoment_api.errors import ApiError
from mmoment_api.event_models import event_schema
from mmoment_api.events import EVENT_TYPES, EventHub, Listener, TooManyListeners
from mmoment_api.routes.common import (
    EVENTS_PROTOCOL,
    PrincipalOf,
    ServicesOf,
    WelcomeOf,
    may_know_of,
)
from mmoment_api.services import Services

router = APIRouter(tags=['events'])

KEEP_ALIVE_S = 15.0
GOING_AWAY = 1001
Types = Annotated[
    str | None, Query(description=f'Comma-separated, of {", ".join(EVENT_TYPES)}; default: all')
]


@router.get(
    '/api/events',
    response_class=Response,
    responses={
        200: {
            'content': {'text/event-stream': {'schema': event_schema()}},
            'description': 'Server-sent events',
        }
    },
)
async def get_events(
    services: ServicesOf, principal: PrincipalOf, is_welcome: WelcomeOf, types: Types = None
) -> Response:
    """Server-sent events; the same address takes WebSockets.

    Each is {"type", "timestamp" (ms), "data"}. Of faces, hands, enrollment, recordings, stream,
    camera, health and chain a slow client gets the newest only; {"type": "dropped", "data":
    {"count"}} tells what it missed. `identity` is the wallet address of a person who is known and
    whom the caller may know: the owner knows everybody, a session its own person. What captures
    and recordings tell of others' photos and clips is not sent at all.
    """
    return EventStream(services.events, _listen(services, types, principal, is_welcome))


@router.websocket('/api/events')
async def websocket_events(
    websocket: WebSocket,
    services: ServicesOf,
    principal: PrincipalOf,
    is_welcome: WelcomeOf,
    types: Types = None,
) -> None:
    """The same as text messages.

    Pages of other sites offer the subprotocols `mmoment.events` and `mmoment.token.` with their
    token behind it.
    """
    listener = _listen(services, types, principal, is_welcome)
    try:
        offered = websocket.scope.get('subprotocols', [])
        await websocket.accept(EVENTS_PROTOCOL if EVENTS_PROTOCOL in offered else None)
        tasks = [
            asyncio.ensure_future(_send_all(websocket, listener)),
            asyncio.ensure_future(_read_to_end(websocket)),
        ]
        await first_of(tasks)
    finally:
        services.events.leave(listener)


class EventStream(Response):
    """An endless answer of server-sent events."""

    def __init__(self, hub: EventHub, listener: Listener) -> None:
        super().__init__(status_code=200, media_type='text/event-stream')
        del self.headers['content-length']
        self._hub = hub
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client or the hub leaves."""
        try:
            await send({'type': 'http.response.start', 'status': 200, 'headers': self.raw_headers})
            tasks = [
                asyncio.ensure_future(self._send_all(send)),
                asyncio.ensure_future(_keep_alive(send)),
                asyncio.ensure_future(_receive_to_end(receive)),
            ]
            await first_of(tasks)
        finally:
            self._hub.leave(self._listener)

    async def _send_all(self, send: Send) -> None:
        # Without `asyncio.wait_for`: before Python 3.12 it loses a cancellation that comes together
        # with an event, and a client that left would be sent to for ever.
        while (text := await self._listener.next()) is not None:
            body = f'data: {text}\n\n'.encode()
            await send({'type': 'http.response.body', 'body': body, 'more_body': True})
        await send({'type': 'http.response.body', 'body': b'', 'more_body': False})


def _listen(
    services: Services,
    types: str | None,
    principal: Principal | None,
    is_welcome: Callable[[], bool],
) -> Listener:
    wanted = [name.strip() for name in types.split(',') if name.strip()] if types else EVENT_TYPES
    unknown = [name for name in wanted if name not in EVENT_TYPES]
    if unknown:
        raise ApiError(422, 'invalid', f'types may name {", ".join(EVENT_TYPES)}', field='types')
    try:
        listener = services.events.listen(wanted, may_know_of(principal))
    except TooManyListeners:
        raise ApiError(
            503, 'too_many_listeners', 'As many clients listen as the camera can serve'
        ) from None
    listener.is_welcome = is_welcome
    return listener


async def _keep_alive(send: Send) -> None:
    """Send comments, so that proxies do not take silence for the end."""
    while True:
        await asyncio.sleep(KEEP_ALIVE_S)
        await send({'type': 'http.response.body', 'body': b':\n\n', 'more_body': True})


async def _send_all(websocket: WebSocket, listener: Listener) -> None:
    while (text := await listener.next()) is not None:
        await websocket.send_text(text)
    await websocket.close(GOING_AWAY)


async def _read_to_end(websocket: WebSocket) -> None:
    """Whatever the client says is ignored, but its leaving is noticed."""
    while (await websocket.receive())['type'] != 'websocket.disconnect':
        pass


async def _receive_to_end(receive: Receive) -> None:
    while (await receive())['type'] != 'http.disconnect':
        pass


async def first_of(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Wait until one of them ends, and end the others."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(
                result, (WebSocketDisconnect, RuntimeError, OSError)
            ):
                raise result
