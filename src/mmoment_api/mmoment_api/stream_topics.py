"""What `stream_node` says by itself, and who encodes what it pushes."""

from __future__ import annotations

from functools import partial

from rclpy.node import Node

from mmoment_api.events import EventHub
from mmoment_api.graph_topics import STATE_QOS
from mmoment_api.listening_topics import Listening
from mmoment_api.pushed_stream import PushedStream
from mmoment_api.stream_messages import stream_status
from mmoment_api.stream_models import stream_data
from mmoment_interfaces.msg import EncoderStatus, StreamStatus
from mmoment_stream.video_channel import VIDEO_CHANNELS


class StreamTopics:
    """The subscriptions; `open` and `close` belong to the executor's thread."""

    def __init__(self, node: Node, pushed: PushedStream, events: EventHub) -> None:
        self._listening = Listening(node)
        self._pushed = pushed
        self._events = events
        self._is_told_silent = True

    def open(self) -> None:
        """Subscribe."""
        self._listening.hear(StreamStatus, 'stream_status', self._on_status, STATE_QOS)
        for name, channel in VIDEO_CHANNELS.items():
            hear = partial(self._on_encoder, name)
            self._listening.hear(EncoderStatus, channel.status, hear, STATE_QOS)
        self._listening.watch(self._tell_silence)

    def close(self) -> None:
        """Unsubscribe."""
        self._listening.close()

    def _on_status(self, message: StreamStatus) -> None:
        self._pushed.hear(stream_status(message))
        self._is_told_silent = False
        self._events.publish('stream', stream_data(self._pushed))

    def _on_encoder(self, channel: str, message: EncoderStatus) -> None:
        self._pushed.hear_encoder(channel, message.encoder)

    def _tell_silence(self) -> None:
        # Every new listener would be told that it is still live.
        if self._pushed.has_gone_silent() and not self._is_told_silent:
            self._is_told_silent = True
            self._events.publish('stream', stream_data(self._pushed))
