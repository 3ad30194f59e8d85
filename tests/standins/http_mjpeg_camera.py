"""A network camera of the MJPEG-over-HTTP kind, for tests: a real server in its own process.

    python http_mjpeg_camera.py --port 0 --fps 30 [--clip FILE] [--user NAME --password WORD]

Prints one line `port N` when it listens, and serves `/mjpeg` on 127.0.0.1 to any number of
viewers, each in its own thread. Faults are caused from outside: SIGSTOP stalls it, SIGKILL kills
it, starting it again with the same port brings it back. `--end-after`, `--garbage-after` and
`--stall-after` make every connection misbehave by itself after that many pictures.
Without `--clip` the pictures are numbered (mmoment_camera.pattern).
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

BOUNDARY = 'standin'
JPEG_QUALITY = 85
LONG_S = 3600.0


def numbered_pictures(width: int, height: int) -> Iterator[bytes]:
    """JPEG pictures of the pattern source, numbered from 1."""
    from mmoment_camera.pattern import PatternPainter

    painter = PatternPainter(width, height)
    number = 0
    while True:
        number += 1
        yield encode(painter.paint(number, time.monotonic_ns()))


def clip_pictures(path: str) -> Iterator[bytes]:
    """The pictures of a clip, over and over."""
    while True:
        clip = cv2.VideoCapture(path)
        read, image = clip.read()
        if not read:
            sys.exit(f'cannot read {path}')
        while read:
            yield encode(image)
            read, image = clip.read()


def encode(image) -> bytes:
    """One JPEG."""
    return cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


class Camera(BaseHTTPRequestHandler):
    """Answers one viewer."""

    protocol_version = 'HTTP/1.0'
    options: argparse.Namespace

    def do_GET(self) -> None:
        """The stream, one still picture, or a refusal."""
        if not self.admitted():
            return
        if self.path.startswith('/still'):
            self.reply('image/jpeg', next(self.pictures()))
        elif self.path.startswith('/page'):
            self.reply('text/html', b'<html>no camera here</html>')
        elif self.path.startswith('/mjpeg'):
            self.stream()
        else:
            self.send_error(404)

    def admitted(self) -> bool:
        """Basic authentication, where the command line asks for it."""
        if not self.options.user:
            return True
        word = f'{self.options.user}:{self.options.password}'.encode()
        if self.headers.get('Authorization') == 'Basic ' + base64.b64encode(word).decode():
            return True
        self.send_response(401)
        self.send_header('WWW-Authenticate', 'Basic realm="camera"')
        self.send_header('Content-Length', '0')
        self.end_headers()
        return False

    def reply(self, kind: str, body: bytes) -> None:
        """A plain answer."""
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pictures(self) -> Iterator[bytes]:
        """What this camera sees."""
        options = self.options
        if options.clip:
            return clip_pictures(options.clip)
        return numbered_pictures(options.width, options.height)

    def stream(self) -> None:
        """Pictures at the asked rate until the viewer goes or the fault asked for comes."""
        options = self.options
        self.send_response(200)
        self.send_header('Content-Type', f'multipart/x-mixed-replace; boundary={BOUNDARY}')
        self.end_headers()
        due = time.monotonic()
        for count, jpeg in enumerate(self.pictures(), 1):
            due += 1 / options.fps
            time.sleep(max(0.0, due - time.monotonic()))
            if options.stall_after and count > options.stall_after:
                time.sleep(LONG_S)
            if options.garbage_after and count > options.garbage_after:
                jpeg = os.urandom(len(jpeg))
            head = (
                f'--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n'
            )
            try:
                self.wfile.write(head.encode() + jpeg + b'\r\n')
            except OSError:
                return
            if options.end_after and count >= options.end_after:
                return

    def log_message(self, *_: object) -> None:
        """Silence: the test reads the standard output."""


class Server(ThreadingHTTPServer):
    """Threads die with the process; the port can be taken again at once."""

    daemon_threads = True
    allow_reuse_address = True


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--port', type=int, default=0, help='0: any free port')
    parser.add_argument('--fps', type=float, default=30.0)
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=360)
    parser.add_argument('--clip', help='video to play instead of numbered pictures')
    parser.add_argument('--user')
    parser.add_argument('--password', default='')
    parser.add_argument('--end-after', type=int, help='close after N pictures')
    parser.add_argument('--garbage-after', type=int, help='send noise after N pictures')
    parser.add_argument('--stall-after', type=int, help='send nothing more after N pictures')
    Camera.options = parser.parse_args()
    server = Server(('127.0.0.1', Camera.options.port), Camera)
    print(f'port {server.server_address[1]}', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
