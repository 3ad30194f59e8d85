"""A network camera whose pictures are as hard to encode as those of a real one.

The pictures of the test pattern, with number and capture time, under the noise of a sensor: video of
them has the bitrate that the encoder is configured for, which the bare pattern never has.
`python -m bench.stream_busy_camera PORT` serves it as MJPEG over HTTP until it is killed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator

import cv2
import numpy as np

from bench.stream_graph import FPS, SIZE
from mmoment_camera.pattern import STRIP_TOP, PatternPainter
from tests.standins.http_mjpeg_camera import Camera, Server, encode
from tests.standins.rtmp_server import free_port

NOISE = 14.0
NOISE_PICTURES = 8
END_S = 5.0


class BusyCamera:
    """Its process, which can be killed and started again on its port."""

    def __init__(self) -> None:
        self._port = free_port()
        self.start()

    @property
    def url(self) -> str:
        """Its address, as a source of the graph."""
        return f'http://127.0.0.1:{self._port}/mjpeg'

    def start(self) -> None:
        """Start it; whoever wants its pictures tries until they come."""
        words = [sys.executable, '-m', 'bench.stream_busy_camera', str(self._port)]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it as a power cut would; a second time does nothing."""
        self._process.kill()
        self._process.wait(END_S)

    def close(self) -> None:
        """End it."""
        self.kill()


def noisy_pictures(width: int, height: int) -> Iterator[bytes]:
    """Numbered JPEG pictures, noisy but for the strip that the number is in."""
    painter, chance = PatternPainter(width, height), np.random.default_rng(1)
    rows = int(height * STRIP_TOP) - height // 45
    noise = [
        chance.normal(0, NOISE, (rows, width, 3)).astype(np.int16) for _ in range(NOISE_PICTURES)
    ]
    number = 0
    while True:
        number += 1
        picture = painter.paint(number, time.monotonic_ns())
        above = picture[:rows]
        cv2.add(above, noise[number % NOISE_PICTURES], dst=above, dtype=cv2.CV_8U)
        yield encode(picture)


class _Noisy(Camera):
    def pictures(self) -> Iterator[bytes]:
        return noisy_pictures(*SIZE)


def main(port: str) -> None:
    """Serve until killed."""
    nothing = {'user': None, 'stall_after': None, 'garbage_after': None, 'end_after': None}
    _Noisy.options = argparse.Namespace(clip=None, fps=FPS, **nothing)
    Server(('127.0.0.1', int(port)), _Noisy).serve_forever()


if __name__ == '__main__':
    main(sys.argv[1])
