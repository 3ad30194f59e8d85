"""session_node and chain_node with a dev chain, handled from the command line: what is logged is proven there."""

import json
import subprocess
import sys

import pytest
from solders.keypair import Keypair

from bench.chain_world import ChainProcess
from mmoment_interfaces.srv import CheckIn, CheckOut, CreateChallenge
from tests.graph import Graph, Listener, wait_until

pytestmark = pytest.mark.graph
BLOCK_MS, FINALIZED_AFTER = 20, 4
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
    - node: {pkg: mmoment_chain, exec: session_node, name: session_node, output: screen}
"""


class Commands:
    """`./mmoment chain` for the camera of a graph."""

    def __init__(self, graph, chain):
        self._more = ['--rpc', chain.url, '--namespace', graph.namespace]
        self._more += ['--data-folder', graph._data.name, '--json']

    def __call__(self, *words):
        command = [sys.executable, '-m', 'mmoment_chain.chain_command', *words, *self._more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def visit(listener):
    """Somebody checks in and out."""
    person = Keypair()
    wallet = str(person.pubkey())
    asked = CreateChallenge.Request(wallet=wallet)
    text = listener.call(CreateChallenge, 'create_challenge', asked).text
    signature = str(person.sign_message(text.encode()))
    signed = CheckIn.Request(wallet=wallet, message=text, signature=signature)
    answer = listener.call(CheckIn, 'check_in', signed)
    assert answer.success, answer.message
    gone = listener.call(CheckOut, 'check_out', CheckOut.Request(token=answer.token))
    assert gone.success, gone.message


def test_a_camera_is_registered_and_its_log_is_proven_on_the_chain(tmp_path):
    with ChainProcess(tmp_path / 'chain', BLOCK_MS, FINALIZED_AFTER) as chain:
        path = tmp_path / 'chain.launch.yaml'
        path.write_text(LAUNCH_FILE.replace('URL', chain.url))
        graph = Graph('none')
        graph.command = [
            *(sys.executable, '-m', 'mmoment_bringup.supervisor', str(path)),
            f'namespace:={graph.namespace}',
        ]
        with graph, Listener(graph) as listener:
            graph.wait_until_ready()
            commands = Commands(graph, chain)
            assert not commands('status')['is_registered']
            assert commands('register', '--owner', 'demo', '--name', 'Front door')['is_done']
            graph.wait_for_output('the camera is registered on the chain')
            visit(listener)

            def is_told():
                status = commands('status')
                return (status['log_count'], status['visits'], status['visits_waiting']) == (
                    2,
                    1,
                    0,
                )

            wait_until(is_told, 'log and visit on the chain')
            verdict = commands('log', 'verify')
            assert (verdict['is_good'], verdict['with_own_log']) == (True, True)
            assert verdict['records'] == 2
            assert graph.stop() == 0
