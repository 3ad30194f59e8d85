"""What a command needs of a chain: it asks, it sends and waits for the end, and then it goes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain.clock import SystemClock
from mmoment_chain.errors import ChainError
from mmoment_chain.faucet import is_dev_chain
from mmoment_chain.rpc_pool import PoolSettings, RpcPool
from mmoment_chain.transaction_building import (
    BuildSettings,
    Built,
    Plan,
    Signer,
    TransactionBuilder,
    sol,
)
from mmoment_chain.transaction_sending import Outcome, SendSettings, Sent, TransactionSender
from mmoment_chain.transaction_verdict import Verdicts, camera_table
from mmoment_chain.wallet import wallet_text
from mmoment_node.async_thread import AsyncThread

Result = TypeVar('Result')

EXPIRED_AT_MOST = 5
"""How often a transaction is made anew that the chain did not take in time."""
AIRDROP_PAUSE_S = 0.1
AIRDROP_WAIT_S = 30.0


class NotDone(ChainError):
    """The chain did not do what was asked for; the text says why."""


class ChainTools:
    """Belongs to one event loop."""

    def __init__(
        self,
        urls: Sequence[str],
        program: bytes,
        *,
        build: BuildSettings | None = None,
        send: SendSettings | None = None,
        pool: PoolSettings | None = None,
    ) -> None:
        """program: address of the camera registry."""
        self.program = program
        self.build_settings = build or BuildSettings()
        self._urls = tuple(urls)
        self._verdicts = Verdicts({program: camera_table()})
        clock = SystemClock()
        self.pool = RpcPool(urls, clock, pool)
        self.sender = TransactionSender(self.pool, self._verdicts, clock, send)

    async def build(self, plan: Plan, payer: Signer) -> Built:
        """Make it and try it. Raises as TransactionBuilder.build."""
        return await self._builder(payer).build(plan)

    async def do(self, plan: Plan, payer: Signer) -> tuple[Built, Sent]:
        """Send it and wait until the chain has it. Raises NotDone, WouldFail, RpcError."""
        for _ in range(EXPIRED_AT_MOST):
            built = await self.build(plan, payer)
            sent = await self.sender.send(built.transaction, built.last_valid_height)
            if sent.is_confirmed:
                return built, sent
            if sent.outcome is not Outcome.EXPIRED:
                break
        raise NotDone(sent.text)

    async def account(self, address: bytes) -> Account | None:
        """Whatever is there. Raises RpcError."""
        key = Pubkey.from_bytes(address)
        found: Account | None = (
            await self.pool.read(lambda client: client.get_account_info(key))
        ).value
        return found

    async def balance(self, address: bytes) -> int:
        """Lamports. Raises RpcError."""
        key = Pubkey.from_bytes(address)
        return int((await self.pool.read(lambda client: client.get_balance(key))).value)

    async def rents(self, sizes: Sequence[int]) -> dict[int, int]:
        """What accounts of so many bytes have to hold, by their bytes. Raises RpcError."""

        def question(size: int) -> Callable[[Any], Any]:
            return lambda client: client.get_minimum_balance_for_rent_exemption(size)

        found = await asyncio.gather(*(self.pool.read(question(size)) for size in sizes))
        return {size: int(each.value) for size, each in zip(sizes, found, strict=True)}

    async def is_dev_chain(self) -> bool:
        """Whether it is a dev chain of this machine, on which nothing is worth anything."""
        return await is_dev_chain(self.pool, self._urls)

    async def provide(self, address: bytes, lamports: int) -> None:
        """See to it that so much is there, by the faucet of the dev chain. Raises NotDone, RpcError."""
        missing = lamports - await self.balance(address)
        if missing <= 0:
            return
        key = Pubkey.from_bytes(address)
        await self.pool.read(lambda client: client.request_airdrop(key, missing))
        for _ in range(round(AIRDROP_WAIT_S / AIRDROP_PAUSE_S)):
            if await self.balance(address) >= lamports:
                return
            await asyncio.sleep(AIRDROP_PAUSE_S)
        raise NotDone(f'the faucet gave nothing to {wallet_text(address)}')

    async def require(self, address: bytes, lamports: int) -> None:
        """Raise NotDone if there is less than that, or RpcError."""
        there = await self.balance(address)
        if there < lamports:
            raise NotDone(
                f'{wallet_text(address)} has {sol(there)} SOL, and {sol(lamports)} SOL are needed: '
                'send it the rest'
            )

    def _builder(self, payer: Signer) -> TransactionBuilder:
        return TransactionBuilder(self.pool, payer, self._verdicts, self.build_settings)


@contextlib.asynccontextmanager
async def _closing(tools: ChainTools) -> AsyncIterator[ChainTools]:
    try:
        yield tools
    finally:
        await tools.pool.close()


def with_chain(
    make: Callable[[], ChainTools], work: Callable[[ChainTools], Coroutine[Any, Any, Result]]
) -> Result:
    """What the work returns, done in a loop of its own; an interrupt ends it at once."""

    async def begun() -> Result:
        async with _closing(make()) as tools:
            return await work(tools)

    thread = AsyncThread('chain')
    try:
        with _undisturbed():
            # An event loop that is interrupted while it is made says so when it is thrown away.
            thread.start(_nothing)
        return thread.call(begun)
    finally:
        thread.close()


async def _nothing() -> None:
    """Done as soon as the loop runs."""


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """An interrupt within the block counts at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt
