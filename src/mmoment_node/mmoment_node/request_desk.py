"""Answers requests that take long, beside a node that must see every picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node

from mmoment_node.managed_node import ManagedNode

# One request that takes seconds, some more, and what cancels the first.
THREADS = 4
# For callbacks that were told to end.
CLOSING_PATIENCE_S = 5.0
# The executor looks up this often whether it is to end.
SPIN_S = 0.2
# Nothing is left to be done for so long: what was sent arrives before the end of this node does, and
# whoever asks for a result just now is answered.
LAST_WORDS_S = 0.3
LOOK_S = 0.01
# A goal keeps what it was asked with, pictures of faces for instance; rclpy's own limit is 15 min.
RESULT_KEPT_S = 10


class RequestDesk:
    """A small node of its own, `OWNER_requests`, whose callbacks may wait.

    Neither executor of rclpy 7 awaits a coroutine without turning in circles, and a callback that
    waits would keep every other message from its node. Services and actions that take longer than
    a picture are served here, in several threads at once. A fault of one ends the owner. Arguments
    of the process, remappings for instance, do not reach this node: the owner's name would.
    """

    def __init__(self, owner: ManagedNode[Any], threads: int = THREADS) -> None:
        """threads: callbacks that may wait at once; started as they are needed."""
        self._owner = owner
        self._node: Node = rclpy.create_node(
            f'{owner.get_name()}_requests',
            namespace=owner.get_namespace(),
            context=owner.context,
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._group = ReentrantCallbackGroup()
        self._executor = MultiThreadedExecutor(threads, context=owner.context)
        self._executor.add_node(self._node)
        self._actions: list[ActionServer] = []
        self._changed = threading.Condition()
        self._running = 0
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None

    def serve(self, kind: Any, name: str, answer: Callable[[Any, Any], Any]) -> None:
        """Serve `name`, of service type `kind`; before `open`."""
        self._node.create_service(kind, name, self._counted(answer), callback_group=self._group)

    def act(self, kind: Any, name: str, execute: Callable[[ServerGoalHandle], Any]) -> None:
        """Serve the action `name` of type `kind`; every goal may be cancelled. Before `open`."""
        self._actions.append(
            ActionServer(
                self._node,
                kind,
                name,
                self._counted(execute),
                callback_group=self._group,
                cancel_callback=lambda handle: CancelResponse.ACCEPT,
                result_timeout=RESULT_KEPT_S,
            )
        )

    def open(self) -> None:
        """Begin to answer."""
        self._thread = self._owner.spawn(self._spin, 'requests')

    def close(self) -> None:
        """Answer no more. Tell callbacks to end before; what they say last still goes out."""
        if self._thread is not None:
            with self._changed:
                self._changed.wait_for(lambda: not self._running, CLOSING_PATIENCE_S)
            self._say_last_words()
            self._is_ending.set()
            self._thread.join(CLOSING_PATIENCE_S)
            self._thread = None
        # rclpy forgets actions when it destroys a node, and its pool when it shuts down.
        for action in self._actions:
            action.destroy()
        self._actions.clear()
        self._executor.shutdown()
        self._executor._executor.shutdown(wait=False)
        self._node.destroy_node()

    def _say_last_words(self) -> None:
        """Wait until answers and results of callbacks that have ended are sent, and have arrived."""
        now_s = quiet_since_s = time.monotonic()
        deadline_s = now_s + CLOSING_PATIENCE_S
        while self._owner.context.ok() and now_s < min(quiet_since_s + LAST_WORDS_S, deadline_s):
            time.sleep(LOOK_S)
            now_s = time.monotonic()
            # Only the tasks know: a result is sent by another one than runs the callback.
            if not all(task.done() for task, *_ in list(getattr(self._executor, '_tasks', ()))):
                quiet_since_s = now_s

    def _spin(self) -> None:
        while not self._is_ending.is_set() and self._owner.context.ok():
            self._executor.spin_once(SPIN_S)

    def _counted(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with self._changed:
                self._running += 1
            try:
                return callback(*arguments)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

        return call
