"""Viewers of `/api/live/video` that decode nothing. `python -m bench.liveview_viewers PORT VIEWERS
SECONDS [BITS_PER_S]` takes the cookie from standard input and prints one JSON object.
"""

from __future__ import annotations

import json
import math
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from mmoment_api.live_wire import HEAD

PATH = '/api/live/video?overlay=0'
READ_BYTES = 1 << 18
BINARY, PING, PONG = 2, 9, 10
FINAL, MASKED = 0x80, 0x80
NO_MASK = bytes(4)
# Until all viewers are in.
WARM_UP_S = 2.0
# What a real slow link lets lie at the receiver is nothing; a small buffer comes near it.
SLOW_RECEIVE_BYTES = 32 * 1024
STEP_S = 0.005

Process = subprocess.Popen[str]


@dataclass(slots=True)
class Arrival:
    """One picture that has arrived as a whole."""

    sequence: int
    captured_ns: int
    size: int
    arrived_ns: int


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


def connect(port: int, cookie: str, receive_buffer: int = 0) -> Viewer:
    """A viewer whose request is sent."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(('127.0.0.1', port))
    connection.sendall(
        f'GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n'
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'.encode()
    )
    connection.setblocking(False)
    return Viewer(connection)


def watch(viewers: list[Viewer], seconds: float) -> None:
    """Read from all as fast as they send."""
    with selectors.DefaultSelector() as selector:
        for viewer in viewers:
            selector.register(viewer.connection, selectors.EVENT_READ, viewer)
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            for key, _ in selector.select(left_s):
                key.data.read()


def watch_slowly(viewer: Viewer, seconds: float, bits_per_s: float) -> None:
    """Read like a link of this speed: an even trickle."""
    began_s = now_s = time.monotonic()
    taken = 0.0
    while now_s - began_s < seconds:
        allowed = (now_s - began_s) * bits_per_s / 8 - taken
        if allowed >= 1:
            taken += viewer.read(int(allowed))
        # An idle link does not save up: what was not used is gone.
        taken = max(taken, (now_s - began_s - 4 * STEP_S) * bits_per_s / 8)
        time.sleep(STEP_S)
        now_s = time.monotonic()


def summary(viewers: list[Viewer], since_ns: int) -> dict[str, Any]:
    """What arrived after that time."""
    ended_ns = time.monotonic_ns()
    seconds = (ended_ns - since_ns) / 1e9
    late = [[item for item in one.arrivals if item.arrived_ns > since_ns] for one in viewers]
    every = [item for items in late for item in items]
    if not every:
        return {'pictures': 0}
    expected = max(item.sequence for item in every) - min(item.sequence for item in every) + 1
    ages_ms = sorted((item.arrived_ns - item.captured_ns) / 1e6 for item in every)
    return {
        'pictures': len(every),
        'fps_per_viewer': len(every) / len(viewers) / seconds,
        'delivered': len(every) / (expected * len(viewers)),
        'mbit_per_s_per_viewer': sum(item.size for item in every) * 8e-6 / len(viewers) / seconds,
        'age_p50_ms': ages_ms[len(ages_ms) // 2],
        'age_p99_ms': ages_ms[int(len(ages_ms) * 0.99)],
        'staleness_max_ms': max(_staleness_ms(items, ended_ns) for items in late),
    }


def _staleness_ms(items: list[Arrival], ended_ns: int) -> float:
    """How old the picture a viewer showed has become at most, before the next one was there."""
    replaced_ns = [*(item.arrived_ns for item in items[1:]), ended_ns]
    ages_ns = (end - item.captured_ns for item, end in zip(items, replaced_ns, strict=False))
    return max(ages_ns, default=math.nan) / 1e6


def start(port: int, cookie: str, viewers: int, seconds: float, *more: str) -> Process:
    """Begin to look in a process of its own; returns once its viewers have asked for pictures."""
    words = [str(port), str(viewers), str(seconds), *more]
    process = subprocess.Popen(
        [sys.executable, '-m', 'bench.liveview_viewers', *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    # Everybody on this machine can read the arguments of a process.
    process.stdin.write(f'{cookie}\n')
    process.stdin.flush()
    process.stdout.readline()
    return process


def main() -> None:
    """Look for a while, then print the summary."""
    port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    bits_per_s = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
    cookie = sys.stdin.readline().strip()
    receive_buffer = SLOW_RECEIVE_BYTES if bits_per_s else 0
    viewers = [connect(port, cookie, receive_buffer) for _ in range(count)]
    print('watching', flush=True)
    since_ns = time.monotonic_ns() + int(WARM_UP_S * 1e9)
    if bits_per_s:
        watch_slowly(viewers[0], seconds + WARM_UP_S, bits_per_s)
    else:
        watch(viewers, seconds + WARM_UP_S)
    print(json.dumps(summary(viewers, since_ns)), flush=True)


if __name__ == '__main__':
    main()
