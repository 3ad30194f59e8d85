"""Nodes that run in a thread of a test."""

from __future__ import annotations

import threading

from rclpy.executors import SingleThreadedExecutor

PATIENCE_S = 30.0


class Spinning:
    """Nodes whose callbacks run, in a thread, as those of a process do."""

    def __init__(self, context, *nodes):
        self._executor = _executor(context)
        for node in nodes:
            self._executor.add_node(node)
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def do(self, work):
        """Have it done by that thread, between two callbacks."""
        done = threading.Event()
        self._executor.create_task(lambda: (work(), done.set()))
        self._executor.wake()
        assert done.wait(PATIENCE_S)

    def end(self):
        self._is_ending.set()
        self._executor.wake()
        self._thread.join(PATIENCE_S)
        self._executor.shutdown()

    def _run(self):
        while not self._is_ending.is_set():
            self._executor.spin_once(timeout_sec=0.2)


def _executor(context):
    """As nodes have it: see managed_node.create_executor."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor(context=context)
    return EventsExecutor(context=context)
