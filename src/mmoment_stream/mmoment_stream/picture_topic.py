"""Pictures of one channel for photos: read only while somebody may want one."""

from __future__ import annotations

import threading
import time

from rclpy.node import Node

from mmoment_camera.frame_ring import FrameOverwritten
from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_stream.photo_memory import NS_PER_S, KeptPicture, PhotoMemory

WAIT_S = 0.5
# After a photo, whoever took it may want another one at once.
LINGER_S = 30.0


class PictureTap:
    """Keeps the newest pictures of `topic` in `memory` while they are wanted.

    `work` is the body of a thread, until `close`.
    """

    def __init__(self, node: Node, topic: str, memory: PhotoMemory) -> None:
        self._node = node
        self._topic = topic
        self._memory = memory
        self._is_closed = False
        self._is_wanted = False
        self._wanted_until_s = 0.0
        self._changed = threading.Condition()

    def forget(self) -> None:
        """Let go of the pictures of the last moment."""
        self._memory.clear()

    def keep(self, is_wanted: bool) -> None:
        """Whether pictures are to be kept though nobody asks at the moment."""
        with self._changed:
            self._is_wanted = is_wanted
            self._changed.notify_all()

    def nearest(self, moment_ns: int, patience_s: float) -> KeptPicture | None:
        """See `PhotoMemory.nearest`; reading begins with this where it had not."""
        with self._changed:
            self._wanted_until_s = time.monotonic() + LINGER_S
            self._changed.notify_all()
        return self._memory.nearest(moment_ns, patience_s)

    def work(self) -> None:
        """Read pictures, as long as somebody wants them."""
        while self._await_wish():
            frames = FrameSubscriber(self._node, self._topic)
            try:
                while self._has_wish():
                    self._take(frames)
            finally:
                frames.close()
                # Nobody who is not checked in stays in memory.
                self._memory.clear()

    def close(self) -> None:
        """Let `work` end, at most WAIT_S later, and whoever waits for a picture at once."""
        self._memory.close()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _take(self, frames: FrameSubscriber) -> None:
        frame = frames.newest(WAIT_S)
        if frame is None:
            return
        try:
            image = frame.copy()
        except FrameOverwritten:
            return
        stamp = frame.header.stamp
        utc_ns = stamp.sec * NS_PER_S + stamp.nanosec
        picture = KeptPicture(image, frame.monotonic_ns, utc_ns, frame.sequence, frame.live)
        self._memory.add(picture)

    def _await_wish(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._has_wish())
            return not self._is_closed

    def _has_wish(self) -> bool:
        is_wanted = self._is_wanted or time.monotonic() < self._wanted_until_s
        return is_wanted and not self._is_closed
