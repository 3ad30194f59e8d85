"""Whatever goes wrong on the way, the chain has every event and every visit once in the end.

MMOMENT_FAULT_ROUNDS sets how many rounds of each fault there are. The fixture `chance` picks faults
and moments: a test that fails tells its seed.
"""

import asyncio
import itertools
import os
import threading
import time

import pytest
from outbox_world import CameraWorld, dev_chain
from tcp_proxy import TcpProxy

from mmoment_chain.devchain_faults import Fault, FaultKind

pytestmark = pytest.mark.graph
ROUNDS = int(os.environ.get('MMOMENT_FAULT_ROUNDS', '1'))
SEND, ACCOUNT, STATUS = 'sendTransaction', 'getAccountInfo', 'getSignatureStatuses'
BLOCKHASH, SIMULATE, EPOCH = 'getLatestBlockhash', 'simulateTransaction', 'getEpochInfo'
METHODS = (SEND, ACCOUNT, STATUS, BLOCKHASH, SIMULATE, EPOCH)
# More than the client waits for an answer.
LONG_S = 1.2
# As long as a blockhash lives, and longer.
PAST_BLOCKHASHES = 160
_numbers = itertools.count(1)


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with dev_chain(tmp_path_factory.mktemp('chain')) as running:
        yield running


@pytest.fixture
def world(server, tmp_path):
    with CameraWorld(tmp_path / 'camera', [server.url], f'faults {next(_numbers)}') as made:
        made.register()
        yield made
    server.faults.clear()


class Visitors:
    """People who come and go; each round leaves something of every kind to be told."""

    def __init__(self, world):
        self.world = world
        self.here = []

    def move(self, events=25):
        for session in self.here:
            self.world.go(session)
        self.world.log(events)
        self.world.go(self.world.come())
        self.here = [self.world.come()]


def few(chance, kind, methods=METHODS, **fields):
    """Some faults of a kind, at moments that chance finds."""
    return [
        Fault(kind, (chance.choice(methods),), skips=chance.randrange(4), **fields)
        for _ in range(3)
    ]


FAULTS = {
    'delay': lambda chance: few(chance, FaultKind.DELAY, seconds=chance.choice((0.05, LONG_S))),
    'too_many': lambda chance: few(chance, FaultKind.TOO_MANY, seconds=0.05),
    'close': lambda chance: few(chance, FaultKind.CLOSE),
    'lose_answer': lambda chance: few(chance, FaultKind.LOSE_ANSWER),
    'error': lambda chance: few(chance, FaultKind.ERROR, code=-32603, message='internal'),
    'behind': lambda chance: few(chance, FaultKind.BEHIND, blocks=99),
    'stale': lambda chance: few(chance, FaultKind.STALE, blocks=3),
    'body': lambda chance: few(chance, FaultKind.BODY, code=502, message='<html>'),
    'drop': lambda chance: few(chance, FaultKind.DROP, (SEND,)),
    'expired': lambda chance: few(chance, FaultKind.EXPIRED, (BLOCKHASH,)),
    'drop until it is too late': lambda chance: [Fault(FaultKind.DROP, (SEND,), times=25)],
}


@pytest.mark.parametrize('name', FAULTS)
def test_a_fault_doubles_and_loses_nothing(world, server, name, chance):
    people = Visitors(world)
    for _ in range(ROUNDS):
        people.move()
        server.faults.add(*FAULTS[name](chance))
        world.drain_through()
        assert server.faults.struck
        server.faults.clear()
        world.drain_through()
        world.assert_told(present=1)


def test_forks_double_and_lose_nothing(world, server, chance):
    people = Visitors(world)
    over = threading.Event()

    def fork():
        while not over.wait(chance.uniform(0.02, 0.15)):
            server.call(lambda chain: chain.fork(chance.randrange(4)))

    for _ in range(ROUNDS):
        over.clear()
        forking = threading.Thread(target=fork)
        forking.start()
        try:
            people.move()
            world.drain_through()
            people.move(5)
            world.drain_through()
        finally:
            over.set()
            forking.join()
        world.drain_through()
        world.assert_told(present=1)


def test_a_step_that_a_fork_takes_back_before_it_is_final_is_taken_again(tmp_path):
    with (
        dev_chain(tmp_path / 'chain', finalized_after_blocks=60) as slow,
        CameraWorld(tmp_path / 'camera', [slow.url], 'fork') as world,
    ):
        world.register()
        session = world.come()
        subject = world.blinding.visit_subject(session.id)

        async def work(client):
            telling = asyncio.ensure_future(world.outbox(client).drain())
            while not await world.seen(client, subject):
                await asyncio.sleep(0.01)
            assert slow.call(lambda chain: chain.fork(50)) > 0
            assert not await world.seen(client, subject)
            await telling

        world.run(work)
        world.assert_told(present=1)


def test_a_chain_that_rushes_on_lets_transactions_expire(world, server):
    people = Visitors(world)
    for _ in range(ROUNDS):
        people.move()
        server.faults.add(Fault(FaultKind.DROP, (SEND,), times=2))
        rush = threading.Timer(0.1, server.call, [lambda chain: chain.advance(PAST_BLOCKHASHES)])
        rush.start()
        world.drain_through()
        rush.join()
        world.assert_told(present=1)


def test_an_endpoint_that_is_killed_is_done_without(world, server, chance):
    people = Visitors(world)
    proxy = TcpProxy(int(server.url.rpartition(':')[2]))
    world.loop.run_until_complete(proxy.start())
    world.connect([proxy.url, server.url])
    for number in range(ROUNDS):
        people.move()
        world.loop.call_later(
            chance.uniform(0.05, 0.3), lambda: asyncio.ensure_future(proxy.kill())
        )
        world.drain_through()
        world.loop.run_until_complete(asyncio.sleep(0.3))
        world.assert_told(present=1)
        assert proxy.connections > number
        world.loop.run_until_complete(proxy.start())
        world.loop.run_until_complete(asyncio.sleep(0.2))
        # As the node does now and then; until then the other one is preferred.
        world.run(lambda client: client.pool.check())
    world.connect([server.url])
    world.loop.run_until_complete(proxy.kill())
    world.loop.run_until_complete(asyncio.sleep(0.05))


def test_everything_at_once(world, server, chance):
    people = Visitors(world)
    for _ in range(ROUNDS):
        people.move()
        for _ in range(4):
            server.faults.add(*FAULTS[chance.choice([*FAULTS][:-1])](chance))
        rush = threading.Timer(
            0.2, server.call, [lambda chain: (chain.fork(2), chain.advance(PAST_BLOCKHASHES))]
        )
        rush.start()
        world.drain_through(limit_s=120.0)
        rush.join()
        server.faults.clear()
        world.drain_through()
        world.assert_told(present=1)


def test_an_outage_of_many_records_is_made_up_for(world, server):
    records = int(os.environ.get('MMOMENT_OUTAGE_RECORDS', '400'))
    world.log(records)
    begin_s = time.monotonic()
    world.drain()
    took_s = time.monotonic() - begin_s
    print(f'{records} records in {took_s:.1f} s: {records / took_s:.0f} a second')
    assert world.assert_told().log_count == records
