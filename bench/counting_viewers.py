"""What viewers that only count have in common: they note when each picture arrives, and decode none.

They look from a process of their own, which takes the cookie from standard input and prints one JSON
object.
"""

from __future__ import annotations

import json
import math
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

# Until all viewers are in and the transport has its buffers.
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


class Viewer(Protocol):
    """Reads one connection, without ever waiting."""

    connection: socket.socket
    arrivals: list[Arrival]

    def read(self, at_most: int = ...) -> int:
        """Read what is there, `at_most` so many bytes; returns how many."""


Kind = TypeVar('Kind', bound=Viewer)


def asked(port: int, request: str, *, is_slow: bool = False) -> socket.socket:
    """A connection on which this request is sent, and that never waits."""
    connection = socket.socket()
    if is_slow:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_RECEIVE_BYTES)
    connection.connect(('127.0.0.1', port))
    connection.sendall(request.encode())
    connection.setblocking(False)
    return connection


def watch(viewers: Sequence[Viewer], seconds: float) -> None:
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


def since(viewers: Sequence[Viewer], since_ns: int) -> list[list[Arrival]]:
    """What has arrived after that time, for each viewer."""
    return [[item for item in one.arrivals if item.arrived_ns > since_ns] for one in viewers]


def sent(every: Sequence[Arrival]) -> int:
    """How many pictures there were to see, from the first one seen to the last."""
    return max(item.sequence for item in every) - min(item.sequence for item in every) + 1


def ages(late: Sequence[Sequence[Arrival]], ended_ns: int) -> dict[str, float]:
    """How old pictures were on arrival, and how old the one on show became, for all viewers."""
    ages_ms = sorted((item.arrived_ns - item.captured_ns) / 1e6 for items in late for item in items)
    return {
        'age_p50_ms': ages_ms[len(ages_ms) // 2],
        'age_p99_ms': ages_ms[int(len(ages_ms) * 0.99)],
        'staleness_max_ms': max(_staleness_ms(items, ended_ns) for items in late),
    }


def _staleness_ms(items: Sequence[Arrival], ended_ns: int) -> float:
    """How old the picture a viewer showed has become at most, before the next one was there."""
    replaced_ns = [*(item.arrived_ns for item in items[1:]), ended_ns]
    ages_ns = (end - item.captured_ns for item, end in zip(items, replaced_ns, strict=False))
    return max(ages_ns, default=math.nan) / 1e6


def begin(module: str, words: Sequence[object], cookie: str) -> Process:
    """Begin to look in a process of its own; returns once its viewers have asked for pictures."""
    process = subprocess.Popen(
        [sys.executable, '-m', module, *map(str, words)],
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


def result_of(process: Process) -> dict[str, Any]:
    """The summary, when the time is over; RuntimeError if the viewers failed."""
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError('the viewers failed, see above')
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def look(
    viewers: Sequence[Kind],
    seconds: float,
    bits_per_s: float,
    summary: Callable[[Sequence[Kind], int], dict[str, Any]],
) -> None:
    """Look for a while, then print the summary. bits_per_s: of the link of the first, 0: no limit."""
    print('watching', flush=True)
    since_ns = time.monotonic_ns() + int(WARM_UP_S * 1e9)
    if bits_per_s:
        watch_slowly(viewers[0], seconds + WARM_UP_S, bits_per_s)
    else:
        watch(viewers, seconds + WARM_UP_S)
    print(json.dumps(summary(viewers, since_ns)), flush=True)
