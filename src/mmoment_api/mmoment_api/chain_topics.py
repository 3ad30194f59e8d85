"""What `chain_node` says by itself: how the camera is on the chain."""

from __future__ import annotations

from rclpy.node import Node

from mmoment_api.chain_known import ChainKnown
from mmoment_api.chain_messages import chain_status
from mmoment_api.chain_models import chain_data
from mmoment_api.events import EventHub
from mmoment_api.graph_topics import STATE_QOS
from mmoment_api.listening_topics import Listening
from mmoment_interfaces.msg import ChainStatus


class ChainTopics:
    """The subscription; `open` and `close` belong to the executor's thread."""

    def __init__(self, node: Node, known: ChainKnown, events: EventHub) -> None:
        self._listening = Listening(node)
        self._known = known
        self._events = events
        self._is_told_silent = True

    def open(self) -> None:
        """Subscribe."""
        self._listening.hear(ChainStatus, 'chain_status', self._on_status, STATE_QOS)
        self._listening.watch(self._tell_silence)

    def close(self) -> None:
        """Unsubscribe."""
        self._listening.close()

    def _on_status(self, message: ChainStatus) -> None:
        self._known.hear(chain_status(message))
        self._is_told_silent = False
        self._events.publish('chain', chain_data(self._known))

    def _tell_silence(self) -> None:
        # Every new listener would be told that it still works.
        if self._known.has_gone_silent() and not self._is_told_silent:
            self._is_told_silent = True
            self._events.publish('chain', chain_data(self._known))
