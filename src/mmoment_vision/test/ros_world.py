"""Nodes under test in a context, domain and namespace of their own, spun by a thread."""

import contextlib
import secrets
import threading
import time

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from rclpy.exceptions import InvalidHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from mmoment_camera.frame_topic import FramePublisher
from mmoment_node.spare_domain import spare_domain

PERIOD_S = 1 / 15


class RosWorld:
    """A tester node and the nodes started with `start`."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=spare_domain())
        self.namespace = f'test_{secrets.token_hex(4)}'
        self.executor = SingleThreadedExecutor(context=self.context)
        self.tester = rclpy.create_node('tester', namespace=self.namespace, context=self.context)
        self.executor.add_node(self.tester)
        self.camera = FramePublisher(self.tester, 'frames', channel='clean')
        self._nodes = []
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._is_closing.is_set():
            # Tests begin and end parts of nodes in their own thread, which may be just when this one
            # is about to wait for them.
            with contextlib.suppress(InvalidHandle):
                self.executor.spin_once(timeout_sec=0.2)

    def start(self, node_class, **parameters):
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = node_class(
            context=self.context, namespace=self.namespace, parameter_overrides=overrides
        )
        self._nodes.append(node)
        self.executor.add_node(node)
        node.bring_up(lambda: None)
        return node

    def end(self, node) -> None:
        """End a node as its process would, with nothing that it knew."""
        self._nodes.remove(node)
        self.executor.remove_node(node)
        node.shut_down()
        node.destroy_node()

    def listen(self, message_class, topic, depth=50):
        """What arrives on a topic from now on."""
        arrived = []
        self.tester.create_subscription(message_class, topic, arrived.append, depth)
        return arrived

    def show(self, picture, seconds=0.0, until=lambda: False, live=True, also=lambda notice: None):
        """Publish a picture again and again until a condition holds, at least once.

        `also` is called with each notice. Fails when the condition does not hold in time.
        """
        deadline = time.monotonic() + (seconds or 20.0)
        while True:
            now_ns = time.monotonic_ns()
            notice = self.camera.publish(
                picture,
                stamp=Time(sec=1000, nanosec=now_ns % 10**9),
                frame_id='camera_optical_frame',
                monotonic_ns=now_ns,
                live=live,
            )
            also(notice)
            time.sleep(PERIOD_S)
            if until():
                return
            if time.monotonic() > deadline:
                assert seconds, 'not seen in time'
                return

    def close(self) -> None:
        for node in self._nodes:
            node.shut_down()
        self.camera.close()
        self._is_closing.set()
        self.executor.wake()
        self._thread.join(10)
        self.executor.shutdown()
        for node in (*self._nodes, self.tester):
            node.destroy_node()
        rclpy.shutdown(context=self.context)


def grey(height=240, width=320):
    return np.full((height, width, 3), 90, np.uint8)
