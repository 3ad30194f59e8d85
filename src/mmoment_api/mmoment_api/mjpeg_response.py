"""Sends a viewer its parts over ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mmoment_api.mjpeg_encoder import CONTENT_TYPE, OPENING
from mmoment_api.mjpeg_hub import LiveHub, Viewer

# Key of the scope's extensions under which our server gives a way to cut a connection: closing it
# properly would first wait for the client to take what is still buffered.
ABORT = 'mmoment.abort'


class MjpegResponse(Response):
    """An endless multipart answer; ends with the viewer, the hub, or the watchdog."""

    def __init__(self, hub: LiveHub, viewer: Viewer, clock: Callable[[], float]) -> None:
        super().__init__(status_code=200, headers={'Content-Type': CONTENT_TYPE})
        # Never a length: proxies would wait for the end.
        del self.headers['content-length']
        self._hub = hub
        self._viewer = viewer
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until somebody leaves."""
        self._viewer.abandon = scope.get('extensions', {}).get(ABORT, self._viewer.close)
        sender = asyncio.ensure_future(self._send_parts(send))
        listener = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((sender, listener), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(self._viewer)
            for task in (sender, listener):
                task.cancel()
            for result in await asyncio.gather(sender, listener, return_exceptions=True):
                if isinstance(result, Exception):
                    # The server tells it and cuts the connection.
                    raise result

    async def _send_parts(self, send: Send) -> None:
        viewer = self._viewer
        await send(
            {'type': 'http.response.start', 'status': 200, 'headers': self.raw_headers},
        )
        await send({'type': 'http.response.body', 'body': OPENING, 'more_body': True})
        while True:
            # An empty body waits until the transport takes data again: the part is chosen after
            # that, so that a slow viewer gets the newest and not the one it made wait.
            viewer.sending_since_s = self._clock()
            await send({'type': 'http.response.body', 'body': b'', 'more_body': True})
            viewer.sending_since_s = None
            part = await viewer.next()
            if part is None:
                break
            await send({'type': 'http.response.body', 'body': part.data, 'more_body': True})
        await send({'type': 'http.response.body', 'body': b'', 'more_body': False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())['type'] != 'http.disconnect':
        pass
