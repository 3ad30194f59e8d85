"""What capture_node tells: `recordings`, `media_events`; and the video it takes, while it is needed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rclpy.qos import QoSProfile
from std_msgs.msg import Header

from mmoment_chain.media_records import MediaRecord
from mmoment_chain.media_signature import CLIP
from mmoment_interfaces.msg import MediaEvent, MediaItem, RecordingArray
from mmoment_interfaces.msg import VideoPacket as VideoMessage
from mmoment_node.managed_node import ManagedNode
from mmoment_stream.capture_messages import (
    beginning_item,
    event_message,
    media_item,
    recordings_message,
    wished_item,
)
from mmoment_stream.encoder_messages import packet_of
from mmoment_stream.errors import Refused, SessionRefused
from mmoment_stream.media_draft import Origin
from mmoment_stream.media_library import MediaLibrary
from mmoment_stream.media_maker import MediaMaker, RunningClip
from mmoment_stream.recorder import Recorder
from mmoment_stream.video_qos_topics import LATCHED_QOS, VIDEO_QOS

# Retention, or somebody who is forgotten, may delete many at once.
EVENTS_QOS = QoSProfile(depth=1000)
TELL_PERIOD_S = 1.0
DISK_FULL, CUT_SHORT = 'disk_full', 'cut_short'


class CaptureAnnouncer:
    """Publishes; see `capture_jobs.Announcer`. Safe to use from several threads.

    changed: called when the library has something more, or less, or has no room.
    """

    def __init__(
        self,
        node: ManagedNode[Any],
        library: MediaLibrary,
        maker: MediaMaker,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._changed = changed
        self._node = node
        self._library = library
        self._maker = maker
        self._events = node.create_publisher(MediaEvent, 'media_events', EVENTS_QOS)
        self._recordings = node.create_publisher(RecordingArray, 'recordings', LATCHED_QOS)
        self._timer = node.create_timer(TELL_PERIOD_S, self._tell_again)
        self._is_closed = False
        self._lock = threading.Lock()
        self.over()

    def close(self) -> None:
        """Tell nothing any more, whoever goes on to call."""
        with self._lock:
            self._is_closed = True
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._events)
        self._node.destroy_publisher(self._recordings)

    def kept(self, record: MediaRecord, reason: str = '') -> None:
        """A photo or clip is there; `reason`: why a clip ended before it was to."""
        kind = MediaEvent.RECORDED if record.facts.kind == CLIP else MediaEvent.TAKEN
        self._tell(kind, media_item(record, self._library), reason)
        self._changed()

    def salvaged(self, records: Iterable[MediaRecord]) -> None:
        """Clips are there that a killed process, or a full disk, had cut short."""
        for record in records:
            self.kept(record, CUT_SHORT)

    def started(self, clip: RunningClip) -> None:
        """A recording began."""
        self._tell(MediaEvent.STARTED, beginning_item(clip))
        self.over()

    def over(self) -> None:
        """Tell what is being recorded now."""
        with self._lock:
            if not self._is_closed:
                # Within the lock, so that the newest one is the last.
                running = self._maker.running
                self._recordings.publish(recordings_message(self._header(), running))

    def failed(self, kind: str, origin: Origin, refusal: Refused | SessionRefused) -> None:
        """Nothing came of a photo or clip."""
        if refusal.__cause__ is not None:
            self._node.get_logger().error(f'{kind}: {refusal}: {refusal.__cause__}')
        item = wished_item(MediaItem.CLIP if kind == CLIP else MediaItem.PHOTO, origin)
        self._tell(MediaEvent.FAILED, item, refusal.code, refusal.text)
        if refusal.code == DISK_FULL:
            self._changed()

    def deleted(self, record: MediaRecord, reason: str) -> None:
        """A photo or clip is gone."""
        self._tell(MediaEvent.DELETED, media_item(record, self._library), reason)
        self._changed()

    def _tell(self, kind: int, media: MediaItem, reason: str = '', message: str = '') -> None:
        with self._lock:
            if not self._is_closed:
                self._events.publish(event_message(self._header(), kind, media, reason, message))

    def _tell_again(self) -> None:
        if self._maker.running:
            self.over()

    def _header(self) -> Header:
        return Header(stamp=self._node.get_clock().now().to_msg())


class VideoTap:
    """Takes the packets of a channel while somebody needs them: the encoder works only then."""

    def __init__(self, node: ManagedNode[Any], topic: str, recorder: Recorder) -> None:
        self.recorder = recorder
        self._node = node
        self._topic = topic
        self._subscription: Any = None
        self._is_wanted = False
        self._needed_by = 0
        self._is_closed = False
        self._lock = threading.Lock()
        self.received = 0

    def keep(self, is_wanted: bool) -> None:
        """Whether packets are to come though nobody records: for the seconds before a clip."""
        with self._lock:
            self._is_wanted = is_wanted
            self._settle()

    @contextlib.contextmanager
    def needed(self) -> Iterator[None]:
        """Have packets come within the block."""
        self._need(1)
        try:
            yield
        finally:
            self._need(-1)

    @property
    def is_open(self) -> bool:
        """Whether packets are asked for."""
        return self._subscription is not None

    def close(self) -> None:
        """Take nothing any more."""
        with self._lock:
            self._is_closed = True
            self._settle()

    def _need(self, more: int) -> None:
        with self._lock:
            self._needed_by += more
            self._settle()

    def _settle(self) -> None:
        is_needed = not self._is_closed and (self._is_wanted or self._needed_by > 0)
        if is_needed and self._subscription is None:
            self._subscription = self._node.create_subscription(
                VideoMessage, self._topic, self._on_packet, VIDEO_QOS
            )
        elif not is_needed and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            # Of a scene that nobody may record any more, nothing stays.
            self.recorder.forget_packets()

    def _on_packet(self, message: VideoMessage) -> None:
        packet = packet_of(message)
        with self._lock:
            # One may have been on its way when they were let go of.
            if self._subscription is not None:
                self.received += 1
                self.recorder.take(packet)
