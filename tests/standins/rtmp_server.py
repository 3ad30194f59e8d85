"""A real RTMP server for tests and benchmarks: nginx with its rtmp module, in a folder of its own.

    with RtmpServer() as server:
        ...push to server.publish_url, key 'abc'...
        server.stat().stream('abc').bytes_in

It listens on 127.0.0.1 only, on ports that it keeps over restarts. Faults are caused from outside:
`kill`, `stop` (it hangs), `resume`, `restart`, `drop`.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

MODULE = Path('/usr/lib/nginx/modules/ngx_rtmp_module.so')
PROGRAM_FOLDERS = '/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin'
PATIENCE_S = 10.0
POLL_S = 0.01
# Another process may take a port between its choice and its use.
TRIES = 5

CONFIGURATION = """
load_module {module};
daemon off;
# One process, so that one signal stops or kills the whole server.
master_process off;
error_log {folder}/error.log info;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
rtmp {{
  access_log off;
  server {{
    listen 127.0.0.1:{port};
    chunk_size 4096;
    max_message 8M;
    notify_method get;
    application {app} {{
      live on;
      wait_key on;
      wait_video on;
      {options}
    }}
  }}
}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{http_port};
    location /stat {{ rtmp_stat all; }}
    location /control {{ rtmp_control all; }}
  }}
}}
"""


class NotInstalled(Exception):
    """Something is not on this machine; the text says what. A reason to skip a test."""


@dataclass(frozen=True)
class LiveStream:
    """What the server knows of one stream; zeros and empty texts: nothing yet.

    It reckons a height wrongly that is no multiple of 16: 168 of 180.
    """

    name: str
    bytes_in: int
    publishing: bool
    clients: int  # the publisher is one
    width: int
    height: int
    codec: str  # 'H264'
    fps: float
    audio_codec: str  # 'AAC'
    dropped: int


@dataclass(frozen=True)
class ServerStat:
    """The statistics of a server at one moment."""

    streams: tuple[LiveStream, ...]
    bytes_in: int
    accepted: int  # connections since its start

    def stream(self, name: str) -> LiveStream | None:
        """The stream of a key; None: the server does not know it."""
        return next((stream for stream in self.streams if stream.name == name), None)


class RtmpServer:
    """Runs from its construction until `close`.

    on_publish_url, on_publish_done_url: of a web server on 127.0.0.1 that is asked before a key may
    publish (an answer of 2xx allows it; arguments app, name, addr, call), and told of the end.
    drop_idle_publisher: as '10s'; a publisher that went silent is dropped after that long; empty:
    never, as is the server's own default.
    Raises NotInstalled.
    """

    def __init__(
        self,
        *,
        app: str = 'live',
        on_publish_url: str = '',
        on_publish_done_url: str = '',
        drop_idle_publisher: str = '10s',
    ) -> None:
        self._program = _program()
        self.app = app
        self._folder = Path(tempfile.mkdtemp(prefix='rtmp_server_'))
        named = {
            'on_publish': on_publish_url,
            'on_publish_done': on_publish_done_url,
            'drop_idle_publisher': drop_idle_publisher,
        }
        self._options = ' '.join(f'{name} {value};' for name, value in named.items() if value)
        self._process: subprocess.Popen[bytes] | None = None
        for attempt in range(TRIES):
            self.port, self.http_port = free_port(), free_port()
            try:
                self.start()
                return
            except RuntimeError:
                if attempt == TRIES - 1:
                    self.close()
                    raise

    def __enter__(self) -> RtmpServer:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    @property
    def publish_url(self) -> str:
        """Where to push to, without a key."""
        return f'rtmp://127.0.0.1:{self.port}/{self.app}'

    def play_url(self, key: str) -> str:
        """Where to pull a stream from."""
        return f'{self.publish_url}/{key}'

    @property
    def is_running(self) -> bool:
        """Whether the process lives, stopped or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it on its ports; returns once it listens. Raises RuntimeError where it cannot."""
        path = self._folder / 'nginx.conf'
        path.write_text(
            CONFIGURATION.format(
                module=MODULE,
                folder=self._folder,
                port=self.port,
                http_port=self.http_port,
                app=self.app,
                options=self._options,
            )
        )
        log = self._folder / 'start.log'
        words = [self._program, '-p', self._folder, '-e', log, '-c', path]
        self._process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None:
                raise RuntimeError(f'nginx does not start: {log.read_text()}')
            if time.monotonic() > end:
                raise RuntimeError('nginx does not answer')
            time.sleep(POLL_S)

    def kill(self) -> None:
        """End it as a power cut would; a second time does nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)

    def restart(self) -> None:
        """Start it again on the ports that it had; kills it first where it runs."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """Let it hang: connections stay open and are accepted, but nothing is read or answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `stop`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill it and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def stat(self) -> ServerStat:
        """The statistics now. Raises OSError while the server does not answer."""
        return _parsed(self._get('/stat'))

    def drop(self, key: str) -> bool:
        """Close the connection of whoever publishes with this key; whether there was one."""
        words = urllib.parse.urlencode({'app': self.app, 'name': key})
        # The answer is how many connections were closed.
        return self._get(f'/control/drop/publisher?{words}').strip() == b'1'

    def await_stream(self, key: str, *, publishing: bool = True, within_s: float = 5.0) -> bool:
        """Wait until somebody publishes with this key, and the size is known; or nobody does."""
        end = time.monotonic() + within_s
        while True:
            stream = self.stat().stream(key)
            is_there = stream is not None and stream.publishing and stream.width > 0
            if is_there == publishing or time.monotonic() > end:
                return is_there == publishing
            time.sleep(POLL_S)

    def log(self) -> str:
        """What it has written since its first start."""
        return (self._folder / 'error.log').read_text(errors='replace')

    def _answers(self) -> bool:
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            self.stat()
        except OSError:
            return False
        return True

    def _get(self, path: str) -> bytes:
        address = f'http://127.0.0.1:{self.http_port}{path}'
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            return bytes(answer.read())


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def _program() -> str:
    program = shutil.which('nginx', path=PROGRAM_FOLDERS)
    if program is None:
        raise NotInstalled('nginx is not installed (Debian: nginx-light)')
    if not MODULE.exists():
        raise NotInstalled('the rtmp module of nginx is not installed (Debian: libnginx-mod-rtmp)')
    return program


def _parsed(document: bytes) -> ServerStat:
    root = ElementTree.fromstring(document)
    return ServerStat(
        streams=tuple(_stream(node) for node in root.iter('stream')),
        bytes_in=int(root.findtext('bytes_in', '0')),
        accepted=int(root.findtext('naccepted', '0')),
    )


def _stream(node: ElementTree.Element) -> LiveStream:
    return LiveStream(
        name=node.findtext('name', ''),
        bytes_in=int(node.findtext('bytes_in', '0')),
        publishing=node.find('publishing') is not None,
        clients=int(node.findtext('nclients', '0')),
        width=int(node.findtext('meta/video/width', '0')),
        height=int(node.findtext('meta/video/height', '0')),
        codec=node.findtext('meta/video/codec', ''),
        fps=float(node.findtext('meta/video/frame_rate', '0')),
        audio_codec=node.findtext('meta/audio/codec', ''),
        dropped=sum(int(dropped.text or 0) for dropped in node.iter('dropped')),
    )
