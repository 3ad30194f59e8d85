"""A camera for tests of the push: numbered pictures through a real encoder, and a viewer of them."""

from __future__ import annotations

import subprocess
import threading
import time

import cv2
import numpy as np

from mmoment_camera.pattern import PatternPainter, read_mark
from mmoment_stream.encoder_backends import SOFTWARE, EncoderSettings, PyavEncoder
from mmoment_stream.video_packet import VideoPacket

SIZE = (320, 180)
FPS = 30


class Camera:
    """Encodes at a real pace and offers to `pushes`; obeys `request_keyframe` and `limit`, and makes
    nothing while `is_away`.

    noise: makes pictures that need the whole bitrate.
    """

    def __init__(self, kbps=800, *, noise=False):
        self.pushes = []
        self.kbps = kbps
        self.limits = []
        self._noise = _noise() if noise else None
        self.is_away = threading.Event()
        self._wants = threading.Event()
        self._ended = threading.Event()
        self._wanted_kbps = kbps
        self._thread = threading.Thread(target=self._run, name='camera')

    def request_keyframe(self):
        self._wants.set()

    def limit(self, kbps):
        self.limits.append(kbps)
        self._wanted_kbps = min(self.kbps, kbps or self.kbps)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *what):
        self._ended.set()
        self._thread.join()

    def _run(self):
        encoder = PyavEncoder(SOFTWARE, EncoderSettings(*SIZE, FPS, self.kbps, 2.0, 'ultrafast'))
        painter = PatternPainter(*SIZE)
        encoded_kbps = self.kbps
        began_s = time.monotonic()
        number = 0
        while not self._ended.wait(max(0.0, began_s + number / FPS - time.monotonic())):
            if self.is_away.is_set():
                number += 1
                continue
            if encoded_kbps != self._wanted_kbps and encoder.change_bitrate(self._wanted_kbps):
                encoded_kbps = self._wanted_kbps
            now_ns = time.monotonic_ns()
            picture = painter.paint(number, now_ns)
            if self._noise is not None:
                picture[:140] = self._noise[number % len(self._noise)]
            is_due = number % (2 * FPS) == 0 or self._wants.is_set()
            self._wants.clear()
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            for unit in encoder.encode(planes, number * 90_000 // FPS, force_keyframe=is_due):
                packet = VideoPacket(
                    unit.data, now_ns, 0, number + 1, number, 1, is_due, True, *SIZE
                )
                for push in list(self.pushes):
                    push.offer(packet)
            number += 1
        encoder.close()


def _noise():
    """Structure that changes from picture to picture, so that there is always something to encode."""
    chance = np.random.default_rng(1)
    fine = chance.integers(60, 190, (20, 70, 160, 3), np.uint8)
    return [cv2.resize(each, (320, 140), interpolation=cv2.INTER_NEAREST) for each in fine]


class Viewer:
    """Pulls a stream by ffmpeg until the block ends. `seen`: (when it was seen in ns, its mark)."""

    def __init__(self, url):
        words = (
            'ffmpeg -v error -nostdin -fflags nobuffer -flags low_delay -probesize 32 '
            f'-analyzeduration 0 -i {url} -an -vsync passthrough -f rawvideo -pix_fmt gray pipe:1'
        )
        self.seen = []
        self._process = subprocess.Popen(
            words.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._thread = threading.Thread(target=self._run, name='viewer')

    @property
    def numbers(self):
        """Of the pictures, in the order in which they came; None for those without a mark."""
        return [mark and mark.number for _, mark in list(self.seen)]

    def ages_ms(self, last):
        """Time from capture to sight of so many pictures."""
        return [mark.age_ms(seen_ns) for seen_ns, mark in list(self.seen)[-last:] if mark]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *what):
        self._process.kill()
        self._process.wait()
        self._thread.join()

    def _run(self):
        size_bytes = SIZE[0] * SIZE[1]
        with self._process.stdout as pictures:
            while len(data := pictures.read(size_bytes)) == size_bytes:
                picture = np.frombuffer(data, np.uint8).reshape(SIZE[::-1])
                self.seen.append((time.monotonic_ns(), read_mark(picture)))
