"""Calls a service of another node from threads that may wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from rclpy.qos import QoSProfile

from mmoment_node.managed_node import ManagedNode

# Every client of a service gets the answers to all others as well: of ten that fit by default, its
# own may be pushed out where many ask.
CLIENT_QOS = QoSProfile(depth=1000)


class ServiceClient:
    """Of one service; any number of threads may ask."""

    def __init__(self, node: ManagedNode[Any], kind: Any, name: str) -> None:
        self._node = node
        # Of the node itself: its thread never waits, so answers always come through.
        self._client = node.create_client(kind, name, qos_profile=CLIENT_QOS)
        self._is_closed = False
        self._changed = threading.Condition()

    def close(self) -> None:
        """Ask no more; whoever waits for an answer is told so at once."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._node.destroy_client(self._client)

    @property
    def is_ready(self) -> bool:
        """Whether the other node is there."""
        with self._changed:
            return not self._is_closed and bool(self._client.service_is_ready())

    def ask(self, request: Any, patience_s: float) -> Any:
        """The answer; None: there was none in that time."""
        (answer,) = self.ask_all([request], patience_s)
        return answer

    def ask_all(self, requests: Sequence[Any], patience_s: float) -> list[Any]:
        """The answers to requests that are asked at once, in their order; None for each without."""
        with self._changed:
            if self._is_closed or not self._client.service_is_ready():
                return [None] * len(requests)
            futures = [self._client.call_async(request) for request in requests]
        for future in futures:
            future.add_done_callback(self._on_answer)
        end_s = time.monotonic() + patience_s
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or all(future.done() for future in futures),
                max(0.0, end_s - time.monotonic()),
            )
        for future in futures:
            self._client.remove_pending_request(future)
        return [future.result() if future.done() else None for future in futures]

    def _on_answer(self, _: Any) -> None:
        with self._changed:
            self._changed.notify_all()
