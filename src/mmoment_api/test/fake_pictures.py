"""Pictures that no camera took, and where the live view gets them from."""

import base64
import threading
from dataclasses import dataclass, field

import numpy as np

# By its first bytes; nothing here looks further.
JPEG = b'\xff\xd8\xff\xe0' + b'rest'
PICTURE = base64.b64encode(JPEG).decode()


@dataclass
class FakePicture:
    """A picture that somebody may have overwritten."""

    sequence: int
    monotonic_ns: int
    image: np.ndarray = field(default_factory=lambda: np.zeros((72, 128, 3), np.uint8))
    live: bool = True
    is_intact: bool = True

    def intact(self):
        return self.is_intact


class FakeSource:
    """Pictures that a test puts in, for one channel."""

    def __init__(self, annotated):
        self.annotated = annotated
        self.is_closed = False
        self.taken = 0
        self._pictures = []
        self._changed = threading.Condition()

    def put(self, picture):
        with self._changed:
            self._pictures.append(picture)
            self._changed.notify_all()

    def newest(self, timeout_s):
        with self._changed:
            self._changed.wait_for(lambda: self._pictures, timeout_s)
            if not self._pictures:
                return None
            self.taken += 1
            return self._pictures.pop(0)

    def close(self):
        self.is_closed = True


class FakeSources:
    """Makes sources and remembers them."""

    def __init__(self):
        self.opened = []

    def __call__(self, annotated):
        self.opened.append(FakeSource(annotated))
        return self.opened[-1]
