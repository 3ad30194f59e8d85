"""A bridge of a real node, and a node that plays all the others."""

import asyncio
import threading
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_api import bridge as bridge_module
from mmoment_api.bridge import Bridge
from mmoment_api.events import EventHub
from mmoment_api.graph_state import GraphState

WAIT_S = 10.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def until(condition, again=lambda: None):
    """Wait for a condition, doing something again and again meanwhile."""
    deadline_s = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, 'it never came true'
        again()
        time.sleep(0.02)
    return value


class TwoNodes:
    """The bridge's node and a node that plays all others, each in a thread of its own."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context)
        self.own = self._node('api_node')
        self.other = self._node('overlay_node')
        for name in bridge_module.LAYER_PARAMETERS:
            self.other.declare_parameter(name, True)
        self.state, self.events = GraphState(time.monotonic), EventHub()
        self.bridge = Bridge(self.own, self.state, self.events)
        self.bridge.open()
        self._ended = threading.Event()
        self._threads = []
        for node in (self.own, self.other):
            executor = SingleThreadedExecutor(context=self.context)
            executor.add_node(node)
            thread = threading.Thread(target=self._spin, args=(executor,), daemon=True)
            thread.start()
            self._threads.append(thread)
        self.bridge.resume()

    def _node(self, name):
        return rclpy.create_node(name, namespace=self.namespace, context=self.context)

    def _spin(self, executor):
        while not self._ended.is_set():
            executor.spin_once(timeout_sec=0.1)

    def close(self):
        self.bridge.pause()
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.bridge.close()
        for node in (self.own, self.other):
            node.destroy_node()
        self.context.try_shutdown()

    def call(self, method, *arguments):
        """Await a method of the bridge, as the event loop does."""

        async def body():
            return await getattr(self.bridge, method)(*arguments)

        return asyncio.run(body())
