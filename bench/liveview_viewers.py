"""Viewers of `/api/live/video` that decode nothing. `python -m bench.liveview_viewers PORT VIEWERS
SECONDS [BITS_PER_S]` takes the cookie from standard input and prints one JSON object.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import counting_viewers
from bench.counting_viewers import Arrival, Process
from mmoment_api.live_wire import HEAD

PATH = '/api/live/video?overlay=0'
READ_BYTES = 1 << 18
BINARY, PING, PONG = 2, 9, 10
FINAL, MASKED = 0x80, 0x80
NO_MASK = bytes(4)


@dataclass(slots=True)
class Viewer:
    """Follows the messages of a WebSocket, looking only at the heads."""

    connection: socket.socket
    arrivals: list[Arrival] = field(default_factory=list)
    buffer: bytearray = field(default_factory=bytearray)
    has_begun: bool = False

    def read(self, at_most: int = READ_BYTES) -> int:
        """Read what is there, `at_most` so many bytes; returns how many."""
        try:
            data = self.connection.recv(min(at_most, READ_BYTES))
        except BlockingIOError:
            return 0
        if not data:
            raise ConnectionError('the server closed the connection')
        self.buffer += data
        while self._take():
            pass
        return len(data)

    def _take(self) -> bool:
        if not self.has_begun:
            end = self.buffer.find(b'\r\n\r\n')
            if end < 0:
                return False
            if not self.buffer.startswith(b'HTTP/1.1 101'):
                raise ConnectionError(self.buffer[:end].decode())
            del self.buffer[: end + 4]
            self.has_begun = True
        size, first = _frame(self.buffer)
        if size < 0 or len(self.buffer) < first + size:
            return False
        kind = self.buffer[0] & 0x0F
        if kind == PING:
            payload = self.buffer[first : first + size]
            self.connection.send(bytes((FINAL | PONG, MASKED | size)) + NO_MASK + payload)
        if kind == BINARY:
            _, _, sequence, _, captured_ns = HEAD.unpack_from(self.buffer, first)
            self.arrivals.append(Arrival(sequence, captured_ns, first + size, time.monotonic_ns()))
        del self.buffer[: first + size]
        return True


def _frame(buffer: bytearray) -> tuple[int, int]:
    """Length and place of the payload of a server's frame; -1: not known yet (RFC 6455, 5.2)."""
    if len(buffer) < 2:
        return -1, 0
    size = buffer[1] & 0x7F
    if size < 126:
        return size, 2
    first = 4 if size == 126 else 10
    if len(buffer) < first:
        return -1, 0
    return int.from_bytes(buffer[2:first], 'big'), first


def connect(port: int, cookie: str, *, is_slow: bool = False) -> Viewer:
    """A viewer whose request is sent."""
    request = (
        f'GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n'
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
    )
    return Viewer(counting_viewers.asked(port, request, is_slow=is_slow))


def summary(viewers: Sequence[Viewer], since_ns: int) -> dict[str, Any]:
    """What arrived after that time."""
    ended_ns = time.monotonic_ns()
    seconds = (ended_ns - since_ns) / 1e9
    late = counting_viewers.since(viewers, since_ns)
    every = [item for items in late for item in items]
    if not every:
        return {'pictures': 0}
    return {
        'pictures': len(every),
        'fps_per_viewer': len(every) / len(viewers) / seconds,
        'delivered': len(every) / (counting_viewers.sent(every) * len(viewers)),
        'mbit_per_s_per_viewer': sum(item.size for item in every) * 8e-6 / len(viewers) / seconds,
        **counting_viewers.ages(late, ended_ns),
    }


def start(port: int, cookie: str, viewers: int, seconds: float, *more: str) -> Process:
    """Begin to look in a process of its own; returns once its viewers have asked for pictures."""
    words = (port, viewers, seconds, *more)
    return counting_viewers.begin('bench.liveview_viewers', words, cookie)


def main() -> None:
    """Look for a while, then print the summary."""
    port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    bits_per_s = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
    cookie = sys.stdin.readline().strip()
    viewers = [connect(port, cookie, is_slow=bool(bits_per_s)) for _ in range(count)]
    counting_viewers.look(viewers, seconds, bits_per_s, summary)


if __name__ == '__main__':
    main()
