"""Livepeer Studio on 127.0.0.1: the documented calls, with faults, and the say over an RTMP server.

    studio = LivepeerStudio()
    server = RtmpServer(on_publish_url=studio.on_publish_url,
                        on_publish_done_url=studio.on_publish_done_url)
    studio.attach(server.publish_url, server.drop)
    ...use studio.base_url with studio.api_key...
    studio.close()

Only keys of streams that are neither suspended nor deleted may publish. What it says of a stream
lags behind what happens, as it does at Livepeer. Status codes and fields: API reference of Livepeer
Studio. Answers to a wrong API key quote it, so that a test sees who repeats answers.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.standins.livepeer_account import Account
from tests.standins.livepeer_events import ApiError, Json

JSON = 'application/json'


@dataclass
class Fault:
    """What happens to a call in place of an answer, or to it.

    method, path: which calls; empty: all; path is a regular expression for its beginning.
    is_done: the call has its effect all the same. closes: the connection ends without an answer.
    hangs_s: so long nothing is answered. drip_s: pause between the bytes of the answer.
    """

    status: int = 500
    body: bytes = b'{"errors": ["internal"]}'
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = ''
    path: str = ''
    is_done: bool = False
    closes: bool = False
    hangs_s: float = 0.0
    drip_s: float = 0.0
    times: int = 1


@dataclass(frozen=True)
class Call:
    """A call that came. authorization: as it was sent."""

    method: str
    path: str
    authorization: str


class LivepeerStudio:
    """Runs from its construction until `close`. See Account for what can be set.

    certificate: PEM file with certificate and key, for HTTPS under the name localhost.
    """

    def __init__(self, *, certificate: str = '', **account: Any) -> None:
        self.account = Account(**account)
        self.calls: list[Call] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(('127.0.0.1', 0), _Handler)
        self._server.studio = self
        self._scheme, self._host = 'http', '127.0.0.1'
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme, self._host = 'https', 'localhost'
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> LivepeerStudio:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    @property
    def api_key(self) -> str:
        """A key that is accepted."""
        return self.account.api_key

    @property
    def base_url(self) -> str:
        """Of the API."""
        return f'{self._scheme}://{self._host}:{self.port}/api'

    @property
    def on_publish_url(self) -> str:
        """Asked by the RTMP server whether a key may publish."""
        return f'http://127.0.0.1:{self.port}/hook/on_publish'

    @property
    def on_publish_done_url(self) -> str:
        """Told by the RTMP server of the end."""
        return f'http://127.0.0.1:{self.port}/hook/on_publish_done'

    def attach(self, ingest_url: str, kick: Callable[[str], object] = lambda key: None) -> None:
        """Say where streams are pushed to, without a key, and what ends the push of a key."""
        self.account.ingest_url = ingest_url
        self.account.kick = kick

    def fail(self, **fault: Any) -> None:
        """Have the next calls fail. See Fault."""
        with self._lock:
            self._faults.append(Fault(**fault))

    def heal(self) -> None:
        """Forget faults that have not come true yet."""
        with self._lock:
            self._faults.clear()

    def asked(self, method: str, path: str) -> int:
        """How many calls came of this method, whose path is wholly this regular expression."""
        return sum(
            call.method == method and re.fullmatch(path, call.path) is not None
            for call in tuple(self.calls)
        )

    def close(self) -> None:
        """End it, with all that is under way."""
        self._closing.set()
        self.account.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fault_of(self, method: str, path: str) -> Fault | None:
        """The fault of this call, which is used up by it."""
        with self._lock:
            for fault in self._faults:
                if fault.method in ('', method) and re.match(fault.path, path):
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    studio: LivepeerStudio

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away in the middle of an answer: here that is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *values: object) -> None:
        """Nothing is written to the terminal of the tests."""

    @property
    def _studio(self) -> LivepeerStudio:
        assert isinstance(self.server, _Server)
        return self.server.studio

    def _serve(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        content = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        if address.path.startswith('/hook/'):
            allows = self._studio.account.hook(address.path[len('/hook/') :], query)
            self._answer(200 if allows else 403, None)
            return
        path = address.path.removeprefix('/api')
        authorization = self.headers.get('Authorization', '')
        self._studio.calls.append(Call(self.command, path, authorization))
        fault = self._studio.fault_of(self.command, path)
        if fault is not None and not fault.is_done:
            self._fail(fault)
            return
        try:
            body = _parsed(content)
            status, answer = self._studio.account.call(
                self.command, path, query, body, authorization
            )
            headers: Mapping[str, str] = {}
        except ApiError as error:
            status, answer, headers = error.status, {'errors': [error.text]}, error.headers
        if fault is not None:
            self._fail(fault)
        else:
            self._answer(status, answer, headers)

    def _fail(self, fault: Fault) -> None:
        self._studio.pause(fault.hangs_s)
        if fault.closes:
            self.close_connection = True
            return
        self._head(fault.status, {'Content-Length': str(len(fault.body)), **fault.headers})
        with contextlib.suppress(OSError):
            if not fault.drip_s:
                self.wfile.write(fault.body)
            for byte in fault.body if fault.drip_s else b'':
                self.wfile.write(bytes([byte]))
                self._studio.pause(fault.drip_s)

    def _answer(self, status: int, answer: Json, headers: Mapping[str, str] | None = None) -> None:
        content = b'' if answer is None else json.dumps(answer).encode()
        length = {} if status == 204 else {'Content-Length': str(len(content))}
        self._head(status, {**length, **(headers or {})})
        self.wfile.write(content)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {
            'Content-Type': JSON,
            'Date': self.date_time_string(),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()


def _parsed(content: bytes) -> Json:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        raise ApiError(400, 'the body is not JSON') from None


def await_true(is_true: Callable[[], Any], within_s: float = 10.0) -> bool:
    """Wait until something is true; returns whether it is."""
    end = time.monotonic() + within_s
    while not is_true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
