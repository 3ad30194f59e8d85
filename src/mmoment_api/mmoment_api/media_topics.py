"""What `capture_node` says by itself: what is being recorded, and what happens to photos and clips."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import QoSProfile

from mmoment_api.events import EventHub
from mmoment_api.graph_topics import STATE_QOS
from mmoment_api.listening_topics import Listening
from mmoment_api.media_messages import capture_event, recordings_event, running_clip
from mmoment_api.recordings import Recordings
from mmoment_interfaces.msg import MediaEvent, RecordingArray

# Retention may delete many at once, and each is to go from the pages that show it.
MEDIA_QOS = QoSProfile(depth=1000)


class MediaTopics:
    """The subscriptions; `open` and `close` belong to the executor's thread."""

    def __init__(self, node: Node, recordings: Recordings, events: EventHub) -> None:
        self._listening = Listening(node)
        self._recordings = recordings
        self._events = events

    def open(self) -> None:
        """Subscribe."""
        for kind, topic, callback, qos in (
            (RecordingArray, 'recordings', self._on_recordings, STATE_QOS),
            (MediaEvent, 'media_events', self._on_event, MEDIA_QOS),
        ):
            self._listening.hear(kind, topic, callback, qos)
        self._listening.watch(self._end_lost)

    def close(self) -> None:
        """Unsubscribe."""
        self._listening.close()

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
