"""Starts the web node for benchmarks and tests, and signs in as a person's browser would."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

START_WAIT_S = 30.0
# Longer than our supervisor waits for its nodes before it kills them: 10 s
STOP_WAIT_S = 20.0
Headers = dict[str, str]
LINK = re.compile(r'Open (http://127\.0\.0\.1:(\d+)/sign-in\?token=(\S+))')


@dataclass(slots=True)
class Started:
    """A process whose output is kept; `wait_for` reads it."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, pattern: re.Pattern[str], timeout_s: float = START_WAIT_S) -> re.Match[str]:
        """The first match in the output; raises `TimeoutError` with the output."""
        deadline_s = time.monotonic() + timeout_s
        with self.arrived:
            while True:
                for line in self.lines:
                    if match := pattern.search(line):
                        return match
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or self.process.poll() is not None:
                    text = ''.join(self.lines[-20:])
                    raise TimeoutError(f'{pattern.pattern!r} did not appear in:\n{text}')
                self.arrived.wait(min(left_s, 0.2))

    def collect(self) -> None:
        """Read the output to its end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.arrived:
                self.lines.append(line)
                self.arrived.notify_all()


@contextlib.contextmanager
def started(command: Sequence[str], **environment: str) -> Iterator[Started]:
    """Run a command; ended with SIGINT, then SIGKILL, when the block ends.

    What a camera keeps is kept for so long only: it is nobody's data.
    """
    with tempfile.TemporaryDirectory(prefix='mmoment-') as data:
        kept = {'MMOMENT_DATA': data, 'PYTHONUNBUFFERED': '1', **environment}
        process = subprocess.Popen(
            command,
            env={**os.environ, **kept},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        yield from _until_ended(process)


def _until_ended(process: subprocess.Popen[str]) -> Iterator[Started]:
    result = Started(process)
    reader = threading.Thread(target=result.collect, daemon=True)
    reader.start()
    try:
        yield result
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(STOP_WAIT_S)


@dataclass(frozen=True, slots=True)
class Signed:
    """Where the web node listens, and the cookie of a signed-in browser."""

    port: int
    cookie: str

    @property
    def url(self) -> str:
        """Where it is."""
        return f'http://127.0.0.1:{self.port}'

    def get(self, path: str) -> Any:
        """The JSON answer of a GET."""
        request = urllib.request.Request(f'{self.url}{path}', headers={'Cookie': self.cookie})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def send(self, method: str, path: str, body: Any, timeout_s: float = 60.0) -> tuple[int, Any]:
        """Status and JSON answer of a request with a JSON body."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout_s)
        headers = {'Cookie': self.cookie, 'Content-Type': 'application/json'}
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.load(answer)

    def pictures(self, query: str, timeout_s: float = 30.0) -> Iterator[tuple[Headers, bytes]]:
        """The parts of the live picture: their headers, names in lower case, and the JPEG."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout_s)
        with contextlib.closing(connection):
            connection.request('GET', f'/mjpeg-stream?{query}', headers={'Cookie': self.cookie})
            answer = connection.getresponse()
            if answer.status != 200:
                raise ConnectionError(f'the live picture was refused with {answer.status}')
            while True:
                headers = _part_headers(answer)
                yield headers, answer.read(int(headers['content-length']))


def _part_headers(stream: http.client.HTTPResponse) -> Headers:
    headers: Headers = {}
    while line := stream.readline():
        text = line.strip().decode()
        if not text and headers:
            return headers
        name, colon, value = text.partition(': ')
        if colon:
            headers[name.lower()] = value
    raise ConnectionError('the server closed the connection')


def sign_in(output: Started, timeout_s: float = START_WAIT_S) -> Signed:
    """Spend the link that the web node prints."""
    return spend(output.wait_for(LINK, timeout_s))


def spend(link: re.Match[str]) -> Signed:
    """Sign in with a match of `LINK`."""
    port = int(link.group(2))
    request = urllib.request.Request(
        f'http://127.0.0.1:{port}/sign-in',
        data=json.dumps({'token': link.group(3)}).encode(),
        headers={'Content-Type': 'application/json'},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return Signed(port, answer.headers['Set-Cookie'].split(';')[0])


def node_command(module: str, *parameters: str, namespace: str = '/mmoment') -> list[str]:
    """How to run the `main` of a node's module with parameters given as 'name:=value'."""
    arguments = [item for parameter in parameters for item in ('-p', parameter)]
    program = f'from {module} import main; main()'
    return [sys.executable, '-c', program, '--ros-args', '-r', f'__ns:={namespace}', *arguments]
