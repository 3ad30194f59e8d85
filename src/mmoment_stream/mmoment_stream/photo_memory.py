"""The newest pictures of a channel, so that a photo is of the moment that somebody meant.

A gesture is known some tenths of a second after it was made, and a ring holds a few pictures only.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A private copy of a picture: uint8, (height, width, 3) BGR or (height, width)."""

    image: Pixels = field(repr=False)
    monotonic_ns: int  # capture time, CLOCK_MONOTONIC
    utc_ns: int  # capture time on the wall, since 1970
    sequence: int
    live: bool  # false: a placeholder, the camera delivered nothing


class PhotoMemory:
    """Pictures of the last `keep_s`, at most `bytes_at_most`, always the newest one. Thread-safe."""

    def __init__(self, keep_s: float, bytes_at_most: int) -> None:
        self._keep_ns = round(keep_s * NS_PER_S)
        self._bytes_at_most = bytes_at_most
        self._pictures: deque[KeptPicture] = deque()
        self._bytes = 0
        self._is_closed = False
        self._arrived = threading.Condition()

    def add(self, picture: KeptPicture) -> None:
        """Keep it, and let go of what is too old or too much."""
        with self._arrived:
            if self._pictures and picture.monotonic_ns <= self._pictures[-1].monotonic_ns:
                # Of a camera that was started anew, or plays a file from its beginning.
                self._empty()
            self._pictures.append(picture)
            self._bytes += picture.image.nbytes
            while len(self._pictures) > 1 and self._is_too_much(picture.monotonic_ns):
                self._bytes -= self._pictures.popleft().image.nbytes
            self._arrived.notify_all()

    def nearest(self, moment_ns: int, patience_s: float) -> KeptPicture | None:
        """The picture nearest to that moment; None: there is none.

        Waits as long as a nearer one may still come, which is until one at or after that moment is
        there, or until `close`. moment_ns: CLOCK_MONOTONIC.
        """
        with self._arrived:
            self._arrived.wait_for(lambda: self._is_closed or self._reaches(moment_ns), patience_s)
            return min(
                self._pictures, key=lambda each: abs(each.monotonic_ns - moment_ns), default=None
            )

    def clear(self) -> None:
        """Let go of everything."""
        with self._arrived:
            self._empty()

    def close(self) -> None:
        """No more pictures come: whoever waits for one goes without."""
        with self._arrived:
            self._is_closed = True
            self._arrived.notify_all()

    def __len__(self) -> int:
        return len(self._pictures)

    def _reaches(self, moment_ns: int) -> bool:
        return bool(self._pictures) and self._pictures[-1].monotonic_ns >= moment_ns

    def _is_too_much(self, newest_ns: int) -> bool:
        oldest = self._pictures[0]
        is_old = newest_ns - oldest.monotonic_ns > self._keep_ns
        return is_old or self._bytes > self._bytes_at_most

    def _empty(self) -> None:
        self._pictures.clear()
        self._bytes = 0
