"""The chain over REST, by real nodes and a dev chain: the owner registers the camera, and somebody puts
their sealed face there, fetches it and takes it off again, each by what their own wallet signs.
"""

import base64
import json
import os
import socket
import sys
import urllib.error
import urllib.request
from functools import partial

import pytest
from solders.keypair import Keypair
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from bench.api_process import LINK
from bench.chain_world import ChainProcess
from mmoment_chain import vault
from mmoment_chain.consent_texts import VERSIONS
from mmoment_chain.envelope import Custody, Record, new_record_id
from tests.graph import Graph, wait_until

pytestmark = pytest.mark.graph
BLOCK_MS, FINALIZED_AFTER = 20, 4
PLENTY_LAMPORTS = 10**10
MODEL = 'model-1'
LAUNCH_FILE = """
launch:
- arg:
    name: namespace
    description: Namespace
- group:
    children:
    - push_ros_namespace: {namespace: $(var namespace)}
    - set_parameter: {name: endpoints, value: "['URL']"}
    - set_parameter: {name: flush_s, value: '0.2'}
    - node: {pkg: mmoment_chain, exec: chain_node, name: chain_node, output: screen}
- group:
    children:
    - push_ros_namespace: {namespace: $(var namespace)}
    - set_parameter: {name: domains, value: "['127.0.0.1:PORT']"}
    - node: {pkg: mmoment_chain, exec: session_node, name: session_node, output: screen}
- group:
    children:
    - push_ros_namespace: {namespace: $(var namespace)}
    - set_parameter: {name: port, value: 'PORT'}
    - node: {pkg: mmoment_api, exec: api_node, name: api_node, output: screen}
"""


def ask(url, method, path, body=None, token=''):
    """Status and answer of one request."""
    request = urllib.request.Request(
        f'{url}{path}', None if body is None else json.dumps(body).encode(), method=method
    )
    request.add_header('Content-Type', 'application/json')
    if token:
        request.add_header('Authorization', f'Bearer {token}')
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Somebody:
    """A wallet with something in it, and what the camera lets it do."""

    def __init__(self, url, chain_url):
        self.key = Keypair()
        self.wallet = str(self.key.pubkey())
        self.ask = partial(ask, url)
        self.token = ''
        airdrop = {'jsonrpc': '2.0', 'id': 1, 'method': 'requestAirdrop'}
        airdrop['params'] = [self.wallet, PLENTY_LAMPORTS]
        assert 'result' in ask(chain_url, 'POST', '', airdrop)[1]

    def call(self, method, path, body=None):
        return self.ask(method, path, body, self.token)

    def check_in(self):
        question = f'/api/session/challenge?wallet_address={self.wallet}'
        text = self.ask('GET', question)[1]['message']
        signed = base64.b64encode(bytes(self.key.sign_message(text.encode()))).decode()
        wish = {'wallet_address': self.wallet, 'message': text, 'signature': signed}
        status, answer = self.ask('POST', '/api/checkin', wish)
        assert status == 200, answer
        self.token = answer['session_id']
        return answer

    def signed(self, text):
        """The transaction with the signature of this wallet, as a page places it."""
        sent = VersionedTransaction.from_bytes(base64.b64decode(text))
        place = list(sent.message.account_keys).index(self.key.pubkey())
        signatures = list(sent.signatures)
        signatures[place] = self.key.sign_message(to_bytes_versioned(sent.message))
        whole = VersionedTransaction.populate(sent.message, signatures)
        return base64.b64encode(bytes(whole)).decode()

    def carry_out(self, kind, values):
        """Build, sign and submit, as many as it takes; the last answer, and how many it took."""
        wish = {'kind': kind, 'wallet_address': self.wallet, 'values': values}
        while True:
            status, built = self.call('POST', '/api/chain/transactions', wish)
            assert status == 200, built
            done = {'id': built['id'], 'transaction': self.signed(built['transaction'])}
            status, answer = self.call('POST', '/api/chain/transactions/submit', done)
            assert status == 200, answer
            if built['number'] == built['count']:
                return answer, built['count']
            wish['after'] = built['id']


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    folder = tmp_path_factory.mktemp('chain')
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    with ChainProcess(folder / 'chain', BLOCK_MS, FINALIZED_AFTER) as chain:
        path = folder / 'chain.launch.yaml'
        path.write_text(LAUNCH_FILE.replace('URL', chain.url).replace('PORT', str(port)))
        graph = Graph('none')
        graph.command = [
            *(sys.executable, '-m', 'mmoment_bringup.supervisor', str(path)),
            f'namespace:={graph.namespace}',
        ]
        with graph:
            token = graph.wait_for_output(LINK.pattern).group(3)
            graph.url, graph.chain_url = f'http://127.0.0.1:{port}', chain.url
            body = {'token': token, 'bearer': True}
            graph.owner_token = ask(graph.url, 'POST', '/sign-in', body)[1]['session_token']
            yield graph


def status_of(camera):
    return ask(camera.url, 'GET', '/api/chain/status', token=camera.owner_token)[1]


def test_the_owner_registers_the_camera(camera):
    owner = Somebody(camera.url, camera.chain_url)
    owner.token = camera.owner_token
    wait_until(lambda: status_of(camera)['state'] == 'live', 'the connection to the chain')
    assert status_of(camera)['registered'] is False
    done, _ = owner.carry_out('register_camera', {'name': 'Garden'})
    wait_until(lambda: status_of(camera)['registered'], 'the registration')
    status = status_of(camera)
    assert done['accounts'] == [status['camera_address']]
    assert (status['mode'], status['detail']['owner']) == ('private', owner.wallet)
    info = ask(camera.url, 'GET', '/api/camera/info')[1]
    assert info['camera_pda'] == status['camera_address']
    assert info['device_pubkey'] == status['device']
    again = {'kind': 'register_camera', 'wallet_address': owner.wallet, 'values': {'name': 'Two'}}
    status, refused = owner.call('POST', '/api/chain/transactions', again)
    assert (status, refused['error']) == (409, 'already_there')
    owner.carry_out('create_group', {})


def test_a_face_is_put_there_fetched_and_taken_off_by_its_person_only(camera):
    ann, ben = (Somebody(camera.url, camera.chain_url) for _ in range(2))
    for person in (ann, ben):
        assert person.check_in()['camera_pda'] == status_of(camera)['camera_address']
    record = Record(ann.wallet, MODEL, new_record_id())
    sealed = vault.seal(os.urandom(512), os.urandom(32), record, Custody.USER).to_bytes()
    face = {
        'envelope': base64.b64encode(sealed).decode(),
        'model_id': MODEL,
        'record_id': record.record_id,
        'custody': 'user',
    }
    done, count = ann.carry_out('mint_face', face)
    (mint,) = done['accounts']
    assert count >= 1
    verdict = ann.call('POST', '/api/chain/nft/verify', {'fresh': True})[1]
    assert (verdict['holds'], verdict['mint']) == (True, mint)
    answer = ann.call('GET', '/api/chain/face')[1]
    assert base64.b64decode(answer['envelope']) == sealed
    assert (answer['record_id'], answer['mint']) == (record.record_id, mint)
    assert ben.call('GET', f'/api/chain/face?wallet_address={ann.wallet}')[0] == 403
    assert ben.call('GET', '/api/chain/face')[0] == 404
    assert not ben.call('POST', '/api/chain/nft/verify', {'fresh': True})[1]['holds']
    ann.carry_out('burn_face', {})
    assert not ann.call('POST', '/api/chain/nft/verify', {'fresh': True})[1]['holds']
    assert ann.call('GET', '/api/chain/face')[0] == 404


def test_what_the_camera_keeps_is_put_there_without_naming_it(camera):
    ann = Somebody(camera.url, camera.chain_url)
    ann.check_in()
    status, refused = ann.call('POST', '/api/chain/transactions', {'kind': 'mint_face'})
    assert (status, refused['error']) == (404, 'no_template')
    record = Record(ann.wallet, MODEL, new_record_id())
    sealed = vault.seal(os.urandom(512), os.urandom(32), record, Custody.USER).to_bytes()
    kept = {
        'record_id': record.record_id,
        'model_id': MODEL,
        'envelope': base64.b64encode(sealed).decode(),
        'custody': 'user',
        'consent_version': VERSIONS[0],
    }
    assert ann.call('PUT', '/api/face/template', kept)[0] == 200
    ann.carry_out('mint_face', {})
    assert ann.call('GET', '/api/chain/face')[1]['envelope'] == kept['envelope']


def test_what_concerns_the_camera_its_owner_on_the_chain_has_to_sign(camera):
    ann, ben = (Somebody(camera.url, camera.chain_url) for _ in range(2))
    owner = Somebody(camera.url, camera.chain_url)
    owner.token = camera.owner_token
    wish = {'kind': 'set_active', 'wallet_address': ann.wallet, 'values': {'active': 'no'}}
    status, refused = owner.call('POST', '/api/chain/transactions', wish)
    assert (status, refused['error']) == (403, 'not_owner')
    ben.check_in()
    unsigned = {'id': 'nothing', 'transaction': base64.b64encode(bytes(100)).decode()}
    status, refused = ben.call('POST', '/api/chain/transactions/submit', unsigned)
    assert (status, refused['error']) == (422, 'not_ours')
