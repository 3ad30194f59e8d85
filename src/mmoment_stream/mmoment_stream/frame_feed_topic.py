"""The pictures of one channel or another, subscribed to only while they are needed."""

from __future__ import annotations

import threading

from rclpy.node import Node

from mmoment_camera.frame_topic import Frame, FrameSubscriber


class FrameFeed:
    """Opened and closed by the executor's thread, read by a worker; counts over all openings.

    overlay_node fills its channels only while somebody subscribes to them.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._changed = threading.Condition()
        self._frames: FrameSubscriber | None = None
        self._topic = ''
        self._received = 0
        self._dropped = 0
        self._overwritten = 0

    @property
    def topic(self) -> str:
        """What is subscribed to; empty: nothing."""
        return self._topic

    def open(self, topic: str) -> None:
        """Subscribe to this topic in place of any other."""
        self.close()
        with self._changed:
            self._frames = FrameSubscriber(self._node, topic)
            self._topic = topic
            self._changed.notify_all()

    def close(self) -> None:
        """Unsubscribe; a waiting `newest` returns None at once."""
        with self._changed:
            frames, self._frames, self._topic = self._frames, None, ''
            if frames is not None:
                self._received += frames.received
                self._dropped += frames.dropped
                self._overwritten += frames.overwritten
        if frames is not None:
            frames.close()

    def newest(self, timeout_s: float) -> Frame | None:
        """The newest picture not taken yet; None if there is none in time, or nothing is open."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames is not None, timeout_s)
            frames = self._frames
        return None if frames is None else frames.newest(timeout_s)

    @property
    def received(self) -> int:
        """Pictures that were announced."""
        frames = self._frames
        return self._received + (frames.received if frames else 0)

    @property
    def dropped(self) -> int:
        """Pictures passed over because a newer one was there."""
        frames = self._frames
        return self._dropped + (frames.dropped if frames else 0)

    @property
    def overwritten(self) -> int:
        """Pictures lost because their slot was written again."""
        frames = self._frames
        return self._overwritten + (frames.overwritten if frames else 0)
