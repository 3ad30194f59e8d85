"""Viewers of the live picture that cost next to nothing: they read the headers of each part and let
the kernel throw the picture away. `python -m bench.mjpeg_viewers PORT QUERY VIEWERS SECONDS [BITS_PER_S]`
takes the cookie from standard input and prints one JSON object.
"""

from __future__ import annotations

import json
import math
import re
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

HEAD_BYTES = 1024
DISCARD_BYTES = 1 << 20
PART = re.compile(rb'X-Sequence: (\d+)\r\nX-Capture-Monotonic-Ns: (\d+)')
FIGURES = (
    'delivered',
    'worst_delivered',
    'fps_per_viewer',
    'kb_per_picture',
    'age_p50_ms',
    'age_p99_ms',
    'staleness_max_ms',
)
# Until all viewers are in and the transport has its buffers.
WARM_UP_S = 2.0


@dataclass(slots=True)
class Arrival:
    """One part that has arrived as a whole."""

    sequence: int
    captured_ns: int
    size: int
    arrived_ns: int


@dataclass(slots=True)
class ChunkReader:
    """Follows a chunked answer with one part per chunk, looking only at the heads."""

    connection: socket.socket
    arrivals: list[Arrival] = field(default_factory=list)
    left: int = 0
    part: tuple[int, int, int] | None = None
    has_begun: bool = False

    def read(self, at_most: int = DISCARD_BYTES) -> int:
        """Read what is there, `at_most` so many bytes; returns how many."""
        taken = 0
        while taken < at_most:
            try:
                if not self.left and not self._next_chunk():
                    break
                count = len(self._discard(min(self.left, at_most - taken)))
            except BlockingIOError:
                break
            taken += count
            self.left -= count
            if not self.left and self.part is not None:
                self.arrivals.append(Arrival(*self.part, time.monotonic_ns()))
        return taken

    def _discard(self, count: int) -> memoryview:
        # MSG_TRUNC makes the kernel drop the bytes instead of copying them to us.
        buffer = memoryview(_SCRATCH)[:count]
        got = self.connection.recv_into(buffer, count, socket.MSG_TRUNC)
        if not got:
            raise ConnectionError('the server closed the connection')
        return buffer[:got]

    def _next_chunk(self) -> bool:
        head = self.connection.recv(HEAD_BYTES, socket.MSG_PEEK)
        if not head:
            raise ConnectionError('the server closed the connection')
        if not self.has_begun:
            end = head.find(b'\r\n\r\n')
            if end < 0:
                return False
            if not head.startswith(b'HTTP/1.1 200'):
                raise ConnectionError(head[:end].decode())
            self.has_begun = True
            self.left, self.part = end + 4, None
            return True
        line = head.find(b'\r\n')
        if line < 0:
            return False
        size = int(head[:line], 16)
        match = PART.search(head)
        if match is None and size > HEAD_BYTES and len(head) < HEAD_BYTES:
            return False
        self.part = (int(match.group(1)), int(match.group(2)), size) if match else None
        self.left = line + 2 + size + 2
        return True


_SCRATCH = bytearray(DISCARD_BYTES)


def connect(port: int, cookie: str, query: str, receive_buffer: int = 0) -> ChunkReader:
    """A viewer whose request is sent."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(('127.0.0.1', port))
    connection.sendall(
        f'GET /mjpeg-stream?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n'
        f'Cookie: {cookie}\r\n\r\n'.encode()
    )
    connection.setblocking(False)
    return ChunkReader(connection)


def watch(readers: list[ChunkReader], seconds: float) -> None:
    """Read from all as fast as they send."""
    selector = selectors.DefaultSelector()
    for reader in readers:
        selector.register(reader.connection, selectors.EVENT_READ, reader)
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        for key, _ in selector.select(left_s):
            key.data.read()
    selector.close()


def watch_slowly(reader: ChunkReader, seconds: float, bits_per_s: float) -> None:
    """Read like a link of this speed: an even trickle."""
    step_s = 0.005
    began_s = time.monotonic()
    taken, now_s = 0.0, began_s
    while now_s - began_s < seconds:
        allowed = (now_s - began_s) * bits_per_s / 8 - taken
        if allowed >= 1:
            taken += reader.read(int(allowed))
        # An idle link does not save up: what was not used is gone.
        taken = max(taken, (now_s - began_s - 4 * step_s) * bits_per_s / 8)
        time.sleep(step_s)
        now_s = time.monotonic()


def summary(readers: list[ChunkReader], since_ns: int) -> dict[str, Any]:
    """What arrived after that time; NaN for what nothing tells about."""
    ended_ns = time.monotonic_ns()
    late = [[item for item in reader.arrivals if item.arrived_ns > since_ns] for reader in readers]
    every = [item for items in late for item in items]
    if not every:
        return {'viewers': len(readers), 'parts': 0, **dict.fromkeys(FIGURES, math.nan)}
    seconds = (ended_ns - since_ns) / 1e9
    expected = max(item.sequence for item in every) - min(item.sequence for item in every) + 1
    ages_ms = sorted((item.arrived_ns - item.captured_ns) / 1e6 for item in every)
    distinct = [len({item.sequence for item in items}) for items in late]
    figures = (
        sum(distinct) / (expected * len(readers)),
        min(distinct) / expected,
        sum(distinct) / len(readers) / seconds,
        sum(item.size for item in every) / len(every) / 1000,
        ages_ms[len(ages_ms) // 2],
        ages_ms[int(len(ages_ms) * 0.99)],
        max(_staleness_ms(items, ended_ns) for items in late),
    )
    return {
        'viewers': len(readers),
        'parts': len(every),
        **dict(zip(FIGURES, figures, strict=True)),
    }


def _staleness_ms(items: list[Arrival], ended_ns: int) -> float:
    """How old the picture a viewer showed has become at most, before the next one was there."""
    replaced_ns = [*(item.arrived_ns for item in items[1:]), ended_ns]
    ages_ns = (end - item.captured_ns for item, end in zip(items, replaced_ns, strict=False))
    return max(ages_ns, default=math.nan) / 1e6


def start(
    port: int, cookie: str, query: str, viewers: int, seconds: float, *more: str
) -> subprocess.Popen[str]:
    """Begin to look in a process of its own; returns once its viewers have asked for pictures."""
    words = [str(port), query, str(viewers), str(seconds), *more]
    process = subprocess.Popen(
        [sys.executable, '-m', 'bench.mjpeg_viewers', *words],
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


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The summary, when the time is over; RuntimeError if the viewers failed."""
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError('the viewers failed, see above')
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def main() -> None:
    """Look for a while, then print the summary."""
    port, query, viewers, seconds = sys.argv[1:5]
    bits_per_s = float(sys.argv[5]) if len(sys.argv) > 5 else 0.0
    cookie = sys.stdin.readline().strip()
    if bits_per_s:
        # What a real slow link lets lie at the receiver is nothing; a small buffer comes near it.
        readers = [connect(int(port), cookie, query, receive_buffer=32 * 1024)]
    else:
        readers = [connect(int(port), cookie, query) for _ in range(int(viewers))]
    print('watching', flush=True)
    since_ns = time.monotonic_ns() + int(WARM_UP_S * 1e9)
    if bits_per_s:
        watch_slowly(readers[0], float(seconds) + WARM_UP_S, bits_per_s)
    else:
        watch(readers, float(seconds) + WARM_UP_S)
    print(json.dumps(summary(readers, since_ns)), flush=True)


if __name__ == '__main__':
    main()
