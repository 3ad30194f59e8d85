"""What `stream_node` says by itself, and who encodes what it pushes."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.node import Node

from mmoment_api.events import EventHub
from mmoment_api.graph_topics import STATE_QOS, WATCH_PERIOD_S
from mmoment_api.pushed_stream import PushedStream
from mmoment_api.stream_messages import stream_status
from mmoment_api.stream_models import stream_data
from mmoment_interfaces.msg import EncoderStatus, StreamStatus
from mmoment_stream.video_channel import VIDEO_CHANNELS


class StreamTopics:
    """The subscriptions; `open` and `close` belong to the executor's thread."""

    def __init__(self, node: Node, pushed: PushedStream, events: EventHub) -> None:
        self._node = node
        self._pushed = pushed
        self._events = events
        self._subscriptions: list[Any] = []
        self._timer: Any = None
        self._is_told_silent = True

    def open(self) -> None:
        """Subscribe."""
        self._subscriptions.append(
            self._node.create_subscription(
                StreamStatus, 'stream_status', self._on_status, STATE_QOS
            )
        )
        for name, channel in VIDEO_CHANNELS.items():
            self._subscriptions.append(
                self._node.create_subscription(
                    EncoderStatus, channel.status, partial(self._on_encoder, name), STATE_QOS
                )
            )
        self._timer = self._node.create_timer(WATCH_PERIOD_S, self._tell_silence)

    def close(self) -> None:
        """Unsubscribe."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

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
