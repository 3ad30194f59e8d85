"""session_node is killed at random moments while people check in: nothing acknowledged is lost.

`MMOMENT_CRASH_ROUNDS` sets how often (default 3).
"""

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from solders.keypair import Keypair

from mmoment_chain import event_log, session_records
from mmoment_chain.clock import SystemClock
from mmoment_chain.places import STORE_NAME
from mmoment_chain.store import Store
from mmoment_interfaces.srv import CheckIn, CheckOut, CreateChallenge, GetSession
from tests.graph import START_PATIENCE_S, Graph, Listener, is_running, wait_until

pytestmark = pytest.mark.graph

ROUNDS = int(os.environ.get('MMOMENT_CRASH_ROUNDS', '3'))
CLIENTS = 4
ANSWER_PATIENCE_S = 3.0
# The supervisor waits longer each time, up to 15 s; then the node starts and is discovered.
BACK_WITHIN_S = 45.0
# Before the kill
SHORTEST_S, LONGEST_S = 0.05, 2.0

LAUNCH_FILE = """
launch:
- arg:
    name: namespace
    description: Namespace
- group:
    children:
    - push_ros_namespace: {namespace: $(var namespace)}
    - set_parameter: {name: sessions_at_most, value: '1000'}
    - set_parameter: {name: source_burst, value: '100000'}
    - set_parameter: {name: wallet_burst, value: '100000'}
    - set_parameter: {name: answer_burst, value: '100000'}
    - node:
        pkg: mmoment_chain
        exec: session_node
        name: session_node
        output: screen
        ros_args: --log-level warn
        respawn: 'true'
        respawn_delay: 1.0
"""


class Ledger:
    """What the camera has acknowledged."""

    def __init__(self) -> None:
        self.live: dict[str, str] = {}  # token: session id
        self.ended: set[str] = set()  # tokens
        self.unsure: set[str] = set()  # tokens whose check-out was not answered
        self.operations = 0


class Client(threading.Thread):
    """Somebody who checks in, acts, renews and checks out, as fast as the camera answers."""

    def __init__(self, listener: Listener, ledger: Ledger, seed: int) -> None:
        super().__init__(daemon=True)
        self.listener = listener
        self.ledger = ledger
        self.random = random.Random(seed)
        self.own: list[str] = []
        self.is_wanted = True
        self.problem = ''

    def run(self) -> None:
        while self.is_wanted and not self.problem:
            choices = [self.check_in]
            if self.own:
                choices += [self.look, self.renew]
            if len(self.own) > 3:
                choices.append(self.check_out)
            try:
                self.random.choice(choices)()
            except TimeoutError:
                continue

    def call(self, kind, service, **fields):
        clients = self.__dict__.setdefault('clients', {})
        if service not in clients:
            clients[service] = self.listener.node.create_client(kind, service)
        done = threading.Event()
        future = clients[service].call_async(kind.Request(**fields))
        future.add_done_callback(lambda _: done.set())
        if not done.wait(ANSWER_PATIENCE_S):
            clients[service].remove_pending_request(future)
            raise TimeoutError(service)
        self.ledger.operations += 1
        return future.result()

    def check_in(self) -> None:
        keypair = Keypair()
        wallet = str(keypair.pubkey())
        challenge = self.call(CreateChallenge, 'create_challenge', wallet=wallet)
        signature = str(keypair.sign_message(challenge.text.encode()))
        answer = self.call(
            CheckIn, 'check_in', wallet=wallet, message=challenge.text, signature=signature
        )
        if not answer.success:
            self.problem = f'check_in: {answer.error_code} {answer.message}'
            return
        self.ledger.live[answer.token] = answer.session.session_id
        self.own.append(answer.token)

    def look(self) -> None:
        token = self.random.choice(self.own)
        answer = self.call(GetSession, 'get_session', token=token)
        if not answer.success:
            self.problem = f'a live token is refused: {answer.error_code}'

    def renew(self) -> None:
        token = self.random.choice(self.own)
        answer = self.call(GetSession, 'get_session', token=token, renew=True)
        if not answer.success:
            self.problem = f'a live token is not renewed: {answer.error_code}'
            return
        self.own.remove(token)
        self.own.append(answer.new_token)
        self.ledger.live[answer.new_token] = self.ledger.live.pop(token)

    def check_out(self) -> None:
        token = self.own.pop(0)
        self.ledger.unsure.add(token)
        self.ledger.live.pop(token)
        answer = self.call(CheckOut, 'check_out', token=token)
        self.ledger.unsure.discard(token)
        self.ledger.ended.add(token)
        if not answer.success:
            self.problem = f'check_out: {answer.error_code}'


@pytest.fixture
def graph(tmp_path):
    path = tmp_path / 'sessions.launch.yaml'
    path.write_text(LAUNCH_FILE, encoding='utf-8')
    graph = Graph('pattern')
    graph.command = [
        *(sys.executable, '-m', 'mmoment_bringup.supervisor', str(path)),
        f'namespace:={graph.namespace}',
    ]
    with graph:
        graph.wait_for_output(r'[Rr]eady', START_PATIENCE_S)
        yield graph


def open_tokens(client, tokens):
    """Session id by token, for each that opens one, as soon as the camera answers again."""
    found = {}
    for token in tokens:
        end = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                answer = client.call(GetSession, 'get_session', token=token)
                break
            except TimeoutError:
                assert time.monotonic() < end, 'session_node does not answer again'
        if answer.success:
            found[token] = answer.session.session_id
    return found


def test_nothing_acknowledged_is_lost(graph):
    store_path = Path(graph._data.name, 'cameras', graph.namespace, STORE_NAME)
    ledger = Ledger()
    moments = random.Random(4)
    with Listener(graph) as listener:
        clients = [Client(listener, ledger, seed) for seed in range(CLIENTS)]
        checker = Client(listener, ledger, 0)
        own: list[list[str]] = [[] for _ in clients]
        for _ in range(ROUNDS):
            open_tokens(checker, list(ledger.live)[:1] or ['A' * 43])
            clients = [Client(listener, ledger, moments.random()) for _ in range(CLIENTS)]
            for client, tokens in zip(clients, own, strict=True):
                client.own = tokens
                client.start()
            time.sleep(moments.uniform(SHORTEST_S, LONGEST_S))
            pid = graph.pids['session_node']
            os.kill(pid, signal.SIGKILL)
            for client in clients:
                client.is_wanted = False
            killed_s = time.monotonic()
            for client in clients:
                client.join(3 * ANSWER_PATIENCE_S)
                assert not client.problem
            own = [client.own for client in clients]
            wait_until(
                lambda pid=pid: graph.pids['session_node'] != pid and not is_running(pid),
                'the next process',
                BACK_WITHIN_S,
            )
            assert open_tokens(checker, ledger.live) == ledger.live
            assert time.monotonic() - killed_s < BACK_WITHIN_S
            assert open_tokens(checker, ledger.ended) == {}
            with (
                Store(store_path, SystemClock(), read_only=True) as store,
                store.reading() as query,
            ):
                verdict = event_log.verify(query)
                assert verdict.is_good, verdict.reason
                kept = {session.id for session in session_records.open_sessions(query)}
                kinds = [event.kind for event in event_log.read(query, limit=-1)]
            assert set(ledger.live.values()) <= kept
            # What was begun as the process was killed is there whole or not at all.
            assert kinds.count('checked_in') - kinds.count('checked_out') == len(kept)
    assert ledger.operations > 10 * ROUNDS
    assert graph.stop() == 0
    print(f'{ledger.operations} operations, {len(ledger.live)} sessions, {ROUNDS} kills')


def test_its_memory_is_closed_to_core_dumps_and_others(graph):
    limits = Path(f'/proc/{graph.pids["session_node"]}/limits').read_text(encoding='utf-8')
    (line,) = [one for one in limits.splitlines() if one.startswith('Max core file size')]
    assert line.split()[4:6] == ['0', '0']
    for path in Path(graph._data.name).rglob('*'):
        if 'cameras' in path.parts and path.parent.name != 'cameras' and path.name != 'cameras':
            assert path.stat().st_mode & 0o077 == 0, path
