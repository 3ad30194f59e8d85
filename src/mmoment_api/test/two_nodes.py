"""Two real nodes in one process: the web node's side, and one that plays another part."""

import asyncio
import json
import threading
import time
from contextlib import ExitStack

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_api.bridge import Bridge
from mmoment_api.events import EventHub, nobody
from mmoment_api.graph_state import GraphState
from mmoment_interfaces.msg import StageStatus
from mmoment_node.spare_domain import spare_domain

WAIT_S = 10.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Clock:
    """Time that goes on, and can be put forward."""

    def __init__(self):
        self.ahead_s = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead_s


def until(condition, again=lambda: None):
    """Wait for a condition, doing something again and again meanwhile."""
    deadline_s = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, 'it never came true'
        again()
        time.sleep(0.02)
    return value


class TwoNodes:
    """The bridge's node and a node that plays a part, each in a thread of its own."""

    PART = ''
    OWN_EXECUTOR = OTHER_EXECUTOR = SingleThreadedExecutor

    def __init__(self, namespace, domain=None):
        self.closing = ExitStack()
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=domain)
        self.closing.callback(self.context.try_shutdown)
        self.own, self.other = (
            rclpy.create_node(name, namespace=namespace, context=self.context)
            for name in ('api_node', self.PART)
        )
        for node in (self.other, self.own):
            self.closing.callback(node.destroy_node)
        self.play()
        self.clock = Clock()
        self.state, self.hub = GraphState(self.clock), EventHub()
        self.bridge = Bridge(self.own, self.state, self.hub)
        self.bridge.open()
        self.closing.callback(self.bridge.close)
        self.hear()
        self._spin_both()
        self.bridge.resume()
        self.closing.callback(self.bridge.pause)

    def play(self):
        """What the other node is and says before anybody listens."""

    def hear(self):
        """What the web node listens to, beside its bridge."""

    def _spin_both(self):
        is_over = threading.Event()

        def spin(executor):
            while not is_over.is_set():
                executor.spin_once(timeout_sec=0.05)

        for executor, node in (
            (self.OWN_EXECUTOR(context=self.context), self.own),
            (self.OTHER_EXECUTOR(context=self.context), self.other),
        ):
            executor.add_node(node)
            thread = threading.Thread(target=spin, args=(executor,), daemon=True)
            thread.start()
            self.closing.callback(thread.join)
        self.closing.callback(is_over.set)

    def close(self):
        self.closing.close()


class PartNodes(TwoNodes):
    """The web node's side of one part, and that part, which answers as it is told.

    asked: the requests of the last call, by their service.
    """

    SERVICES = {}
    # Where the bridge has the calls of this part.
    CALLS = ''
    # Methods whose service has another name.
    SERVICE_OF = {}

    def __init__(self, namespace):
        self.asked, self.answer = {}, {}
        super().__init__(namespace, spare_domain())
        until(lambda: self.state.is_heard(self.PART))

    def play(self):
        for name, kind in self.SERVICES.items():
            self.other.create_service(kind, name, self._answering(name))
        stage = self.other.create_publisher(StageStatus, 'stage_status', 5)
        self.other.create_timer(0.2, lambda: stage.publish(StageStatus(stage=self.PART)))

    def listen_by(self, topics):
        """Open the topics of the part, as the web node does."""
        topics.open()
        self.closing.callback(topics.close)

    def _answering(self, name):
        def answer_to(request, answer):
            self.asked[name] = request
            for field, value in self.answer.items():
                setattr(answer, field, value)
            return answer

        return answer_to

    def start(self, method, *arguments):
        """Await a call."""

        async def body():
            return await getattr(getattr(self.bridge, self.CALLS), method)(*arguments)

        return asyncio.run(body())

    def call(self, method, *arguments, **answer):
        """Await a call whose service is answered like this: what came of it, and the request."""
        self.asked, self.answer = {}, {'success': True, **answer}
        result = self.start(method, *arguments)
        return result, self.asked[self.SERVICE_OF.get(method, method)]

    def listening(self, types, scenario, may_know=nobody):
        """Run a scenario that is given how to wait for the next event, as any page gets them."""

        async def body():
            self.hub.bind(asyncio.get_running_loop())
            listener = self.hub.listen(types, may_know)

            async def heard():
                return json.loads(await asyncio.wait_for(listener.next(), WAIT_S))

            try:
                return await scenario(heard)
            finally:
                self.hub.leave(listener)
                self.hub.bind(None)

        return asyncio.run(body())
