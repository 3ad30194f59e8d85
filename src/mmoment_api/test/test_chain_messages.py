"""Calls of chain_node and what it says, over real ROS."""

import json
import os

import pytest
from fake_chain import CAMERA, DEVICE, MINT, STATUS
from people import ANN
from two_nodes import LATCHED, PartNodes, until

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
from mmoment_interfaces import msg
from mmoment_interfaces.msg import ComponentState

pytestmark = pytest.mark.graph

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


class ChainNodes(PartNodes):
    """The web node's side, and a chain_node that answers as it is told."""

    PART, SERVICES, CALLS = 'chain_node', SERVICES, 'chain_calls'
    SERVICE_OF = {
        'build': 'build_transaction',
        'submit': 'submit_transaction',
        'confirm': 'submit_transaction',
        'verify': 'verify_nft',
        'face': 'fetch_face',
    }

    def play(self):
        super().play()
        self.status = self.other.create_publisher(msg.ChainStatus, 'chain_status', LATCHED)
        # Said before anybody listens.
        self.status.publish(MESSAGE)

    def hear(self):
        self.listen_by(ChainTopics(self.own, self.state.chain, self.hub))

    def events_of(self, cause, is_last):
        """The events of type chain until one is the last, as any page gets them."""

        async def scenario(heard):
            cause()
            while not is_last(data := (await heard())['data']):
                pass
            return data

        return self.listening({'chain'}, scenario)


@pytest.fixture(scope='module')
def graph():
    nodes = ChainNodes(f'test_chain_messages_{os.getpid()}')
    yield nodes
    nodes.close()


def test_what_was_said_before_is_known(graph):
    assert until(graph.state.chain.last) == STATUS


def test_building(graph):
    wish = TransactionWish('grant', ANN, 's1', (('for', ANN), ('rights', 'view')))
    built, asked = graph.call(
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
        wallet_can_send=True,
        accounts=[MINT],
    )
    assert built == BuiltTransaction(
        'b1', 'AA==', True, (MINT,), ('One', 'Two'), 1, 2, 10_000, 2**40, 500, 'Sign'
    )
    assert (asked.kind, asked.wallet, asked.session_id) == ('grant', ANN, 's1')
    assert (list(asked.names), list(asked.values)) == (['for', 'rights'], [ANN, 'view'])


def test_submitting(graph):
    done, asked = graph.call(
        'submit', 'b1', 'AA==', signature='4' * 88, slot=79, accounts=[MINT], message='Done'
    )
    assert done == ConfirmedTransaction('4' * 88, 79, (MINT,), 'Done')
    assert (asked.id, asked.transaction, asked.signature) == ('b1', 'AA==', '')


def test_what_a_wallet_has_sent(graph):
    done, asked = graph.call('confirm', 'b1', '5' * 88, signature='5' * 88, slot=79)
    assert done == ConfirmedTransaction('5' * 88, 79)
    assert (asked.id, asked.transaction, asked.signature) == ('b1', '', '5' * 88)


def test_looking(graph):
    verdict, asked = graph.call(
        'verify', ANN, 'face', True, holds=True, reason='holds', mint=MINT, slot=78, message='Yes'
    )
    assert verdict == NftVerdict(True, 'holds', MINT, 78, 'Yes')
    assert (asked.wallet, asked.rule, asked.fresh) == (ANN, 'face', True)
    face, asked = graph.call(
        'face', ANN, envelope=b'sealed', model_id='m', record_id='r', mint=MINT
    )
    assert face == FaceOnChain(b'sealed', 'm', 'r', MINT)
    assert asked.wallet == ANN


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
