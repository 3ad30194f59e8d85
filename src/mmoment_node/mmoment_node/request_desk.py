"""Answers requests that take long, beside a node that must see every picture."""

from __future__ import annotations

from typing import Any

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node

from mmoment_node.managed_node import ManagedNode

# One request that takes seconds, one more, and what cancels the first.
THREADS = 3
SHUTDOWN_PATIENCE_S = 5.0


class RequestDesk:
    """A small node of its own, `OWNER_requests`, whose callbacks may wait.

    Neither executor of rclpy 7 awaits a coroutine without turning in circles, and a callback that
    waits would keep every other message from its node. Services and actions that take longer than
    a picture are made here: `create_service(..., callback_group=desk.group)` on `desk.node`, from
    the thread that made the desk. Their callbacks run in several threads at once. A fault of one
    ends the owner.
    """

    def __init__(self, owner: ManagedNode[Any]) -> None:
        self.node: Node = rclpy.create_node(
            f'{owner.get_name()}_requests',
            namespace=owner.get_namespace(),
            context=owner.context,
            # The name of the owner, if it was given as an argument, is not this node's as well.
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self.group = ReentrantCallbackGroup()
        self._owner = owner
        self._executor = MultiThreadedExecutor(THREADS, context=owner.context)
        self._executor.add_node(self.node)

    def open(self) -> None:
        """Begin to answer."""
        self._thread = self._owner.spawn(self._executor.spin, 'requests')

    def close(self) -> None:
        """Answer no more; waits a while for the callbacks that run."""
        self._executor.shutdown(timeout_sec=SHUTDOWN_PATIENCE_S)
        if thread := self.__dict__.pop('_thread', None):
            thread.join(SHUTDOWN_PATIENCE_S)
        self.node.destroy_node()
