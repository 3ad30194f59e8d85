"""The whole client against the dev chain, and its faults: each money transfer is done once or not at all."""

import asyncio
import itertools
import os

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from tcp_proxy import TcpProxy

from mmoment_chain.balance_watch import BalanceWatch
from mmoment_chain.clock import SystemClock
from mmoment_chain.devchain_faults import FOR_EVER, Fault, FaultKind
from mmoment_chain.devchain_server import DevchainServer, DevchainSettings
from mmoment_chain.rpc_errors import ChainAway
from mmoment_chain.rpc_pool import PoolSettings, RpcPool
from mmoment_chain.transaction_building import Plan, TransactionBuilder, WouldFail, signed_by_all
from mmoment_chain.transaction_sending import Outcome, SendSettings, TransactionSender
from mmoment_chain.transaction_verdict import Verdicts
from mmoment_node.recovery import BackOff, RecoveryState

pytestmark = pytest.mark.graph

ROUNDS = int(os.environ.get('MMOMENT_FAULT_ROUNDS', '1'))
CLOCK = SystemClock()
BLOCK_MS = 10
LAMPORTS = 10_000_000
SEND = 'sendTransaction'
STATUS = 'getSignatureStatuses'
# Shorter than the delays that are made, longer than an answer takes on a busy machine.
TIMEOUT_S = 0.5
PATIENCE_S = 20.0
_numbers = itertools.count(1)


class Key:
    def __init__(self, seed):
        self._pair = Keypair.from_seed(seed.to_bytes(32, 'big'))
        self.public = bytes(self._pair.pubkey())

    def sign(self, message):
        return bytes(self._pair.sign_message(message))


DEVICE = Key(1)


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp('chain')
    settings = DevchainSettings(folder, port=0, block_ms=BLOCK_MS, finalized_after_blocks=4)
    with DevchainServer(settings) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults(server):
    yield
    server.faults.clear()


class Client:
    """All parts of the client, of one event loop."""

    def __init__(self, urls, timeout_s=TIMEOUT_S, **settings):
        back_off = BackOff(first_s=0.01, cap_s=0.05)
        self.pool = RpcPool(urls, CLOCK, PoolSettings(timeout_s=timeout_s, back_off=back_off))
        # Only what is sent is held to short times: this machine may be busy.
        self.calm = RpcPool(urls, CLOCK, PoolSettings(timeout_s=PATIENCE_S, back_off=back_off))
        verdicts = Verdicts({})
        self.builder = TransactionBuilder(self.calm, DEVICE, verdicts)
        short = {'resend_every_s': 0.05, 'ask_first_s': 0.01, 'ask_every_s': 0.02, **settings}
        self.sender = TransactionSender(self.pool, verdicts, CLOCK, SendSettings(**short))
        self.before_pause = None
        original = self.sender._sleep

        async def sleep(seconds):
            if self.before_pause is not None:
                await self.before_pause()
            await original(seconds)

        self.sender._sleep = sleep

    async def fund(self):
        key = Pubkey.from_bytes(DEVICE.public)
        await self.calm.read(lambda client: client.request_airdrop(key, 10**12))

    async def build(self, payer=DEVICE):
        """A transfer to an address that nobody else uses."""
        self.to = Pubkey.from_bytes(Key(10**6 + next(_numbers)).public)
        source = Pubkey.from_bytes(payer.public)
        params = TransferParams(from_pubkey=source, to_pubkey=self.to, lamports=LAMPORTS)
        return await self.builder.build(Plan([transfer(params)], payer.public))

    async def send(self, **more):
        built = await self.build()
        return await self.sender.send(built.transaction, built.last_valid_height, **more)

    async def arrived(self):
        return (await self.calm.read(lambda client: client.get_balance(self.to))).value

    async def close(self):
        await self.pool.close()
        await self.calm.close()


def run(urls, work, **settings):
    async def begun():
        client = Client(urls, **settings)
        try:
            await client.fund()
            await work(client)
        finally:
            await client.close()

    asyncio.run(begun())


def test_a_transfer_from_build_to_finalized(server):
    async def work(client):
        sent = await client.send()
        assert sent.is_confirmed
        assert await client.arrived() == LAMPORTS
        assert (await client.send(commitment='finalized')).is_confirmed
        watch = BalanceWatch(client.calm, DEVICE.public, 10**15, CLOCK)
        assert (await watch.check()).is_low

    run([server.url], work)


def test_a_wallet_signs_what_was_built(server):
    wallet = Key(77)

    async def work(client):
        key = Pubkey.from_bytes(wallet.public)
        await client.calm.read(lambda each: each.request_airdrop(key, 10**10))
        built = await client.build(payer=wallet)
        assert built.missing == (wallet.public,)
        theirs = bytes([1]) + wallet.sign(built.message) + built.message
        whole = signed_by_all(built, theirs)
        assert (await client.sender.send(whole, built.last_valid_height)).is_confirmed

    run([server.url], work)


def test_what_would_fail_is_not_built(server):
    async def work(client):
        with pytest.raises(WouldFail) as caught:
            await client.build(payer=Key(78))
        assert caught.value.verdict.code == 'no_funds'

    run([server.url], work)


GARBAGE = '{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"Node is unhealthy"}}'
FAULTS = {
    'delay': [Fault(FaultKind.DELAY, (SEND,), seconds=2 * TIMEOUT_S)],
    'no answer to send': [Fault(FaultKind.LOSE_ANSWER, (SEND,), times=3)],
    'no answer to look': [Fault(FaultKind.LOSE_ANSWER, (STATUS,), times=3)],
    'too many': [Fault(FaultKind.TOO_MANY, (SEND,)), Fault(FaultKind.TOO_MANY, (STATUS,), 2)],
    'dropped': [Fault(FaultKind.DROP, times=2)],
    'closed': [Fault(FaultKind.CLOSE, (SEND, STATUS), times=4)],
    'expired blockhash': [Fault(FaultKind.EXPIRED)],
    'behind': [Fault(FaultKind.BEHIND, (SEND,), blocks=60), Fault(FaultKind.BEHIND, (STATUS,), 3)],
    'stale': [Fault(FaultKind.STALE, (STATUS,), times=4, blocks=100)],
    'error': [Fault(FaultKind.ERROR, (SEND,), code=-32603, message='Internal error')],
    'own error': [Fault(FaultKind.ERROR, (SEND, STATUS), times=2, code=-7, message='odd')],
    'panic': [Fault(FaultKind.BODY, (SEND, STATUS), times=4, code=200, message=GARBAGE)],
    'rubbish': [Fault(FaultKind.BODY, (SEND, STATUS), times=4, code=200, message='<html>')],
    'bad gateway': [Fault(FaultKind.BODY, (SEND, STATUS), times=4, code=502, message='no')],
}


def copied(fault):
    return Fault.from_json({name: getattr(fault, name) for name in Fault.__slots__})


@pytest.mark.parametrize('name', FAULTS)
def test_after_a_fault_it_is_done_once(server, name):
    async def work(client):
        for _ in range(ROUNDS):
            before = server.faults.struck.copy()
            server.faults.add(*(copied(fault) for fault in FAULTS[name]))
            sent = await client.send()
            assert sent.is_confirmed, sent
            assert sent.slot > 0
            server.faults.clear()
            assert server.faults.struck != before, 'the fault never struck'
            assert await client.arrived() == LAMPORTS

    run([server.url], work)


def test_what_is_dropped_for_good_expires_and_is_not_done(server):
    async def work(client):
        for _ in range(ROUNDS):
            server.faults.add(Fault(FaultKind.DROP, times=FOR_EVER))
            built = await client.build()
            sending = asyncio.ensure_future(
                client.sender.send(built.transaction, built.last_valid_height)
            )
            await asyncio.sleep(0.1)
            assert not sending.done()
            server.call(lambda chain: chain.advance(160))
            assert (await sending).outcome is Outcome.EXPIRED
            server.faults.clear()
            # The same may be tried anew.
            assert (await client.send()).is_confirmed
            assert await client.arrived() == LAMPORTS

    run([server.url], work)


def test_a_fork_undoes_nothing_that_is_told_as_final(server):
    async def work(client):
        for _ in range(ROUNDS):
            built = await client.build()
            forks = iter([3, 3])

            async def fork(forks=forks):
                blocks = next(forks, None)
                if blocks is not None:
                    server.call(lambda chain: chain.fork(blocks))

            client.before_pause = fork
            sending = asyncio.ensure_future(
                client.sender.send(
                    built.transaction, built.last_valid_height, commitment='finalized'
                )
            )
            await asyncio.wait({sending}, timeout=0.3)
            if not sending.done():
                # Its blockhash may have been of a block that never was.
                server.call(lambda chain: chain.advance(160))
            sent = await sending
            client.before_pause = None
            server.call(lambda chain: chain.advance(5))
            wanted = LAMPORTS if sent.is_confirmed else 0
            assert sent.outcome in (Outcome.CONFIRMED, Outcome.EXPIRED)
            assert await client.arrived() == wanted

    run([server.url], work)


def test_an_outage_leaves_it_unknown_and_following_settles_it(server):
    async def work(client):
        for _ in range(ROUNDS):
            built = await client.build()
            server.faults.add(
                Fault(FaultKind.LOSE_ANSWER, (SEND,)), Fault(FaultKind.CLOSE, (), times=FOR_EVER)
            )
            sent = await client.sender.send(built.transaction, built.last_valid_height)
            assert sent.outcome is Outcome.UNKNOWN
            server.faults.clear()
            followed = await client.sender.follow(sent.signature, built.last_valid_height)
            assert followed.is_confirmed
            assert await client.arrived() == LAMPORTS

    run([server.url], work, give_up_after_s=0.3)


def test_one_address_is_killed_in_the_middle_and_the_other_goes_on(server):
    async def begun():
        port = int(server.url.rpartition(':')[2])
        first, second = TcpProxy(port), TcpProxy(port)
        await first.start()
        await second.start()
        client = Client([first.url, second.url])
        await client.fund()
        for _ in range(ROUNDS):
            built = await client.build()
            assert client.pool.status.endpoint == first.url.replace('SECRET', '***')
            server.faults.add(Fault(FaultKind.DROP))

            async def kill():
                client.before_pause = None
                await first.kill()

            client.before_pause = kill
            sent = await client.sender.send(built.transaction, built.last_valid_height)
            assert sent.is_confirmed
            assert await client.arrived() == LAMPORTS
            status = client.pool.status
            assert status.endpoint == second.url.replace('SECRET', '***')
            assert status.endpoints[0].recovery.state is RecoveryState.WAITING_TO_RETRY
            assert 'SECRET' not in repr(status)
            # And it comes back to the one that is preferred.
            await first.start()
            while client.pool.status.endpoints[0].recovery.state is not RecoveryState.LIVE:
                await asyncio.sleep(0.01)
                await client.pool.check()
        await client.close()
        await first.kill()
        await second.kill()

    asyncio.run(begun())


def test_no_address_left_is_told_without_a_key():
    async def begun():
        pool = RpcPool(['http://127.0.0.1:9/SECRET'], CLOCK)
        with pytest.raises(ChainAway) as caught:
            await pool.read(lambda client: client.get_slot())
        await pool.close()
        return caught.value

    error = asyncio.run(begun())
    assert 'SECRET' not in str(error)
    assert 'http://127.0.0.1:9/***' in error.text
