"""A viewer of a stream: pulls it from the server, decodes each picture, and reads its mark.

`python -m bench.stream_puller URL` prints one line per picture and opens the stream again when it
ends, until it is terminated. It runs in a process of its own: it must not wait for who measures.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av
import numpy as np

from mmoment_camera.pattern import Mark, read_mark

# Else a player looks at 0.8 s of video before it shows any. Not `nobuffer`: that throws away what was
# looked at, and all up to the next keyframe with it.
OPTIONS = {'flags': 'low_delay', 'probesize': '32'}
# A server that knows of no publisher lets viewers wait for the next one, which begins with a keyframe:
# who comes back later misses it.
PATIENCE_S = 120.0
AGAIN_AFTER_S = 0.05
NO_MARK = '-'


@dataclass(frozen=True, slots=True)
class PulledPicture:
    """A decoded picture. decoded_ns: CLOCK_MONOTONIC; mark: None, it carries none (a slate)."""

    decoded_ns: int
    mark: Mark | None

    @property
    def age_ms(self) -> float:
        """From its capture to the end of its decoding; only of one with a mark."""
        assert self.mark is not None
        return self.mark.age_ms(self.decoded_ns)

    @property
    def taken_ns(self) -> int:
        """When it was captured, CLOCK_MONOTONIC; only of one with a mark."""
        return self.decoded_ns - round(self.age_ms * 1e6)

    def line(self) -> str:
        """As printed."""
        if self.mark is None:
            return f'{self.decoded_ns} {NO_MARK} {NO_MARK}'
        return f'{self.decoded_ns} {self.mark.number} {self.mark.capture_us}'


def parse(line: str) -> PulledPicture:
    """The picture of a printed line. Raises ValueError."""
    decoded_ns, number, capture_us = line.split()
    mark = None if number == NO_MARK else Mark(int(number), int(capture_us))
    return PulledPicture(int(decoded_ns), mark)


def pull(url: str) -> Iterator[PulledPicture]:
    """The pictures of one connection as they are decoded. Raises av.error.FFmpegError at its end."""
    with av.open(url, options=OPTIONS, timeout=PATIENCE_S) as container:
        (stream,) = container.streams.video
        # Threads for whole pictures would hold back as many pictures.
        stream.thread_type = 'SLICE'
        for frame in container.decode(stream):
            decoded_ns = time.monotonic_ns()
            yield PulledPicture(decoded_ns, read_mark(_luma(frame)))


def _luma(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


class Puller:
    """A puller in a process of its own; its pictures are collected until the block ends."""

    def __init__(self, url: str) -> None:
        self._pictures: list[PulledPicture] = []
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'bench.stream_puller', url],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def __enter__(self) -> Puller:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def pictures(self, since_ns: int = 0) -> list[PulledPicture]:
        """Those that were decoded since then, oldest first."""
        return [picture for picture in list(self._pictures) if picture.decoded_ns >= since_ns]

    def first_taken_after(self, moment_ns: int, patience_s: float) -> PulledPicture:
        """The first one of a picture that the camera took after then. Raises TimeoutError."""
        return self._first(
            lambda picture: picture.mark is not None and picture.taken_ns > moment_ns,
            moment_ns,
            patience_s,
        )

    def first_slate(self, moment_ns: int, patience_s: float) -> PulledPicture:
        """The first one after then that is not of the camera. Raises TimeoutError."""
        return self._first(lambda picture: picture.mark is None, moment_ns, patience_s)

    def _first(
        self, is_right: Callable[[PulledPicture], bool], since_ns: int, patience_s: float
    ) -> PulledPicture:
        end_s = time.monotonic() + patience_s
        while True:
            for picture in self.pictures(since_ns):
                if is_right(picture):
                    return picture
            if time.monotonic() > end_s:
                raise TimeoutError(f'the right picture was not pulled for {patience_s:g} s')
            time.sleep(0.01)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._reader.join(5.0)

    def _collect(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                # It may have been killed while it wrote.
                if line.endswith('\n'):
                    self._pictures.append(parse(line))


def main(url: str) -> None:
    """Print pictures until terminated."""
    while True:
        try:
            for picture in pull(url):
                print(picture.line(), flush=True)
        except (av.error.FFmpegError, OSError, ValueError):
            # The server or the stream is away: what this waits for.
            time.sleep(AGAIN_AFTER_S)


if __name__ == '__main__':
    main(sys.argv[1])
