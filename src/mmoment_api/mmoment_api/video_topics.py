"""Takes the encoder's packets, of each channel only while somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from std_srvs.srv import Trigger

from mmoment_api.live_wire import VideoPacket
from mmoment_api.service_calls import CLIENT_QOS
from mmoment_api.video_gate import Gate
from mmoment_interfaces.msg import VideoPacket as VideoMessage
from mmoment_stream.video_channel import ANNOTATED, PUBLIC, VIDEO_CHANNELS
from mmoment_stream.video_qos_topics import VIDEO_QOS

CHANNELS = {True: VIDEO_CHANNELS[ANNOTATED], False: VIDEO_CHANNELS[PUBLIC]}

Hear = Callable[[bool, VideoPacket], None]


class VideoTopics:
    """The subscriptions, see `video_hub.VideoSource`; made and ended in the executor's thread.

    later: runs work in the executor's thread soon. gates: whether a packet of a picture that was
    taken then may be shown, by channel. `hear` and `hold_back` are to be set before the first `open`.
    """

    def __init__(
        self,
        node: Node,
        later: Callable[[Callable[[], None]], None],
        gates: dict[bool, Gate],
    ) -> None:
        self._node = node
        self._later = later
        self._gates = gates
        self.hear: Hear = lambda annotated, packet: None
        self.hold_back: Callable[[bool], None] = lambda annotated: None
        self._subscriptions: dict[bool, Any] = {}
        self._clients = {
            annotated: node.create_client(Trigger, channel.request_keyframe, qos_profile=CLIENT_QOS)
            for annotated, channel in CHANNELS.items()
        }
        self._calls: dict[bool, Any] = {}

    def open(self, annotated: bool) -> None:
        """See `VideoSource`."""
        self._later(partial(self._subscribe, annotated))

    def close(self, annotated: bool) -> None:
        """See `VideoSource`."""
        self._later(partial(self._unsubscribe, annotated))

    def request_keyframe(self, annotated: bool) -> None:
        """See `VideoSource`."""
        self._later(partial(self._request, annotated))

    def end(self) -> None:
        """Remove everything; belongs to the executor's thread."""
        for annotated in list(self._subscriptions):
            self._unsubscribe(annotated)
        for client in self._clients.values():
            self._node.destroy_client(client)
        self._clients = {}

    def _subscribe(self, annotated: bool) -> None:
        if annotated not in self._subscriptions and self._clients:
            self._subscriptions[annotated] = self._node.create_subscription(
                VideoMessage,
                CHANNELS[annotated].video,
                partial(self._on_packet, annotated),
                VIDEO_QOS,
            )

    def _unsubscribe(self, annotated: bool) -> None:
        subscription = self._subscriptions.pop(annotated, None)
        if subscription is not None:
            self._node.destroy_subscription(subscription)

    def _request(self, annotated: bool) -> None:
        client = self._clients.get(annotated)
        if client is None or not client.service_is_ready():
            return
        call = self._calls.get(annotated)
        if call is not None:
            # Of an encoder that died there is no answer to wait for, and the keyframe is the answer.
            client.remove_pending_request(call)
        self._calls[annotated] = client.call_async(Trigger.Request())

    def _on_packet(self, annotated: bool, message: VideoMessage) -> None:
        if not self._gates[annotated](message.monotonic_ns):
            self.hold_back(annotated)
            return
        self.hear(
            annotated,
            VideoPacket(
                data=message.data.tobytes(),
                keyframe=message.keyframe,
                live=message.live,
                sequence=message.sequence,
                frame_sequence=message.frame_sequence,
                monotonic_ns=message.monotonic_ns,
                epoch=message.epoch,
                width=message.width,
                height=message.height,
            ),
        )
