"""The WebSocket protocol of each connection, with what a live view needs and the server's own lacks.

What a slow viewer has not taken yet is to wait where it can be left out: with whoever chooses the
next picture, and not in buffers of the system that hold seconds of video.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

# Key of the scope's extensions under which the line of a WebSocket is.
LINE = 'mmoment.line'
# What may wait in the system though it is not on its way yet. A fast viewer empties it within a
# millisecond, and at 1 Mb/s it is a quarter of a second.
UNSENT_BYTES = 32 * 1024


class Line:
    """The way to one client."""

    def __init__(self, protocol: WebSocketsSansIOProtocol) -> None:
        self._protocol = protocol

    @property
    def is_writable(self) -> bool:
        """Whether what is written now is on its way at once."""
        return self._protocol.writable.is_set()

    async def drained(self) -> None:
        """Wait until the client has taken what was sent, but for what is on its way."""
        await self._protocol.writable.wait()

    def keep_short(self) -> None:
        """Let little wait that is not on its way."""
        transport = self._protocol.transport
        transport.set_write_buffer_limits(high=0)
        with contextlib.suppress(OSError):
            # The loop's own object for it cannot set options everywhere.
            descriptor = os.dup(transport.get_extra_info('socket').fileno())
            with socket.socket(fileno=descriptor) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    def abort(self) -> None:
        """Cut it: closing it properly would first wait for the client to take what waits."""
        self._protocol.transport.abort()


class LineProtocol(WebSocketsSansIOProtocol):
    """Tells the app the line of its connection; answers no pings that only fill our memory."""

    def handle_ping(self) -> None:
        """A ping has come; its answer waits to be written."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            # A client that takes nothing owes itself the answers: without end they would wait here.
            self.conn.data_to_send()

    def handle_connect(self, event: Request) -> None:
        """The request to open a WebSocket has come; the app is about to be called."""
        super().handle_connect(event)
        scope: Any = getattr(self, 'scope', None)
        if scope is not None:
            scope['extensions'][LINE] = Line(self)
