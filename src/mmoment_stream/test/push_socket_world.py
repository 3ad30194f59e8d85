"""What tests of a connection share: a server that sends back, and how an attempt is refused."""

import contextlib
import socket
import threading
import time

import pytest

from mmoment_stream.push_socket import PushSocket
from mmoment_stream.push_target import PushError

MEGABYTE = bytes(1_000_000)


class Echo:
    """Sends back what comes, from a thread."""

    def __init__(self):
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self.connections = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass
            connection.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()


@contextlib.contextmanager
def open_line():
    connection = PushSocket(stall_s=0.3, whole_s=1.0)
    yield connection
    connection.close()


@contextlib.contextmanager
def open_echo():
    server = Echo()
    yield server
    server.close()


def soon(seconds=5.0):
    return time.monotonic() + seconds


def back(line, count):
    data = b''
    while len(data) < count:
        data += line.await_data(soon())
    return data


def refusal(action, *words):
    began_s = time.monotonic()
    with pytest.raises(PushError) as caught:
        action(*words)
    assert time.monotonic() - began_s < 3
    return caught.value
