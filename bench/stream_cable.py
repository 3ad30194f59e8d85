"""A network between this machine and a server that can be pulled or lose all packets: for root only.

A pair of virtual Ethernet devices leads into a network namespace. There a relay listens, and hands
on to the server on 127.0.0.1. Nobody who talks to the relay learns that the network is gone, which
is what half-open means.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

NAMESPACES = Path('/var/run/netns')
CLONE_NEWNET = 0x40000000
# Of the addresses that are reserved for benchmarks.
HERE, THERE, PREFIX_BITS = '198.18.77.1', '198.18.77.2', 30
# Belongs to no device: what is sent to it arrives and is thrown away.
NOBODY = '02:00:00:00:00:01'
PIECE_BYTES = 1 << 16
PATIENCE_S = 5.0


class NoCable(Exception):
    """There can be none on this machine; the text says why."""


@contextlib.contextmanager
def cable(server_port: int) -> Iterator[Cable]:
    """A cable to the server that listens on this port of 127.0.0.1. Raises NoCable."""
    laid = Cable(server_port)
    try:
        laid.lay()
        yield laid
    finally:
        laid.remove()


class Cable:
    """One cable with a relay at its far end."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self._server_port = server_port
        self._namespace = f'mmoment-bench-{os.getpid()}'
        self._near, self._far = f'mmb{os.getpid()}n', f'mmb{os.getpid()}f'
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    @property
    def address(self) -> str:
        """Where the relay is reached through the cable."""
        return f'{THERE}:{self.port}'

    def lay(self) -> None:
        """Make it. Raises NoCable."""
        if os.geteuid() != 0:
            raise NoCable('network namespaces are for root only')
        if shutil.which('ip') is None:
            raise NoCable('the program ip is not installed')
        namespace, near, far = self._namespace, self._near, self._far
        _ip('netns', 'add', namespace)
        _ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', namespace)
        _ip('address', 'add', f'{HERE}/{PREFIX_BITS}', 'dev', near)
        _ip('-n', namespace, 'address', 'add', f'{THERE}/{PREFIX_BITS}', 'dev', far)
        _ip('link', 'set', near, 'up')
        _ip('-n', namespace, 'link', 'set', far, 'up')
        self._listener = _listener_in(namespace)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def remove(self) -> None:
        """Take it away, as far as it was made."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for connection in [*self._connections, *filter(None, [self._listener])]:
            connection.close()
        # The devices go with it.
        if (NAMESPACES / self._namespace).exists():
            _ip('netns', 'delete', self._namespace)

    def pull(self) -> None:
        """As if somebody had pulled the plug at the far end."""
        _ip('-n', self._namespace, 'link', 'set', self._far, 'down')

    def plug(self) -> None:
        """Plug it in again."""
        _ip('-n', self._namespace, 'link', 'set', self._far, 'up')

    def lose(self) -> None:
        """Lose every packet to the server from now on; the cable looks well."""
        _ip('neighbour', 'replace', THERE, 'lladdr', NOBODY, 'dev', self._near, 'nud', 'permanent')

    def deliver(self) -> None:
        """Deliver packets again."""
        _ip('neighbour', 'delete', THERE, 'dev', self._near)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
                server = socket.create_connection(('127.0.0.1', self._server_port), PATIENCE_S)
            except ConnectionError:
                connection.close()
                continue
            except OSError:
                return
            server.settimeout(None)
            self._connections += [connection, server]
            self._start(_hand_on, connection, server)
            self._start(_hand_on, server, connection)


def _hand_on(giver: socket.socket, taker: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := giver.recv(PIECE_BYTES):
            taker.sendall(piece)
    for connection in (giver, taker):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _listener_in(namespace: str) -> socket.socket:
    """A listening socket in a network namespace. Raises NoCable."""
    made: list[socket.socket] = []

    def make() -> None:
        # Only of this thread, which ends; a socket stays where it was made.
        descriptor = os.open(NAMESPACES / namespace, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) == 0:
                made.append(socket.create_server((THERE, 0)))
        finally:
            os.close(descriptor)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise NoCable('this process may not enter a network namespace')
    return made[0]


def _ip(*words: str) -> None:
    result = subprocess.run(['ip', *words], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise NoCable(f'ip {" ".join(words)}: {result.stderr.strip()}')
