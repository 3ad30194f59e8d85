"""What `capture_node` says by itself: what is being recorded, and what happens to photos and clips."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from mmoment_api.events import EventHub
from mmoment_api.graph_topics import STATE_QOS, WATCH_PERIOD_S
from mmoment_api.media_messages import capture_event, recordings_event, running_clip
from mmoment_api.recordings import Recordings
from mmoment_interfaces.msg import MediaEvent, RecordingArray

# Retention may delete many at once, and each is to go from the pages that show it.
MEDIA_QOS = QoSProfile(depth=1000)


class MediaTopics:
    """The subscriptions; `open` and `close` belong to the executor's thread."""

    def __init__(self, node: Node, recordings: Recordings, events: EventHub) -> None:
        self._node = node
        self._recordings = recordings
        self._events = events
        self._subscriptions: list[Any] = []
        self._timer: Any = None

    def open(self) -> None:
        """Subscribe."""
        for kind, topic, callback, qos in (
            (RecordingArray, 'recordings', self._on_recordings, STATE_QOS),
            (MediaEvent, 'media_events', self._on_event, MEDIA_QOS),
        ):
            self._subscriptions.append(self._node.create_subscription(kind, topic, callback, qos))
        self._timer = self._node.create_timer(WATCH_PERIOD_S, self._end_lost)

    def close(self) -> None:
        """Unsubscribe."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _on_recordings(self, message: RecordingArray) -> None:
        clips = tuple(running_clip(item) for item in message.recordings)
        self._recordings.hear(clips)
        self._events.publish('recordings', recordings_event(clips))

    def _on_event(self, message: MediaEvent) -> None:
        if self._events.wants('captures'):
            self._events.publish('captures', capture_event(message))

    def _end_lost(self) -> None:
        # Every new listener would be told that they still go on.
        if self._recordings.has_gone_silent():
            self._on_recordings(RecordingArray())
