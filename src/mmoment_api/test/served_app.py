"""The app behind a real server."""

import json
import socket
import threading
import time
import urllib.request

import websockets

from mmoment_api.app import create_app, guarded
from mmoment_api.web_protocol import ConnectionLimits
from mmoment_api.web_server import WebServer, bind

WAIT_S = 5.0
UNLIMITED = ConnectionLimits(connections=10_000, request_wait_s=3600.0)


class Served:
    """A running server, its port, and the owner's cookie."""

    def __init__(self, services, limits):
        self.services = services
        self.listener = bind('127.0.0.1', 0, stalled_s=10.0)
        self.port = self.listener.getsockname()[1]
        value = services.sign_in.exchange(services.sign_in.new_token(), 'test')
        self.cookie = f'{services.settings.cookie_name}={value}'
        self.faults = []
        app = guarded(create_app(services))
        self.server = WebServer(app, self.listener, services, stalled_s=10.0, limits=limits)
        self.server.start(self._spawn)
        self.until(lambda: self.get('/')['success'])

    def _spawn(self, work, name):
        def guarded_work():
            try:
                work()
            except Exception as error:
                self.faults.append(error)

        thread = threading.Thread(target=guarded_work, name=name, daemon=True)
        thread.start()
        return thread

    def get(self, path):
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}{path}', headers={'Cookie': self.cookie}
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.load(answer)

    def connect(self, receive_buffer=0):
        """A connection on which nothing is said yet."""
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(WAIT_S)
        connection.connect(('127.0.0.1', self.port))
        return connection

    def look(self, query='', receive_buffer=0):
        """A viewer's connection; nothing is read yet."""
        return self._ask(f'/mjpeg-stream{query}', '', receive_buffer)

    def listen_plainly(self):
        """A WebSocket on which nothing is read yet."""
        return self._ask(
            '/api/events',
            'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
            'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
        )

    def _ask(self, path, headers='', receive_buffer=0):
        connection = self.connect(receive_buffer)
        connection.sendall(
            f'GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n{headers}\r\n'.encode()
        )
        return connection

    def open_connections(self):
        """How many connections the server holds."""
        return self.server.connections

    def until(self, condition):
        deadline_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline_s, 'it never came true'
            time.sleep(0.005)

    def listen(self, query=''):
        return websockets.connect(
            f'ws://127.0.0.1:{self.port}/api/events{query}',
            additional_headers={'Cookie': self.cookie},
        )
