"""One graph per namespace: two would mix their topics and fight for the same camera."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct
from collections.abc import Iterable, Mapping

from mmoment_bringup.errors import AlreadyRunningError, NamespaceLockError

_CREDENTIALS = struct.Struct('3i')
# sun_path of unix(7) less the zero byte that makes a name abstract
_MAX_NAME_BYTES = 107


class NamespaceLock:
    """Holds namespaces of this machine, user and ROS domain until `release` or our death.

    The lock is a listening socket with an abstract name: the kernel frees it however we end.
    Raises AlreadyRunningError, naming the process that holds the namespace, and NamespaceLockError
    where the system does not let it be held.
    """

    def __init__(self, namespaces: Iterable[str], environment: Mapping[str, str]) -> None:
        self._sockets: list[socket.socket] = []
        domain = environment.get('ROS_DOMAIN_ID') or '0'
        for namespace in sorted(set(namespaces)):
            try:
                self._take(namespace, domain)
            except NamespaceLockError:
                self.release()
                raise

    def _take(self, namespace: str, domain: str) -> None:
        name = _socket_name(f'mmoment-graph-{os.getuid()}-{domain}-{namespace}')
        try:
            holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._sockets.append(holder)
            holder.bind(name)
            holder.listen(1)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise NamespaceLockError(
                    f"namespace '{namespace}' cannot be held for this graph: {error.strerror}"
                ) from error
            raise AlreadyRunningError(
                f"a graph runs already in namespace '{namespace}'{_holder_of(name)}: stop it, or "
                'choose another namespace:= and another port:='
            ) from error

    def release(self) -> None:
        """Let others use the namespaces."""
        for one in self._sockets:
            one.close()
        self._sockets.clear()


def _socket_name(text: str) -> bytes:
    """Return an abstract socket name; of a text that is too long a digest stands for the end."""
    name = text.encode()
    if len(name) > _MAX_NAME_BYTES:
        digest = hashlib.sha256(name).hexdigest().encode()
        name = name[: _MAX_NAME_BYTES - len(digest)] + digest
    return b'\0' + name


def _holder_of(name: bytes) -> str:
    """Return ' (process N)' for the process that listens under `name`, or nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(0.5)
        try:
            client.connect(name)
            credentials = client.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
            )
        except OSError:
            return ''
    return f' (process {_CREDENTIALS.unpack(credentials)[0]})'
