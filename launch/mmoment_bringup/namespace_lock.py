"""One graph per namespace: two would mix their topics and fight for the same camera."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Mapping

from mmoment_bringup.errors import AlreadyRunningError

_CREDENTIALS = struct.Struct('3i')


class NamespaceLock:
    """Holds namespaces of this machine, user and ROS domain until `release` or our death.

    The lock is a listening socket with an abstract name: the kernel frees it however we end.
    Raises AlreadyRunningError, naming the process that holds the namespace.
    """

    def __init__(self, namespaces: Iterable[str], environment: Mapping[str, str]) -> None:
        self._sockets: list[socket.socket] = []
        domain = environment.get('ROS_DOMAIN_ID') or '0'
        for namespace in sorted(set(namespaces)):
            try:
                self._take(namespace, domain)
            except AlreadyRunningError:
                self.release()
                raise

    def _take(self, namespace: str, domain: str) -> None:
        name = f'\0mmoment-graph-{os.getuid()}-{domain}-{namespace}'
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(name)
        except OSError as error:
            holder.close()
            raise AlreadyRunningError(
                f"a graph runs already in namespace '{namespace}'{_holder_of(name)}: stop it, or "
                'choose another namespace:= and another port:='
            ) from error
        holder.listen(1)
        self._sockets.append(holder)

    def release(self) -> None:
        """Let others use the namespaces."""
        for one in self._sockets:
            one.close()
        self._sockets.clear()


def _holder_of(name: str) -> str:
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
