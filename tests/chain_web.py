"""A camera with its nodes for the web and the chain, on a dev chain, and people with wallets."""

import base64
import json
import socket
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import partial

from solders.keypair import Keypair
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from bench.api_process import LINK
from bench.chain_world import ChainProcess
from tests.graph import Graph, wait_until

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

    def __init__(self, camera):
        self.chain_url = camera.chain_url
        self.key = Keypair()
        self.wallet = str(self.key.pubkey())
        self.ask = partial(ask, camera.url)
        self.token = ''
        airdrop = {'jsonrpc': '2.0', 'id': 1, 'method': 'requestAirdrop'}
        airdrop['params'] = [self.wallet, PLENTY_LAMPORTS]
        assert 'result' in ask(self.chain_url, 'POST', '', airdrop)[1]

    def call(self, method, path, body=None):
        return self.ask(method, path, body, self.token)

    def once_running(self, method, path, body=None):
        """Status and answer, once the part that is asked is known to run."""
        answers = []

        def is_answered():
            answers.append(self.call(method, path, body))
            return answers[-1][1].get('error') != 'part_not_running'

        wait_until(is_answered, path)
        return answers[-1]

    def check_in(self):
        question = f'/api/session/challenge?wallet_address={self.wallet}'
        text = self.once_running('GET', question)[1]['message']
        signed = base64.b64encode(bytes(self.key.sign_message(text.encode()))).decode()
        wish = {'wallet_address': self.wallet, 'message': text, 'signature': signed}
        status, answer = self.once_running('POST', '/api/checkin', wish)
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


@contextmanager
def served_camera(folder):
    """Its graph, with url, owner_token and chain_url."""
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
    """How it is on the chain, for its owner."""
    return ask(camera.url, 'GET', '/api/chain/status', token=camera.owner_token)[1]
