"""What all calls of another node's services have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from rclpy.client import Client
from rclpy.node import Node
from rclpy.qos import QoSProfile

# Every client of a service gets the answers to all others as well: of ten that fit by default, its
# own may be pushed out where many ask.
CLIENT_QOS = QoSProfile(depth=1000)
Call = Callable[[Client, Any, str, float | None], Awaitable[Any]]


class ServiceCalls:
    """Clients of the services of one part of the camera, from `open` to `close`.

    call: asks a service of a node; raises `ApiError` where it is not there or does not answer.
    """

    PART: ClassVar[str]
    """Who is asked, in errors."""
    SERVICES: ClassVar[Mapping[str, type]]
    """Types of the services, by name."""

    def __init__(self, node: Node, call: Call) -> None:
        self._node = node
        self._call = call
        self._clients: dict[str, Client] = {}

    def open(self) -> None:
        """Prepare the services."""
        self._clients = {
            name: self._node.create_client(kind, name, qos_profile=CLIENT_QOS)
            for name, kind in self.SERVICES.items()
        }

    def close(self) -> None:
        """Give them back."""
        for client in self._clients.values():
            self._node.destroy_client(client)
        self._clients = {}

    async def ask(self, name: str, request: Any, wait_s: float | None = None) -> Any:
        """The answer of a service, also where it refuses; wait_s: None for the usual patience."""
        return await self._call(self._clients[name], request, self.PART, wait_s)
