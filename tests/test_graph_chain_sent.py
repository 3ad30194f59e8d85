"""Wallets that send what they sign themselves, by real nodes and a dev chain: they send straight to the
chain's RPC server, and the camera is told a signature and nothing else. What learns faces is played.
"""

import base64
import os
from contextlib import contextmanager

import pytest
from rclpy.action import ActionServer
from solders.compute_budget import set_compute_unit_price
from solders.instruction import CompiledInstruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from mmoment_chain import vault
from mmoment_chain.consent_texts import VERSIONS
from mmoment_chain.envelope import Custody, Record, new_record_id
from mmoment_interfaces.action import EnrollFace
from tests.chain_web import MODEL, Somebody, ask, served_camera, status_of
from tests.graph import Listener, wait_until

pytestmark = pytest.mark.graph
BUILD, SUBMIT = '/api/chain/transactions', '/api/chain/transactions/submit'
EXTRACT, CONFIRM = '/api/face/extract-embedding', '/api/face/enroll/confirm'


class SendingWallet(Somebody):
    """Signs nothing without sending it."""

    def rpc(self, method, *params):
        body = {'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': params}
        answer = ask(self.chain_url, 'POST', '', body)[1]
        assert 'result' in answer, answer
        return answer['result']

    def sent(self, text, **options):
        """Sign and send; the signature is all that is told."""
        options = {'encoding': 'base64', **options}
        return self.rpc('sendTransaction', self.signed(text), options)

    def build(self, kind, values=None, **more):
        wish = {'kind': kind, 'wallet_address': self.wallet, 'values': values or {}, **more}
        status, built = self.call('POST', BUILD, wish)
        assert status == 200, built
        assert built['can_be_sent']
        return built

    def handed_over(self, built, signature):
        return self.call('POST', SUBMIT, {'id': built['id'], 'signature': signature})


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    with served_camera(tmp_path_factory.mktemp('chain')) as graph:
        owner = Somebody(graph)
        owner.token = graph.owner_token
        wait_until(lambda: status_of(graph)['state'] == 'live', 'the connection to the chain')
        owner.carry_out('register_camera', {'name': 'Garden'})
        wait_until(lambda: status_of(graph)['registered'], 'the registration')
        owner.carry_out('create_group', {})
        yield graph


@contextmanager
def learning(camera, sealed):
    """Whoever is enrolled meanwhile is learnt at once; what was sealed is in `sealed`."""
    with Listener(camera) as listener:

        def enrol(handle):
            goal = handle.request
            record = Record(goal.identity, MODEL, new_record_id())
            made = vault.seal(os.urandom(512), bytes(goal.owner_key), record, Custody.USER)
            sealed.append(made.to_bytes())
            handle.succeed()
            return EnrollFace.Result(
                success=True, quality=0.9, quality_rating='good', views=5, model_id=MODEL,
                record_id=record.record_id, envelope=sealed[-1],
            )  # fmt: skip

        action = ActionServer(listener.node, EnrollFace, 'enroll_face', enrol)
        try:
            yield
        finally:
            action.destroy()


def enrolled(camera, person, sealed):
    wish = {
        'owner_key': base64.b64encode(os.urandom(32)).decode(),
        'consent_version': VERSIONS[0],
    }
    with learning(camera, sealed):
        status, learnt = person.once_running('POST', EXTRACT, wish)
    assert status == 200, learnt
    assert learnt['transaction_buffer'], learnt
    return learnt


def test_a_face_that_its_wallet_put_there_is_confirmed_by_signatures_alone(camera):
    ann, sealed = SendingWallet(camera), []
    ann.check_in()
    learnt = enrolled(camera, ann, sealed)
    text, count = learnt['transaction_buffer'], 0
    while text:
        signature, count = ann.sent(text), count + 1
        body = {'signature': signature, 'face_id': learnt['face_id']}
        status, done = ann.call('POST', CONFIRM, body)
        assert status == 200, done
        assert (done['transaction_id'], done['face_id']) == (signature, learnt['face_id'])
        text = done['transaction_buffer']
    assert (done['complete'], count) == (True, learnt['transaction_count'])
    assert ann.call('POST', CONFIRM, body) == (status, done)
    verdict = ann.call('POST', '/api/chain/nft/verify', {'fresh': True})[1]
    assert (verdict['holds'], verdict['mint']) == (True, done['mint'])
    face = ann.call('GET', '/api/chain/face')[1]
    assert base64.b64decode(face['envelope']) == sealed[-1]


def dearer(person, text):
    """The same at another price, signed and sent, as wallets do it."""
    message = VersionedTransaction.from_bytes(base64.b64decode(text)).message
    limit, price, *work = message.instructions
    program = price.program_id_index
    data = bytes(set_compute_unit_price(77).data)
    changed = [limit, CompiledInstruction(program, data, price.accounts), *work]
    other = MessageV0(message.header, message.account_keys, message.recent_blockhash, changed, [])
    wire = bytes(VersionedTransaction(other, [person.key]))
    return person.rpc('sendTransaction', base64.b64encode(wire).decode(), {'encoding': 'base64'})


@pytest.fixture
def face():
    record = Record(str(Keypair().pubkey()), MODEL, new_record_id())
    sealed = vault.seal(os.urandom(512), os.urandom(32), record, Custody.USER).to_bytes()
    text = base64.b64encode(sealed).decode()
    return {'envelope': text, 'model_id': MODEL, 'record_id': record.record_id}


def test_of_what_a_wallet_sends_the_chain_says_what_it_was(camera, face):
    ben = SendingWallet(camera)
    ben.check_in()
    built = ben.build('mint_face', face)
    while True:
        minted = ben.sent(built['transaction'])
        status, done = ben.handed_over(built, minted)
        assert (status, done['accounts']) == (200, built['accounts']), done
        if built['number'] == built['count']:
            break
        built = ben.build('mint_face', after=built['id'])

    first, second = ben.build('burn_face'), ben.build('burn_face')
    status, foreign = ben.handed_over(first, minted)
    assert (status, foreign['error']) == (409, 'foreign_transaction')
    signature = dearer(ben, first['transaction'])
    status, burnt = ben.handed_over(first, signature)
    assert (status, burnt['transaction_id']) == (200, signature), burnt
    assert ben.handed_over(first, signature) == (status, burnt)
    assert not ben.call('POST', '/api/chain/nft/verify', {'fresh': True})[1]['holds']
    # There is nothing to burn any more.
    failed = ben.sent(second['transaction'], skipPreflight=True)
    for _ in range(2):
        status, refused = ben.handed_over(second, failed)
        assert (status, refused['error']) == (409, 'refused')


def test_what_no_wallet_has_sent_is_not_taken_for_sent(camera, face):
    eve = SendingWallet(camera)
    eve.check_in()
    built = eve.build('mint_face', face)
    status, unknown = eve.handed_over(built, str(Signature(os.urandom(64))))
    assert (status, unknown['error']) == (409, 'unknown_signature')
    signed = VersionedTransaction.from_bytes(base64.b64decode(eve.signed(built['transaction'])))
    status, expired = eve.handed_over(built, str(signed.signatures[0]))
    assert (status, expired['error']) == (409, 'expired')
    # Nothing is lost: the same is built anew.
    again = eve.build('mint_face', after=built['id'])
    assert (again['number'], again['accounts']) == (1, built['accounts'])
    status, done = eve.handed_over(again, eve.sent(again['transaction']))
    assert status == 200, done
    status, nothing = eve.call('POST', CONFIRM, {'signature': done['transaction_id']})
    assert (status, nothing['error']) == (422, 'not_ours')
