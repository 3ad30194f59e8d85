"""What the outbox sends: noted in the store first, then seen through until the chain has decided."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from mmoment_chain import spending
from mmoment_chain.held_back import BALANCE, REFUSED, WRONG_DEVICE, HeldBack
from mmoment_chain.program_refusals import Refusal
from mmoment_chain.rpc_client import CONFIRMED
from mmoment_chain.rpc_pool import RpcPool
from mmoment_chain.store import Store, Transaction
from mmoment_chain.transaction_building import Built, Plan, TransactionBuilder
from mmoment_chain.transaction_sending import Outcome, Sent, TransactionSender
from mmoment_chain.transaction_verdict import Verdict

NO_FUNDS = 'no_funds'
WRONG_AUTHORITY = Refusal.WRONG_AUTHORITY.name.lower()


@dataclass(frozen=True, slots=True)
class ChainPlace:
    """Where a camera is on the chain; keys and addresses of 32 bytes."""

    program: bytes
    camera: bytes  # address of its account
    device: bytes  # public key that signs and pays


@dataclass(frozen=True, slots=True)
class AccountAt:
    """An account of the program as a server knew it."""

    data: bytes | None  # None: there is none
    lamports: int
    slot: int  # as of


async def account_at(
    pool: RpcPool, program: bytes, address: bytes, commitment: Any = CONFIRMED
) -> AccountAt:
    """What the chain has there; of other programs' accounts nothing. Raises RpcError."""
    key = Pubkey.from_bytes(address)
    answer = await pool.read(lambda client: client.get_account_info(key, commitment=commitment))
    found, slot = answer.value, int(answer.context.slot)
    if found is None or bytes(found.owner) != program:
        return AccountAt(None, 0, slot)
    return AccountAt(bytes(found.data), int(found.lamports), slot)


class OutboxSender:
    """Sends what the device pays for, within its budget; any number at a time."""

    def __init__(
        self, store: Store, builder: TransactionBuilder, sender: TransactionSender, budget: int
    ) -> None:
        """budget: lamports in 24 hours; 0: no limit."""
        self.budget = budget
        self.last_signature = b''
        self.on_unknown: Callable[[str], None] = lambda text: None
        self._store = store
        self._builder = builder
        self._sender = sender

    async def send(
        self,
        plan: Plan,
        commitment: str,
        *,
        rent: int = 0,
        note: Callable[[Transaction, Built], None] = lambda tx, built: None,
    ) -> tuple[Built, Sent]:
        """Build, note and send; returns once the chain has decided.

        rent: lamports that are locked by it, or negative: come back. note: called in the
        transaction of the store that notes it. Raises RpcError, StoreError and WouldFail with
        nothing sent; HeldBack if the budget does not allow it.
        """
        built = await self._builder.build(plan)

        def reserve() -> None:
            with self._store.transaction() as tx:
                spending.reserve(tx, built.signature, built.fee_lamports, rent, self.budget)
                note(tx, built)

        await asyncio.to_thread(reserve)
        sent = await self._sender.send(built.transaction, built.last_valid_height, commitment)
        if sent.outcome is Outcome.UNKNOWN:
            self.on_unknown(sent.text)
            return built, await self.follow(
                built.signature, built.last_valid_height, commitment, built.programs
            )
        await self._settle(sent)
        return built, sent

    async def follow(
        self,
        signature: bytes,
        last_valid_height: int,
        commitment: str,
        programs: Sequence[bytes] = (),
    ) -> Sent:
        """What became of what was sent before, however long it takes to find out."""
        while True:
            sent = await self._sender.follow(signature, last_valid_height, programs, commitment)
            if sent.outcome is not Outcome.UNKNOWN:
                await self._settle(sent)
                return sent
            self.on_unknown(sent.text)

    async def _settle(self, sent: Sent) -> None:
        if sent.is_confirmed:
            self.last_signature = sent.signature
            return

        def correct() -> None:
            with self._store.transaction() as tx:
                (spending.failed if sent.slot else spending.not_sent)(tx, sent.signature)

        await asyncio.to_thread(correct)


def held_back_by(verdict: Verdict) -> HeldBack:
    """What has to be told of a refusal that nobody expected."""
    if verdict.code == NO_FUNDS:
        return HeldBack(BALANCE, verdict.text)
    if verdict.code == WRONG_AUTHORITY:
        return HeldBack(WRONG_DEVICE, f'{verdict.text}: the camera has another device key')
    return HeldBack(REFUSED, f'{verdict.text} ({verdict.code})')
