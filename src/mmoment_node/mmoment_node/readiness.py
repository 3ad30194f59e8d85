"""Tells whoever started this process that it does its work, in the way of systemd's `sd_notify`.

The address of a datagram socket stands in the environment variable `NOTIFY_SOCKET`; `READY=1` goes
there (format: sd_notify(3)). Understood by systemd (`Type=notify`) and by our own supervisor.
"""

import contextlib
import os
import socket
from collections.abc import Mapping

VARIABLE = 'NOTIFY_SOCKET'


def tell_ready(environment: Mapping[str, str] = os.environ) -> None:
    """Say that the process is ready; does nothing if nobody asked for it or listens any more."""
    address = environment.get(VARIABLE, '')
    if not address.startswith(('/', '@')):
        return
    if address.startswith('@'):
        address = '\0' + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.setblocking(False)
        sender.sendto(b'READY=1', address)
