"""Calls of chain_node and what it says, over real ROS."""

import asyncio
import json
import os
import threading
import time

import pytest
import rclpy
from fake_chain import CAMERA, DEVICE, MINT, STATUS
from people import ANN
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_api.bridge import Bridge
from mmoment_api.chain_control import (
    BuiltTransaction,
    ConfirmedTransaction,
    FaceOnChain,
    NftVerdict,
    TransactionWish,
)
from mmoment_api.chain_known import SILENT_AFTER_S
from mmoment_api.chain_messages import SERVICES
from mmoment_api.chain_topics import ChainTopics
from mmoment_api.errors import ApiError
from mmoment_api.event_models import EVENT_MODELS
from mmoment_api.events import EventHub
from mmoment_api.graph_state import GraphState
from mmoment_interfaces import msg
from mmoment_interfaces.msg import ComponentState, StageStatus
from mmoment_node.spare_domain import spare_domain

pytestmark = pytest.mark.graph

WAIT_S = 10.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
MESSAGE = msg.ChainStatus(
    connection=ComponentState(state=ComponentState.LIVE),
    cluster='localnet',
    endpoint='http://127.0.0.1:8899',
    slot=77,
    program_id=STATUS.program_id,
    camera_address=CAMERA,
    device=DEVICE,
    owner=STATUS.owner,
    registered=True,
    active=True,
    mode='private',
    balance_lamports=5_000_000_000,
    log_here=12,
    log_there=9,
    visits_waiting=1,
    held_back='budget',
    spent_lamports=15_000,
    budget_lamports=20_000,
    last_signature='5' * 88,
)


class Clock:
    """Time that goes on, and can be put forward."""

    def __init__(self):
        self.ahead_s = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead_s


class TwoNodes:
    """The web node's side, and a chain_node that answers as it is told."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=spare_domain())
        namespace = f'test_chain_messages_{os.getpid()}'
        self.own, self.other = (
            rclpy.create_node(name, namespace=namespace, context=self.context)
            for name in ('api_node', 'chain_node')
        )
        self.asked, self.answers = {}, {}
        for name, kind in SERVICES.items():
            self.other.create_service(kind, name, self._answering(name))
        self.stage = self.other.create_publisher(StageStatus, 'stage_status', 5)
        self.other.create_timer(0.2, lambda: self.stage.publish(StageStatus(stage='chain_node')))
        self.status = self.other.create_publisher(msg.ChainStatus, 'chain_status', LATCHED)
        # Said before anybody listens.
        self.status.publish(MESSAGE)
        self.clock = Clock()
        self.state, self.hub = GraphState(self.clock), EventHub()
        self.bridge = Bridge(self.own, self.state, self.hub)
        self.bridge.open()
        self.topics = ChainTopics(self.own, self.state.chain, self.hub)
        self.topics.open()
        self._is_over = threading.Event()
        self._threads = []
        for executor, node in (
            (SingleThreadedExecutor(context=self.context), self.own),
            (MultiThreadedExecutor(2, context=self.context), self.other),
        ):
            executor.add_node(node)
            thread = threading.Thread(target=self._spin, args=(executor,), daemon=True)
            thread.start()
            self._threads.append(thread)
        self.bridge.resume()
        until(lambda: self.state.is_heard('chain_node'))

    def _spin(self, executor):
        while not self._is_over.is_set():
            executor.spin_once(timeout_sec=0.05)

    def _answering(self, name):
        def answer_to(request, answer):
            self.asked[name] = request
            for field, value in self.answers.items():
                setattr(answer, field, value)
            return answer

        return answer_to

    def call(self, method, *arguments, **answer):
        """Await a call that is answered like this."""
        self.answers = {'success': True, **answer}

        async def body():
            return await getattr(self.bridge.chain_calls, method)(*arguments)

        return asyncio.run(body())

    def events_of(self, cause, is_last):
        """The events of type chain until one is the last, as any page gets them."""

        async def body():
            self.hub.bind(asyncio.get_running_loop())
            listener = self.hub.listen({'chain'})
            try:
                cause()
                while True:
                    text = await asyncio.wait_for(listener.next(), WAIT_S)
                    data = json.loads(text)['data']
                    if is_last(data):
                        return data
            finally:
                self.hub.leave(listener)
                self.hub.bind(None)

        return asyncio.run(body())

    def close(self):
        self.bridge.pause()
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self.topics.close()
        self.bridge.close()
        for node in (self.own, self.other):
            node.destroy_node()
        self.context.try_shutdown()


def until(condition):
    deadline_s = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, 'it never came true'
        time.sleep(0.02)
    return value


@pytest.fixture(scope='module')
def graph():
    nodes = TwoNodes()
    yield nodes
    nodes.close()


def test_what_was_said_before_is_known(graph):
    assert until(graph.state.chain.last) == STATUS


def test_building(graph):
    wish = TransactionWish('grant', ANN, 's1', (('for', ANN), ('rights', 'view')))
    built = graph.call(
        'build',
        wish,
        id='b1',
        number=1,
        count=2,
        transaction='AA==',
        summary=['One', 'Two'],
        fee_lamports=10_000,
        rent_lamports=2**40,
        last_valid_height=500,
        message='Sign',
    )
    assert built == BuiltTransaction('b1', 'AA==', ('One', 'Two'), 1, 2, 10_000, 2**40, 500, 'Sign')
    asked = graph.asked['build_transaction']
    assert (asked.kind, asked.wallet, asked.session_id) == ('grant', ANN, 's1')
    assert (list(asked.names), list(asked.values)) == (['for', 'rights'], [ANN, 'view'])


def test_submitting(graph):
    done = graph.call(
        'submit', 'b1', 'AA==', signature='4' * 88, slot=79, accounts=[MINT], message='Done'
    )
    assert done == ConfirmedTransaction('4' * 88, 79, (MINT,), 'Done')
    asked = graph.asked['submit_transaction']
    assert (asked.id, asked.transaction) == ('b1', 'AA==')


def test_looking(graph):
    verdict = graph.call(
        'verify', ANN, 'face', True, holds=True, reason='holds', mint=MINT, slot=78, message='Yes'
    )
    assert verdict == NftVerdict(True, 'holds', MINT, 78, 'Yes')
    asked = graph.asked['verify_nft']
    assert (asked.wallet, asked.rule, asked.fresh) == (ANN, 'face', True)
    face = graph.call('face', ANN, envelope=b'sealed', model_id='m', record_id='r', mint=MINT)
    assert face == FaceOnChain(b'sealed', 'm', 'r', MINT)
    assert graph.asked['fetch_face'].wallet == ANN


@pytest.mark.parametrize(
    ('method', 'arguments', 'code', 'status'),
    [
        ('build', (TransactionWish('close_camera', ANN),), 'would_fail', 409),
        ('submit', ('b1', 'AA=='), 'expired', 409),
        ('verify', (ANN, 'nonsense', False), 'bad_rule', 422),
        ('face', (ANN,), 'none', 404),
    ],
)
def test_refusals(graph, method, arguments, code, status):
    with pytest.raises(ApiError) as refusal:
        graph.call(method, *arguments, success=False, error_code=code, message='Why')
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert refusal.value.message == 'Why'


def test_each_status_is_an_event_and_silence_is_one(graph):
    data = graph.events_of(lambda: graph.status.publish(MESSAGE), lambda data: data['running'])
    EVENT_MODELS['chain'].model_validate(data, strict=True)
    assert EVENT_MODELS['chain'].model_fields.keys() == data.keys()
    assert (data['registered'], data['camera_address']) == (True, CAMERA)
    # Costs, and whose camera it is, are not for everybody who looks.
    assert STATUS.owner not in json.dumps(data)
    assert '5000000000' not in json.dumps(data)
    try:
        data = graph.events_of(
            lambda: setattr(graph.clock, 'ahead_s', SILENT_AFTER_S),
            lambda data: not data['running'],
        )
        assert (data['state'], data['camera_address']) == ('silent', CAMERA)
    finally:
        graph.clock.ahead_s = 0.0
    data = graph.events_of(lambda: graph.status.publish(MESSAGE), lambda data: data['running'])
    assert data['state'] == 'live'
