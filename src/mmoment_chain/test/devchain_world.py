"""Dev chains for tests, and transactions on them."""

import asyncio
import contextlib
import itertools
import json

from solana.rpc.async_api import AsyncClient
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from mmoment_chain import devchain_genesis
from mmoment_chain.clock import SystemClock
from mmoment_chain.devchain_chain import Chain
from mmoment_chain.devchain_encoding import base58
from mmoment_chain.devchain_rpc import Rpc
from mmoment_chain.devchain_server import DevchainServer, DevchainSettings
from mmoment_chain.devchain_store import DevchainStore
from mmoment_chain.devchain_wire import loaded

SOL = 10**9
FAST_BLOCK_MS = 20
FINAL_AFTER = 4

_amounts = itertools.count(SOL)


def signed(payer, blockhash, instructions, *signers):
    """A transaction of these instructions."""
    made = Hash(blockhash) if isinstance(blockhash, bytes) else blockhash
    message = MessageV0.try_compile(payer.pubkey(), instructions, [], made)
    return VersionedTransaction(message, [payer, *signers])


def paying(payer, blockhash, recipient, lamports=None):
    """A transfer; without an amount one that no other test makes."""
    amount = next(_amounts) if lamports is None else lamports
    given = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=recipient, lamports=amount)
    return signed(payer, blockhash, [transfer(given)])


class Offline:
    """A chain without a server, whose blocks end when the test says so."""

    def __init__(self, folder, clock=None, **options):
        self.folder = folder
        self.store = DevchainStore(folder)
        options.setdefault('finalized_after', FINAL_AFTER)
        self.chain = Chain(self.store, clock or SystemClock(), **options)
        self.faucet = devchain_genesis.faucet_of(self.chain)
        self.chain.settle()
        self.rpc = Rpc(self.chain, self.faucet)

    def payer(self, lamports=1000 * SOL):
        """A wallet with lamports in a block that is final."""
        keys = Keypair()
        self.faucet.airdrop(keys.pubkey(), lamports)
        self.chain.settle()
        return keys

    def hash(self):
        """The newest blockhash."""
        return self.chain.latest_hash(self.chain.open)[0]

    def run(self, transaction):
        """Run a transaction in the open block."""
        return self.chain.run(loaded(transaction, self.chain.bank.account))

    def pay(self, payer, recipient, lamports=None):
        """Run a transfer; its row."""
        return self.run(paying(payer, self.hash(), recipient, lamports))

    def lamports(self, key, commitment='processed'):
        """What this address has."""
        account = self.chain.account(key, self.chain.block_at(commitment).slot)
        return 0 if account is None else account.lamports

    def ask(self, method, *params, may_control=False):
        """The answer to one call, as an object."""
        reply = self.rpc.answer(body(method, *params), may_control=may_control)
        return json.loads(reply.body)

    def result(self, method, *params):
        """The result of one call that goes well."""
        answer = self.ask(method, *params)
        assert 'result' in answer, answer
        return answer['result']

    def code(self, method, *params):
        """The code of the error of one call."""
        return self.ask(method, *params)['error']['code']

    def close(self):
        self.store.close()

    def reopened(self, **options):
        """The chain as it is after `kill -9`: whatever was not on the disk is gone."""
        self.close()
        return Offline(self.folder, **options)


def body(method, *params):
    """The body of a call."""
    call = {'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': list(params)}
    return json.dumps(call).encode()


def text(row):
    """The signature of a transaction that ran."""
    return base58(row.signature)


def settings(folder, **more):
    """A server with short blocks at any free port."""
    chosen = {'port': 0, 'block_ms': FAST_BLOCK_MS, 'finalized_after_blocks': FINAL_AFTER}
    return DevchainSettings(folder, **{'has_control': True, **chosen, **more})


def server(folder, **more):
    """A running dev chain, for `with`."""
    return DevchainServer(settings(folder, **more))


@contextlib.asynccontextmanager
async def client(url, **options):
    """The unmodified client of solana-py."""
    made = AsyncClient(url, **options)
    try:
        yield made
    finally:
        await made.close()


async def funded(asking, lamports=1000 * SOL):
    """A wallet with lamports, confirmed."""
    keys = Keypair()
    sent = (await asking.request_airdrop(keys.pubkey(), lamports)).value
    await confirmed(asking, sent)
    return keys


async def confirmed(asking, signature, commitment='confirmed'):
    """Wait for a transaction; its status."""
    answer = await asking.confirm_transaction(signature, commitment, sleep_seconds=0.01)
    return answer.value[0]


async def latest(asking):
    return (await asking.get_latest_blockhash()).value


def someone():
    return Pubkey.new_unique()


def run(coroutine):
    return asyncio.run(coroutine)
