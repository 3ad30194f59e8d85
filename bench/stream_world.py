"""A camera, a real RTMP server, the ways between them, and a viewer behind the server."""

from __future__ import annotations

import contextlib
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.stream_cable import Cable, NoCable, cable
from bench.stream_graph import KEY_FILE, Camera, camera
from bench.stream_names import Names
from bench.stream_puller import Puller
from mmoment_interfaces.msg import StreamTarget
from tests.standins.faulty_peers import Relay
from tests.standins.rtmp_server import RtmpServer

MAIN = 'main'
KEY, WRONG_KEY = 'bench-stream-key', 'bench-wrong-key'
SERVER_NAME = 'server.mmoment.test'
DIRECT, THROUGH_RELAY, BY_NAME, THROUGH_CABLE = 'direct', 'relay', 'name', 'cable'
"""Ways from the camera to the server."""


class KeyHook:
    """The web server that the RTMP server asks whether somebody may publish; all keys but one may."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                words = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                self.send_response(403 if words.get('name') == [WRONG_KEY] else 200)
                self.end_headers()

            def log_message(self, *what: object) -> None:
                pass

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f'http://127.0.0.1:{self._server.server_port}/on_publish'

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass(slots=True)
class World:
    """All of it. cable: None where there can be none; left_out: what that is, and why."""

    camera: Camera
    server: RtmpServer
    relay: Relay
    names: Names
    cable: Cable | None
    viewer: Puller
    keys: Path
    left_out: list[str] = field(default_factory=list)

    def can_go(self, way: str) -> bool:
        """Whether this way is there on this machine."""
        if way == BY_NAME:
            return self.names.are_own
        return way != THROUGH_CABLE or self.cable is not None

    def address(self, way: str) -> str:
        """Of the server, by this way."""
        if way == THROUGH_RELAY:
            place = f'127.0.0.1:{self.relay.port}'
        elif way == BY_NAME:
            place = f'{SERVER_NAME}:{self.server.port}'
        elif way == THROUGH_CABLE:
            assert self.cable is not None
            place = self.cable.address
        else:
            return self.server.publish_url
        return f'rtmp://{place}/{self.server.app}'

    def target(self, way: str, name: str = MAIN, key_file: str = KEY_FILE) -> StreamTarget:
        """The server, by this way."""
        return StreamTarget(
            name=name, provider='rtmp', url=self.address(way), key_file=key_file, enabled=True
        )

    def push(self, way: str) -> float:
        """Push there from now on, anew; returns when that was asked for (CLOCK_MONOTONIC, s)."""
        return self.camera.push_to([self.target(way)])

    def write_key(self, key: str, file: str = KEY_FILE) -> None:
        """Have the camera find this key."""
        path = self.keys / file
        path.touch(mode=0o600)
        path.write_text(f'{key}\n', encoding='utf-8')


@contextlib.contextmanager
def world(folder: Path, source: str = 'pattern') -> Iterator[World]:
    """Set it up in this folder. Raises NotInstalled where there is no RTMP server."""
    with contextlib.ExitStack() as stack:
        hook = stack.enter_context(contextlib.closing(KeyHook()))
        server = stack.enter_context(RtmpServer(on_publish_url=hook.url))
        relay = stack.enter_context(Relay(server.port))
        left_out, laid = [], None
        try:
            laid = stack.enter_context(cable(server.port))
        except NoCable as error:
            left_out.append(f'half-open networks were left out: {error}')
        names_folder = folder / 'names'
        names_folder.mkdir()
        names = Names(names_folder)
        if not names.are_own:
            left_out.append('name resolution was left out: mount namespaces are for root only')
        running = stack.enter_context(camera(folder / 'data', names, source))
        viewer = stack.enter_context(Puller(server.play_url(KEY)))
        made = World(running, server, relay, names, laid, viewer, running.key_folder(), left_out)
        made.write_key(KEY)
        yield made
