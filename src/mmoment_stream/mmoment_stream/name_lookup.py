"""Finds the addresses of a server by its name, in a way that can be given up.

The C library's look-up knows no time limit and cannot be interrupted. So it has a thread of its own;
who gives up leaves that thread behind, and it ends by itself when the C library comes back.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import threading
from collections.abc import Callable
from typing import Any

from mmoment_stream.cancel_switch import CancelSwitch
from mmoment_stream.push_target import PushError

Endpoint = tuple[socket.AddressFamily, Any]
"""Family, and address as `socket.connect` wants it."""
Resolve = Callable[[str, int], list[Endpoint]]
# Of all threads that were left behind; the C library keeps one for half a minute at most.
MAX_AT_ONCE = 16
_free_places = threading.BoundedSemaphore(MAX_AT_ONCE)


def resolve(host: str, port: int) -> list[Endpoint]:
    """Ask the C library. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def endpoints(
    host: str, port: int, switch: CancelSwitch, deadline_s: float, ask: Resolve = resolve
) -> list[Endpoint]:
    """Where a server listens, best first; an IP address is taken as it is.

    Raises PushError (name_unknown), Cancelled.
    """
    literal = _literal(host, port)
    if literal is not None:
        return [literal]
    if not _free_places.acquire(blocking=False):
        raise PushError('name_unknown', 'earlier look-ups still hang')
    mine, theirs = socket.socketpair()
    lookup = _Lookup(host, port, ask, theirs)
    try:
        threading.Thread(target=lookup.run, name='name look-up', daemon=True).start()
    except RuntimeError:
        mine.close()
        theirs.close()
        _free_places.release()
        raise
    with mine:
        if not switch.wait(mine.fileno(), select.POLLIN, deadline_s):
            raise PushError('name_unknown', 'the look-up takes too long')
    if not lookup.found:
        raise PushError('name_unknown', lookup.fault)
    return lookup.found


class _Lookup:
    """One question to the C library. Closing `done` tells whoever still waits."""

    def __init__(self, host: str, port: int, ask: Resolve, done: socket.socket) -> None:
        self.found: list[Endpoint] = []
        self.fault = ''
        self._question = (host, port)
        self._ask = ask
        self._done = done

    def run(self) -> None:
        try:
            self.found = self._ask(*self._question)
        except OSError as error:
            self.fault = error.strerror or ''
        except UnicodeError:
            self.fault = 'it is no name'
        finally:
            self._done.close()
            _free_places.release()


def _literal(host: str, port: int) -> Endpoint | None:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    if version == 4:
        return socket.AF_INET, (host, port)
    return socket.AF_INET6, (host, port, 0, 0)
