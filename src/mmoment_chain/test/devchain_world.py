"""Dev chains for tests, and transactions on them."""

import asyncio
import contextlib
import itertools
import json

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, TransferParams, create_account, transfer
from solders.transaction import VersionedTransaction
from spl.memo.instructions import create_memo
from spl.memo.models import MemoParams
from spl.token import instructions as spl
from spl.token import models

from mmoment_chain import devchain_genesis
from mmoment_chain.base58 import base58
from mmoment_chain.clock import SystemClock
from mmoment_chain.devchain_chain import Chain
from mmoment_chain.devchain_rpc import Rpc
from mmoment_chain.devchain_server import DevchainServer, DevchainSettings
from mmoment_chain.devchain_store import DevchainStore
from mmoment_chain.devchain_wire import loaded

SOL = 10**9
FAST_BLOCK_MS = 30
FINAL_AFTER = 4
MEMO = Pubkey.from_string('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr')

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


def asked(chain, work, commitment=Confirmed):
    """Result of a coroutine function that is given a client."""

    async def ask():
        async with client(chain.url, commitment=commitment) as asking:
            return await work(asking)

    return run(ask())


async def sent(asking, payer, instructions, *signers):
    """Send a transaction and wait until it is confirmed; its signature."""
    made = signed(payer, (await latest(asking)).blockhash, instructions, *signers)
    signature = (await asking.send_transaction(made)).value
    status = await confirmed(asking, signature)
    assert status.err is None
    return signature


def noted(payer, text):
    return create_memo(MemoParams(program_id=MEMO, signer=payer.pubkey(), message=text.encode()))


def minting(payer, mint, program):
    """A mint with two decimals, and 10.50 of it for the payer."""
    key = payer.pubkey()
    account = spl.get_associated_token_address(key, mint.pubkey(), program)
    return [
        create_account(
            CreateAccountParams(
                from_pubkey=key, to_pubkey=mint.pubkey(), lamports=SOL, space=82, owner=program
            )
        ),
        spl.initialize_mint(
            models.InitializeMintParams(
                decimals=2, program_id=program, mint=mint.pubkey(), mint_authority=key
            )
        ),
        spl.create_associated_token_account(key, key, mint.pubkey(), program),
        spl.mint_to(
            models.MintToParams(
                program_id=program,
                mint=mint.pubkey(),
                dest=account,
                mint_authority=key,
                amount=1050,
            )
        ),
    ]
