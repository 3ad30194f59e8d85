"""Frames between nodes: pixels through the frame ring, a small notice through ROS.

Reading takes three lines:

    subscriber = FrameSubscriber(node, 'frames')
    frame = subscriber.newest(timeout_s=1.0)
    use(frame.image) if frame else None
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from mmoment_camera.frame_ring import (
    DEFAULT_SLOTS,
    PREFIX,
    FrameOverwritten,
    FrameRingReader,
    FrameRingWriter,
    Geometry,
    NoRing,
    Pixels,
    RingFrame,
    WrittenFrame,
    ring_name,
)
from mmoment_interfaces.msg import Frame as FrameNotice

# Published reliable so that any reader fits; one notice is enough, an older one is worthless.
PUBLISHER_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
SUBSCRIBER_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class Frame:
    """A picture as a reader sees it; `image` lies in shared memory, see `RingFrame`."""

    __slots__ = ('_ring_frame', 'header', 'live', 'monotonic_ns', 'sequence')

    def __init__(self, notice: FrameNotice, ring_frame: RingFrame) -> None:
        self.header: Header = notice.header
        self.sequence: int = notice.sequence
        self.monotonic_ns: int = notice.monotonic_ns
        self.live: bool = notice.live
        self._ring_frame = ring_frame

    @property
    def image(self) -> Pixels:
        """Read-only uint8 array of shape (height, width, 3), BGR, or (height, width)."""
        return self._ring_frame.image

    def intact(self) -> bool:
        """True if everything read from `image` until now belongs to this picture."""
        return self._ring_frame.intact()

    def copy(self, out: Pixels | None = None) -> Pixels:
        """A private copy, into `out` if given; raises `FrameOverwritten`."""
        return self._ring_frame.copy(out)


@dataclass(slots=True)
class FrameSlot:
    """A slot to draw into; `image` is writable, its old content undefined."""

    image: Pixels
    notice: FrameNotice


class FramePublisher:
    """Writes pictures into the ring of a channel and announces them on a topic.

    The ring is made with the first picture and again whenever the geometry changes; numbering
    goes on. Raises `RingInUse` or `SharedMemoryFull` then.
    """

    def __init__(self, node: Node, topic: str, *, channel: str, slots: int = DEFAULT_SLOTS) -> None:
        self._node = node
        self._name = ring_name(node.get_namespace(), channel)
        self._slots = slots
        self._ring: FrameRingWriter | None = None
        self._next_sequence = 1
        self._publisher = node.create_publisher(FrameNotice, topic, PUBLISHER_QOS)

    @property
    def subscriber_count(self) -> int:
        """How many subscriptions the notice has."""
        return int(self._publisher.get_subscription_count())

    def reserve(self, geometry: Geometry) -> None:
        """Make the ring for pictures of this geometry now, to meet its faults early."""
        self._ring_for(geometry)

    def publish(
        self, image: Pixels, *, stamp: Time, frame_id: str, monotonic_ns: int, live: bool = True
    ) -> FrameNotice:
        """Copy a uint8 picture of shape (height, width, 3) or (height, width), and announce it.

        `stamp` is its capture time on the ROS clock, `monotonic_ns` on CLOCK_MONOTONIC.
        """
        ring = self._ring_for(Geometry.of(image))
        written = ring.write(image, monotonic_ns=monotonic_ns, live=live)
        header = Header(stamp=stamp, frame_id=frame_id)
        notice = self._notice(ring, written, header, monotonic_ns, live)
        self._publisher.publish(notice)
        return notice

    @contextlib.contextmanager
    def slot(
        self, geometry: Geometry, *, header: Header, monotonic_ns: int, live: bool = True
    ) -> Iterator[FrameSlot]:
        """A slot to draw into in place; announced when the block ends, unless it raises."""
        ring = self._ring_for(geometry)
        with ring.slot(monotonic_ns=monotonic_ns, live=live) as (pixels, written):
            notice = self._notice(ring, written, header, monotonic_ns, live)
            yield FrameSlot(pixels, notice)
        self._publisher.publish(notice)

    def close(self) -> None:
        """Remove the ring and the topic."""
        self._close_ring()
        self._node.destroy_publisher(self._publisher)

    def _close_ring(self) -> None:
        if self._ring is not None:
            self._next_sequence = self._ring.next_sequence
            self._ring.close()
            self._ring = None

    def _ring_for(self, geometry: Geometry) -> FrameRingWriter:
        if self._ring is None or self._ring.geometry != geometry:
            self._close_ring()
            self._ring = FrameRingWriter(
                self._name, geometry, slots=self._slots, first_sequence=self._next_sequence
            )
        return self._ring

    def _notice(
        self,
        ring: FrameRingWriter,
        written: WrittenFrame,
        header: Header,
        monotonic_ns: int,
        live: bool,
    ) -> FrameNotice:
        return FrameNotice(
            header=header,
            sequence=written.sequence,
            monotonic_ns=monotonic_ns,
            segment=ring.name,
            epoch=ring.epoch,
            slot=written.slot,
            width=ring.geometry.width,
            height=ring.geometry.height,
            encoding=ring.geometry.encoding,
            live=live,
        )


class FrameSubscriber:
    """The newest picture of a channel, for a callback or for a thread of its own.

    With `callback`, it is called in the executor for every picture that is still there. Without,
    a worker calls `newest`. Attaches by itself to whichever ring the notices name: a writer may
    die, come back, or change the picture size at any time.
    """

    def __init__(
        self, node: Node, topic: str, callback: Callable[[Frame], None] | None = None
    ) -> None:
        self._node = node
        self._callback = callback
        self._reader: FrameRingReader | None = None
        self._arrived = threading.Condition()
        self._notice: FrameNotice | None = None
        self._closed = False
        self._last_sequence = 0
        self.received = 0  # notices that arrived, whatever became of their pictures
        self.dropped = 0  # pictures passed over because a newer one was there
        self.overwritten = 0  # pictures lost because their slot was written again
        self._subscription = node.create_subscription(
            FrameNotice, topic, self._on_notice, SUBSCRIBER_QOS
        )

    def newest(self, timeout_s: float) -> Frame | None:
        """The newest picture not taken yet; None if none arrives in time, or after `close`."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._notice is not None or self._closed, timeout_s)
            notice, self._notice = self._notice, None
        return None if notice is None else self._open(notice)

    def close(self) -> None:
        """Unsubscribe; a waiting `newest` returns None at once."""
        with self._arrived:
            self._closed = True
            self._notice = None
            self._arrived.notify_all()
        self._node.destroy_subscription(self._subscription)
        self._reader = None

    def _on_notice(self, notice: FrameNotice) -> None:
        self.received += 1
        if self._callback is not None:
            frame = self._open(notice)
            if frame is not None:
                self._callback(frame)
            return
        with self._arrived:
            self._notice = notice
            self._arrived.notify()

    def _open(self, notice: FrameNotice) -> Frame | None:
        self._count(notice)
        try:
            return Frame(notice, self._attached(notice).read(notice.sequence))
        except FrameOverwritten:
            self.overwritten += 1
        except NoRing as error:
            # The writer has just died or moved on; its next notice names the new ring.
            self._reader = None
            self._node.get_logger().warning(str(error), throttle_duration_sec=5.0)
        return None

    def _count(self, notice: FrameNotice) -> None:
        # Sequences go on over a change of size, and start again with a new writer process.
        skipped = notice.sequence - self._last_sequence - 1
        if self._last_sequence and skipped > 0:
            self.dropped += skipped
        self._last_sequence = notice.sequence

    def _attached(self, notice: FrameNotice) -> FrameRingReader:
        # `close`, called by another thread, may take the reader away at any point of this.
        reader = self._reader
        if reader is None or reader.epoch != notice.epoch:
            if not notice.segment.startswith(f'{PREFIX}.'):
                raise NoRing(f"'{notice.segment}' is no name of a frame ring")
            reader = FrameRingReader(notice.segment)
            if reader.epoch != notice.epoch:
                raise NoRing(f"frame ring '{notice.segment}' was replaced")
            self._reader = reader
        return reader
