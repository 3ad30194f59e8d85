"""What all that listen to the topics of the graph have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

WATCH_PERIOD_S = 1.0


class Listening:
    """Subscriptions, and a look now and then at what fell silent; of the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._subscriptions: list[Any] = []
        self._timer: Any = None

    def hear(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        """Subscribe to one topic."""
        self._subscriptions.append(self._node.create_subscription(kind, topic, callback, qos))

    def watch(self, look: Callable[[], None]) -> None:
        """Call `look` once a second."""
        self._timer = self._node.create_timer(WATCH_PERIOD_S, look)

    def close(self) -> None:
        """End all of it."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
