"""The HTTP protocol of each connection, with the limits that the server's own lacks.

All of it is about callers who have not signed in, or have not even said yet what they want: how
much they may make us hold in memory, for how long they may keep a connection without asking for
anything, and how many of them there may be at once. What a request may be is judged later, in
`web_guard.py`, once its head is complete.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mmoment_api.mjpeg_response import ABORT

# Browsers send less than 4 KiB in 20 headers; the parser itself would take gigabytes.
HEAD_AT_MOST_BYTES = 32 * 1024
HEADERS_AT_MOST = 100
# Requests sent before the answer to the one before. Browsers send none.
WAITING_REQUESTS_AT_MOST = 1
HEAD_TOO_LARGE = (
    b'HTTP/1.1 431 Request Header Fields Too Large\r\n'
    b'content-length: 0\r\n'
    b'connection: close\r\n'
    b'\r\n'
)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What connections may cost.

    connections: open at once. request_wait_s: from connecting, or from the first byte of a further
    request, until the request is complete with its body.
    """

    connections: int = 128
    request_wait_s: float = 10.0


class LimitedProtocol(HttpToolsProtocol):
    """Cuts connections that cost more than their limits; lets a response cut its own."""

    def __init__(self, limits: ConnectionLimits, **server_arguments: Any) -> None:
        super().__init__(**server_arguments)
        self._limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        # These are of the request that is being received now.
        self._is_incomplete = True
        self._head_bytes = 0
        self._has_length = False
        # Not the loop's clock, which stands still while it takes in a crowd.
        self.idle_since_s = time.monotonic()

    @property
    def keeps_waiting(self) -> bool:
        """Whether we wait for it, and not it for us."""
        return self._is_incomplete or not self._owes_answer

    @property
    def _owes_answer(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called once, when it is open."""
        super().connection_made(transport)
        self._arm()
        self._make_room()

    def connection_lost(self, error: Exception | None) -> None:
        """Called once, when it is closed."""
        self._disarm()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Take what has come, and count it while it only fills our memory."""
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._is_incomplete and not self._has_length:
            # Generous where more than the head came in one piece; that is rare and small.
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_AT_MOST_BYTES:
                self._refuse_head()
                return
        if self.keeps_waiting:
            self._arm()

    def handle_websocket_upgrade(self) -> None:
        """From here on another protocol has the connection."""
        self._disarm()
        super().handle_websocket_upgrade()

    # --- called by the parser; raising refuses the request and closes the connection ------------

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= WAITING_REQUESTS_AT_MOST:
            raise ValueError('too many requests at once')
        super().on_message_begin()
        extensions: dict[str, Any] = {ABORT: self.transport.abort}
        self.scope['extensions'] = extensions
        self._is_incomplete, self._has_length = True, False
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header is complete."""
        if len(self.headers) >= HEADERS_AT_MOST:
            raise ValueError('too many headers')
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete."""
        # A body without a length may end in more headers, so it stays under their limit.
        self._has_length = not any(name == b'transfer-encoding' for name, _ in self.headers)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is complete."""
        super().on_message_complete()
        self._is_incomplete = False
        self._disarm()

    def on_response_complete(self) -> None:
        """Its answer is sent."""
        self.idle_since_s = time.monotonic()
        super().on_response_complete()

    # --- limits ----------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._deadline is None:
            wait_s = self._limits.request_wait_s
            self._deadline = self.loop.call_later(wait_s, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse_head(self) -> None:
        if self._owes_answer:
            # Nothing may be written into an answer that is on its way.
            self.transport.abort()
        else:
            self.transport.write(HEAD_TOO_LARGE)
            self.transport.close()

    def _make_room(self) -> None:
        """Cut the one that has kept us waiting longest, so that nobody locks out all others.

        Somebody who asks at once is served; it is cut itself only if all others are busy.
        """
        still_open = [item for item in self.connections if not item.transport.is_closing()]
        if len(still_open) <= self._limits.connections:
            return
        idle = [
            item for item in still_open if isinstance(item, LimitedProtocol) and item.keeps_waiting
        ]
        min(idle, key=lambda item: item.idle_since_s).transport.abort()
