"""Viewers of the live picture that cost next to nothing: they read the headers of each part and let
the kernel throw the picture away. `python -m bench.mjpeg_viewers PORT QUERY VIEWERS SECONDS [BITS_PER_S]`
takes the cookie from standard input and prints one JSON object.
"""

from __future__ import annotations

import math
import re
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import counting_viewers
from bench.counting_viewers import Arrival, Process

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


def connect(port: int, cookie: str, query: str, *, is_slow: bool = False) -> ChunkReader:
    """A viewer whose request is sent."""
    request = (
        f'GET /mjpeg-stream?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n'
    )
    return ChunkReader(counting_viewers.asked(port, request, is_slow=is_slow))


def summary(readers: Sequence[ChunkReader], since_ns: int) -> dict[str, Any]:
    """What arrived after that time; NaN for what nothing tells about."""
    ended_ns = time.monotonic_ns()
    late = counting_viewers.since(readers, since_ns)
    every = [item for items in late for item in items]
    if not every:
        return {'viewers': len(readers), 'parts': 0, **dict.fromkeys(FIGURES, math.nan)}
    seconds = (ended_ns - since_ns) / 1e9
    expected = counting_viewers.sent(every)
    distinct = [len({item.sequence for item in items}) for items in late]
    figures = {
        'delivered': sum(distinct) / (expected * len(readers)),
        'worst_delivered': min(distinct) / expected,
        'fps_per_viewer': sum(distinct) / len(readers) / seconds,
        'kb_per_picture': sum(item.size for item in every) / len(every) / 1000,
        **counting_viewers.ages(late, ended_ns),
    }
    return {
        'viewers': len(readers),
        'parts': len(every),
        **{name: figures[name] for name in FIGURES},
    }


def start(port: int, cookie: str, query: str, viewers: int, seconds: float, *more: str) -> Process:
    """Begin to look in a process of its own; returns once its viewers have asked for pictures."""
    words = (port, query, viewers, seconds, *more)
    return counting_viewers.begin('bench.mjpeg_viewers', words, cookie)


def main() -> None:
    """Look for a while, then print the summary."""
    port, query, count, seconds = sys.argv[1:5]
    bits_per_s = float(sys.argv[5]) if len(sys.argv) > 5 else 0.0
    cookie = sys.stdin.readline().strip()
    # On a slow link there is one.
    viewers = 1 if bits_per_s else int(count)
    readers = [connect(int(port), cookie, query, is_slow=bool(bits_per_s)) for _ in range(viewers)]
    counting_viewers.look(readers, float(seconds), bits_per_s, summary)


if __name__ == '__main__':
    main()
