"""What stream_node takes from encoder_node and asks of it, and what it hears of sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from std_srvs.srv import Trigger

from mmoment_interfaces.msg import SessionArray, VideoLimit
from mmoment_interfaces.msg import VideoPacket as VideoMessage
from mmoment_node.managed_node import ManagedNode
from mmoment_stream.encoder_messages import packet_of
from mmoment_stream.encoder_run import NS_PER_S
from mmoment_stream.session_client import CLIENT_QOS
from mmoment_stream.video_channel import VIDEO_CHANNELS
from mmoment_stream.video_packet import VideoPacket
from mmoment_stream.video_qos_topics import LATCHED_QOS, LIMIT_QOS, VIDEO_QOS


class StreamVideo:
    """Takes the packets of one channel while they are needed: the encoder works only then.

    take: is given each packet, in the thread of the node. Safe to use from several threads.
    """

    def __init__(self, node: ManagedNode[Any], take: Callable[[VideoPacket], None]) -> None:
        self._node = node
        self._take = take
        self._lock = threading.Lock()
        self._channel = ''
        self._subscription: Any = None
        self._limited: dict[str, int] = {}
        self.received = 0
        # All from the start: an answer, or a limit, is lost with what was made only for it.
        self._limits = {
            name: node.create_publisher(VideoLimit, channel.limit, LIMIT_QOS)
            for name, channel in VIDEO_CHANNELS.items()
        }
        self._askers = {
            name: KeyframeAsker(node, channel.request_keyframe)
            for name, channel in VIDEO_CHANNELS.items()
        }

    @property
    def is_open(self) -> bool:
        """Whether packets are asked for."""
        return self._subscription is not None

    def settle(self, channel: str, limit_kbps: int) -> bool:
        """Have packets of this channel come, empty: of none; and its encoder keep to a limit, 0: none.

        Returns whether those of another one have come until now: what waits shows something else.
        A limit lapses: to be called once a second.
        """
        with self._lock:
            is_other = channel != self._channel
            self._subscribe(channel)
            for name in VIDEO_CHANNELS:
                self._tell_limit(name, limit_kbps if name == channel else 0)
        return is_other

    def request_keyframe(self) -> None:
        """Ask for a keyframe of the channel; from any thread, at once, and whoever may answer."""
        asker = self._askers.get(self._channel)
        if asker is not None:
            asker.ask()

    def close(self) -> None:
        """Take and ask nothing any more."""
        self.settle('', 0)
        for asker in self._askers.values():
            asker.close()
        for publisher in self._limits.values():
            self._node.destroy_publisher(publisher)

    def _subscribe(self, channel: str) -> None:
        if channel == self._channel:
            return
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
        self._channel = channel
        if channel:
            self._subscription = self._node.create_subscription(
                VideoMessage,
                VIDEO_CHANNELS[channel].video,
                lambda message: self._on_packet(channel, message),
                VIDEO_QOS,
            )

    def _on_packet(self, channel: str, message: VideoMessage) -> None:
        # One may have been on its way when the channel was let go of: it may show what this does not.
        packet = packet_of(message)
        with self._lock:
            if channel == self._channel:
                self.received += 1
                self._take(packet)

    def _tell_limit(self, channel: str, kbps: int) -> None:
        if kbps or self._limited.get(channel):
            asker = self._node.get_fully_qualified_name()
            self._limits[channel].publish(VideoLimit(asker=asker, kbps=kbps))
        self._limited[channel] = kbps


class KeyframeAsker:
    """Calls `request_keyframe` of an encoder, which may be away, or never answer."""

    def __init__(self, node: ManagedNode[Any], name: str) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._client: Any = node.create_client(Trigger, name, qos_profile=CLIENT_QOS)
        self._call: Any = None

    def ask(self) -> None:
        """Ask, without waiting for the answer."""
        with self._lock:
            if self._client is None or not self._client.service_is_ready():
                # An encoder begins with a keyframe when it comes.
                return
            if self._call is not None:
                # Of an encoder that died there is no answer to wait for.
                self._client.remove_pending_request(self._call)
            self._call = self._client.call_async(Trigger.Request())

    def close(self) -> None:
        """Ask no more."""
        with self._lock:
            client, self._client = self._client, None
        self._node.destroy_client(client)


class StreamSessions:
    """Hears of `sessions` until `close`. told: is given when each one expires, s since 1970."""

    def __init__(self, node: ManagedNode[Any], told: Callable[[Iterable[float]], None]) -> None:
        self._node = node
        self._told = told
        self._subscription = node.create_subscription(
            SessionArray, 'sessions', self._on_sessions, LATCHED_QOS
        )

    @property
    def is_anybody_telling(self) -> bool:
        """Whether session_node is there."""
        return bool(self._node.count_publishers('sessions'))

    def close(self) -> None:
        """Hear no more."""
        self._node.destroy_subscription(self._subscription)

    def _on_sessions(self, message: SessionArray) -> None:
        self._told(
            [each.expires.sec + each.expires.nanosec / NS_PER_S for each in message.sessions]
        )
