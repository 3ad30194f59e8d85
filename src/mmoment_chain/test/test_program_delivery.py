"""A program gets onto the dev chain by the real loader, also where it broke off in between."""

import asyncio

import pytest
from outbox_world import dev_chain
from solders.keypair import Keypair
from test_program_deploy import numbered

from mmoment_chain import program_deploy as loader
from mmoment_chain.chain_tools import ChainTools, NotDone
from mmoment_chain.devchain_faults import FOR_EVER, Fault, FaultKind
from mmoment_chain.program_build import PROGRAM_ID, program
from mmoment_chain.program_delivery import Delivery, Kind
from mmoment_chain.rpc_errors import RpcError
from mmoment_chain.transaction_building import Plan
from mmoment_chain.transaction_sending import SendSettings
from mmoment_chain.wallet_file import WalletKey

pytestmark = pytest.mark.graph
QUICK = SendSettings(resend_every_s=0.2, ask_first_s=0.01, ask_every_s=0.05)
RICH = 10**11


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with dev_chain(tmp_path_factory.mktemp('chain')) as running:
        yield running


class World:
    def __init__(self, server):
        self.server = server
        self.payer = WalletKey(Keypair())
        self.key = WalletKey(Keypair())
        self.told = []

    def run(self, work):
        async def begun():
            tools = ChainTools([self.server.url], PROGRAM_ID, send=QUICK)
            try:
                return await work(tools)
            finally:
                await tools.pool.close()

        return asyncio.run(begun())

    def delivery(self, tools, content, payer=None):
        return Delivery(tools, payer or self.payer, self.key.public, content)

    def look(self, content, payer=None):
        return self.run(lambda tools: self.delivery(tools, content, payer).look())

    def deliver(self, content, key=None, stop_at=None):
        def progress(done, of):
            self.told.append((done, of))
            if done == stop_at:
                raise Stopped

        async def work(tools):
            await tools.provide(self.payer.public, RICH)
            return await self.delivery(tools, content).run(key or self.key, progress)

        return self.run(work)

    def spent(self, content):
        """Lamports that went, and what was said that it needs."""
        needs = self.look(content).needs_lamports
        self.run(lambda tools: tools.provide(self.payer.public, 2 * RICH))
        before = self.run(lambda tools: tools.balance(self.payer.public))
        self.deliver(content)
        return before - self.run(lambda tools: tools.balance(self.payer.public)), needs


class Stopped(Exception):
    pass


@pytest.fixture
def world(server):
    yield World(server)
    server.faults.clear()


def test_a_program_is_deployed_once_and_its_progress_told(world):
    content = program()
    situation = world.look(content)
    assert (situation.kind, situation.has_buffer) == (Kind.DEPLOY, False)
    assert situation.parts == len(situation.missing) == 20
    assert world.deliver(content) == (Kind.DEPLOY, 22)
    assert world.told == [(number, 22) for number in range(1, 23)]
    assert world.look(content).kind is Kind.NOTHING
    assert world.deliver(content) == (Kind.NOTHING, 0)


@pytest.mark.parametrize('stop_at', [1, 2, 9, 21])
def test_another_try_goes_on_where_it_broke_off(world, stop_at):
    content = program()
    with pytest.raises(Stopped):
        world.deliver(content, stop_at=stop_at)
    situation = world.look(content)
    assert situation.has_buffer
    # What was on its way beside it may have arrived.
    assert situation.transactions <= 22 - stop_at
    kind, count = world.deliver(content)
    assert (kind, count) == (Kind.DEPLOY, situation.transactions)
    assert world.look(content).kind is Kind.NOTHING


def test_an_outage_in_the_middle_loses_nothing(world):
    content = program()
    world.run(lambda tools: tools.provide(world.payer.public, RICH))
    fault = Fault(FaultKind.CLOSE, skips=60, times=FOR_EVER)
    world.server.faults.add(fault)
    with pytest.raises((RpcError, NotDone)):
        world.run(lambda tools: _short(world, tools, content))
    world.server.faults.clear()
    assert world.look(content).has_buffer
    world.deliver(content)
    assert world.look(content).kind is Kind.NOTHING


async def _short(world, tools, content):
    # Rather than for minutes: what became of it is asked of the chain at the next try.
    short = SendSettings(give_up_after_s=0.3, ask_first_s=0.01)
    brief = ChainTools([world.server.url], PROGRAM_ID, send=short)
    try:
        await world.delivery(brief, content).run(world.key, lambda done, of: None)
    finally:
        await brief.pool.close()


def test_a_new_version_replaces_it_and_gets_the_room_that_it_needs(world):
    small, large = numbered(71), program()
    world.deliver(small)
    situation = world.look(large)
    assert situation.kind is Kind.UPGRADE
    assert situation.more_room_bytes > 0
    world.deliver(large)
    assert world.look(large).kind is Kind.NOTHING
    assert world.look(small).more_room_bytes == 0
    # Nothing is left of the buffer.
    assert world.run(lambda tools: tools.account(situation.buffer)) is None


def test_what_it_takes_is_told_before(world):
    spent, needs = world.spent(program())
    # Priority fees aside, which this chain does not ask for.
    assert spent <= needs <= 1.05 * spent + 10**6


def test_only_who_may_replaces_it(world):
    world.deliver(numbered(71))
    with pytest.raises(NotDone, match='may be replaced by'):
        world.look(numbered(72), WalletKey(Keypair()))


def test_what_was_closed_for_good_is_told(world):
    world.deliver(numbered(71))
    payer = world.payer.public

    async def close(tools):
        step = loader.close_program(world.key.public, payer, payer)

        await asyncio.sleep(0.05)
        await tools.do(Plan([step], payer), world.payer)

    world.run(close)
    with pytest.raises(NotDone, match='closed for good'):
        world.look(numbered(72))


def test_a_new_address_has_to_sign(world):
    async def work(tools):
        await tools.provide(world.payer.public, RICH)
        await world.delivery(tools, numbered(71)).run(None, lambda done, of: None)

    with pytest.raises(NotDone, match='has to sign'):
        world.run(work)
