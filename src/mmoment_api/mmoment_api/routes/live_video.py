"""`/api/live/video` and `/api/live/jpeg`: the live picture over WebSocket, see `live_wire.py`.

Over these a page shows a picture sooner than by `/mjpeg-stream`, and knows how old it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.websockets import WebSocket

from mmoment_api.live_viewer import LiveViewer
from mmoment_api.live_wire import (
    clock_answer,
    jpeg_message,
    jpeg_start,
    read_client_text,
)
from mmoment_api.mjpeg_hub import Viewer
from mmoment_api.mjpeg_rungs import snap
from mmoment_api.routes.common import (
    LIVE_PROTOCOL,
    LiveWelcomeOf,
    PrincipalOf,
    ServicesOf,
)
from mmoment_api.routes.events import GOING_AWAY, first_of
from mmoment_api.routes.live import too_many_viewers
from mmoment_api.services import Services
from mmoment_api.video_viewer import VideoViewer
from mmoment_api.viewer_seats import TooManyViewers
from mmoment_api.web_socket import LINE, Line

router = APIRouter(tags=['live'])

# What clients say takes time from the pictures of all: no more than so many texts a second.
TEXT_PERIOD_S = 0.05

Overlay = Annotated[
    bool, Query(description='With what the overlay draws, names too; for the owner only')
]


@router.websocket('/api/live/video')
async def live_video(
    websocket: WebSocket,
    services: ServicesOf,
    principal: PrincipalOf,
    is_welcome: LiveWelcomeOf,
    overlay: Overlay = True,
) -> None:
    """The packets of the encoder: H.264, for browsers that have WebCodecs.

    Pages of other sites offer the subprotocols `mmoment.live` and `mmoment.token.` with their
    token behind it.
    """
    is_drawn = overlay and principal is not None and principal.is_owner
    try:
        viewer = services.video.enter(is_drawn)
    except TooManyViewers:
        raise too_many_viewers() from None
    viewer.is_welcome = is_welcome
    try:
        await _serve(websocket, services, viewer, viewer.next, viewer.lose)
    finally:
        services.video.leave(viewer)


@router.websocket('/api/live/jpeg')
async def live_jpeg(
    websocket: WebSocket,
    services: ServicesOf,
    principal: PrincipalOf,
    is_welcome: LiveWelcomeOf,
    overlay: Overlay = True,
    fps: float | None = None,
    width: float | None = None,
) -> None:
    """The pictures of `/mjpeg-stream`, with its parameters, one in each message."""
    is_drawn = overlay and principal is not None and principal.is_owner
    try:
        viewer = services.live.enter(snap(is_drawn, width, fps))
    except TooManyViewers:
        raise too_many_viewers() from None
    viewer.is_welcome = is_welcome
    try:
        await _serve(websocket, services, viewer, _JpegMessages(viewer).next, _nothing)
    finally:
        services.live.leave(viewer)


class _JpegMessages:
    """The parts of a viewer as messages."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._has_begun = False

    async def next(self) -> bytes | str | None:
        if not self._has_begun:
            self._has_begun = True
            return jpeg_start()
        part = await self._viewer.next()
        if part is None:
            return None
        return jpeg_message(part.sequence, part.monotonic_ns, part.live, part.jpeg)


def _nothing() -> None:
    """Every picture in JPEG stands for itself."""


async def _serve(
    websocket: WebSocket,
    services: Services,
    viewer: VideoViewer | Viewer,
    next_message: Callable[[], Awaitable[bytes | str | None]],
    lose: Callable[[], None],
) -> None:
    """Send until the client, the hub or the watchdog ends it."""
    line: Line | None = websocket.scope['extensions'].get(LINE)
    if line is not None:
        viewer.abandon = line.abort
        line.keep_short()
    offered = websocket.scope.get('subprotocols', [])
    await websocket.accept(LIVE_PROTOCOL if LIVE_PROTOCOL in offered else None)
    # Straight to the server: what lies between costs as much as sending does.
    await first_of(
        [
            asyncio.ensure_future(_send_all(websocket, services, viewer, next_message, line)),
            asyncio.ensure_future(_hear_all(websocket, lose)),
        ]
    )


async def _send_all(
    websocket: WebSocket,
    services: Services,
    viewer: LiveViewer[Any],
    next_message: Callable[[], Awaitable[bytes | str | None]],
    line: Line | None,
) -> None:
    send: Any = websocket.send
    while True:
        # A message is chosen when the client has taken those before it, so that a slow one gets
        # what is new then.
        if line is not None and not line.is_writable:
            viewer.sending_since_s = services.clock()
            await line.drained()
            viewer.sending_since_s = None
        message = await next_message()
        if message is None:
            await websocket.close(GOING_AWAY)
            return
        if isinstance(message, str):
            await send({'type': 'websocket.send', 'text': message})
        else:
            await send({'type': 'websocket.send', 'bytes': message})


async def _hear_all(websocket: WebSocket, lose: Callable[[], None]) -> None:
    while True:
        event = await websocket.receive()
        if event['type'] == 'websocket.disconnect':
            return
        said = read_client_text(event.get('text') or '')
        if said is not None and said.kind == 'clock':
            await websocket.send_text(clock_answer(said.sent, time.monotonic_ns()))
        elif said is not None:
            lose()
        await asyncio.sleep(TEXT_PERIOD_S)
