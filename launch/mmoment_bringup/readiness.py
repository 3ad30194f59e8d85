"""Hears from the started processes that they are ready, in the way of systemd's `sd_notify`.

A process finds the address of a datagram socket in `NOTIFY_SOCKET` and sends `READY=1` to it when
it does its work (format: sd_notify(3)). The kernel adds the sender's process id.
"""

from __future__ import annotations

import os
import socket
import struct

VARIABLE = 'NOTIFY_SOCKET'
# struct ucred of unix(7): process, user and group id
_CREDENTIALS = struct.Struct('3i')
_MESSAGE_BYTES = 4096


class ReadinessSocket:
    """Receives the messages; `address` is the value for `NOTIFY_SOCKET`."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        # An abstract name: it leaves no file behind
        name = f'mmoment-ready-{os.getpid()}-{os.urandom(4).hex()}'
        self._socket.bind(f'\0{name}')
        self.address = f'@{name}'

    def fileno(self) -> int:
        return self._socket.fileno()

    def ready_pids(self) -> list[int]:
        """Return the process ids that have said `READY=1` since the last call."""
        pids: list[int] = []
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(
                    _MESSAGE_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size)
                )
            except BlockingIOError:
                return pids
            if b'READY=1' not in data.splitlines():
                continue
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    pids.append(_CREDENTIALS.unpack(value[: _CREDENTIALS.size])[0])

    def close(self) -> None:
        self._socket.close()
