"""The dev chain: blocks of transactions over a bank, on the disk once they are closed.

Commitment levels mean here: `processed`: it ran, in the block that is open now. `confirmed`: its
block is closed, and on the disk. `finalized`: so many blocks were closed after its own that no
fork undoes it any more. Everything that is not final can be looked at as it was at any block.

Time goes on by `close_block`; whoever owns the chain calls it every some hundred milliseconds, also
when nothing happens: blockhashes grow old by it. One thread uses a chain.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from mmoment_chain import devchain_records as records
from mmoment_chain.clock import Clock
from mmoment_chain.devchain_bank import Bank, Outcome
from mmoment_chain.devchain_blocks import (
    BLOCKHASH_LIFE_BLOCKS,
    BLOCKS_REMEMBERED,
    SALT_BYTES,
    Block,
    BlockHashes,
    closed_after,
    newest,
)
from mmoment_chain.devchain_store import BlockRow, DevchainStore, TransactionRow
from mmoment_chain.devchain_wire import TransactionRefused, WireTransaction

# A start loses no more heights than this, and a chain that idles writes once in so many blocks.
RESERVED_BLOCKS = 64
SLOT_HASHES = 64
FINALIZED_AFTER_BLOCKS = 31
"""As many as the votes of the real network need."""
RESERVED, SHIFT, SALT = 'reserved', 'clock_shift_s', 'genesis_salt'

OnTransaction = Callable[[TransactionRow, frozenset[Pubkey]], None]
OnBlock = Callable[[Block], None]


@dataclass(frozen=True, slots=True)
class Status:
    """Where a transaction stands."""

    slot: int
    error: Any


class Chain:
    """The chain in `store`, begun anew if that is empty.

    finalized_after: closed blocks on top of one that is final.
    """

    def __init__(
        self, store: DevchainStore, clock: Clock, *, finalized_after: int = FINALIZED_AFTER_BLOCKS
    ) -> None:
        self.store = store
        self.bank = Bank()
        self.finalized_after = finalized_after
        self.on_transaction: list[OnTransaction] = []
        self.on_block: list[OnBlock] = []
        self._clock = clock
        self._pending: dict[bytes, TransactionRow] = {}
        if store.fact(SALT) is None:
            self._begin()
        self.genesis_hash = BlockHashes(store.branches()[:1]).of(0)
        self.hashes = BlockHashes(store.branches())
        for key, account in store.accounts():
            self.bank.put(key, account)
        self.transaction_count = store.count()
        self._shift_s = int.from_bytes(store.fact(SHIFT) or b'', 'little')
        slot, height = self._reserved = _pair(store.fact(RESERVED) or b'')
        first = max(0, height - BLOCKHASH_LIFE_BLOCKS)
        for each in range(first, height + 1):
            self.hashes.remember(each)
        hashes = (self.hashes.of(height), self.hashes.of(max(0, height - 1)))
        # Whatever is on the disk is final after a start.
        self._final = Block(slot, height, slot - 1, store.last_time_s(), *hashes)
        self.closed: deque[Block] = deque([self._final], BLOCKS_REMEMBERED)
        self.open = self._block_after(self._final, slot + 1)

    def _begin(self) -> None:
        with self.store.writing():
            salt = secrets.token_bytes(SALT_BYTES)
            self.store.put_fact(SALT, salt)
            self.store.put_branch(0, salt)
            self.store.put_fact(RESERVED, _bytes(self.bank.first_slot, 0))

    # --- looking ----------------------------------------------------------------------------------

    def block_at(self, commitment: str, lag_blocks: int = 0) -> Block:
        """The newest block of this commitment; with a lag, as a node knows it that is behind."""
        final = len(self.closed) - 1 - len(self._undoable())
        if commitment == 'finalized':
            return self.closed[max(0, final - lag_blocks)]
        place = len(self.closed) - (1 if commitment == 'confirmed' else 0) - lag_blocks
        if place == len(self.closed):
            return self.open
        # What is older than the final block cannot be looked at any more.
        return self.closed[max(final, place)]

    def latest_hash(self, block: Block) -> tuple[bytes, int]:
        """Blockhash that whoever knows this block is told, and the last height that takes it."""
        if block is self.open:
            block = self.closed[-1]
        return block.hash, block.height + BLOCKHASH_LIFE_BLOCKS

    def account(self, key: Pubkey, slot: int) -> Account | None:
        """What was at this address when the block of this slot ended."""
        for block in self._after(slot):
            if key in block.before:
                return block.before[key]
        return self.bank.account(key)

    def program_accounts(self, owner: Pubkey, slot: int) -> dict[Pubkey, Account]:
        """What this program owned when the block of this slot ended."""
        found = self.bank.program_accounts(owner)
        for block in reversed(self._after(slot)):
            for key, account in block.before.items():
                found.pop(key, None)
                if account is not None and account.owner == owner:
                    found[key] = account
        return found

    def status(self, signature: bytes) -> Status | None:
        """Where this transaction is; None: it is in no block."""
        if signature in self._pending:
            row = self._pending[signature]
            return Status(row.slot, row.error)
        found = self.store.status(signature)
        return None if found is None else Status(*found)

    def time_s(self) -> int:
        """The time that a block has that begins now."""
        return self._clock.utc_ms() // 1000 + self._shift_s

    def _undoable(self) -> list[Block]:
        """Closed blocks that are not final, oldest first."""
        return closed_after(self.closed, self._final.slot)

    def _after(self, slot: int) -> list[Block]:
        """Blocks that are not final and follow this slot, oldest first."""
        if slot >= self.open.slot:
            return []
        return [*closed_after(self.closed, max(slot, self._final.slot)), self.open]

    # --- running ----------------------------------------------------------------------------------

    def judge(self, wire: WireTransaction, *, checks_hash: bool = True) -> None:
        """See that it may run. Raises TransactionRefused."""
        if self.status(wire.signature) is not None:
            raise TransactionRefused('AlreadyProcessed')
        named = bytes(wire.message.recent_blockhash)
        if checks_hash and not self.hashes.is_valid(named, self.open.height):
            raise TransactionRefused('BlockhashNotFound')

    def run(self, wire: WireTransaction) -> TransactionRow:
        """Run it in the open block. Raises TransactionRefused where it leaves no trace."""
        self.judge(wire)
        touched = [
            key for key, is_writable in zip(wire.keys, wire.writable, strict=True) if is_writable
        ]
        found = {key: self.bank.account(key) for key in wire.keys}
        outcome: Outcome = self.bank.run(wire)
        for key in touched:
            self.open.before.setdefault(key, found[key])
        row = TransactionRow(
            slot=self.open.slot,
            position=self.open.transactions,
            signature=wire.signature,
            time_s=self.open.time_s,
            wire=wire.wire,
            error=outcome.error,
            meta=records.meta(wire, outcome, found, self.bank.account),
            memo=records.memo(wire),
            keys=tuple(bytes(key) for key in wire.keys),
        )
        self.open.transactions += 1
        self.transaction_count += 1
        self._pending[row.signature] = row
        for listener in self.on_transaction:
            listener(row, frozenset(touched))
        return row

    def close_block(self) -> Block:
        """End the open block: write it, and begin the next. Raises sqlite3.Error; nothing is lost."""
        block = self.open
        if block.before or block.height >= self._reserved[1]:
            self._write(block)
        block.rows, block.touched = list(self._pending.values()), frozenset(block.before)
        self._pending = {}
        self.closed.append(block)
        self.hashes.remember(block.height)
        self.open = self._block_after(block, block.slot + 1)
        if len(self._undoable()) > self.finalized_after:
            self._final = self._undoable()[0]
        for listener in self.on_block:
            listener(block)
        # Nothing undoes it any more.
        self._final.before, self._final.rows, self._final.touched = {}, [], frozenset()
        return block

    def _write(self, block: Block) -> None:
        reserved = (block.slot + RESERVED_BLOCKS, block.height + RESERVED_BLOCKS)
        fields = (block.slot, block.height, block.parent, block.hash, block.previous_hash)
        with self.store.writing():
            self.store.put_fact(RESERVED, _bytes(*reserved))
            self.store.put_accounts((key, self.bank.account(key)) for key in block.before)
            if self._pending:
                row = BlockRow(*fields, block.time_s)
                self.store.put_block(row, list(self._pending.values()))
        self._reserved = reserved

    def _block_after(self, last: Block, slot: int) -> Block:
        """A block to be filled, and the time in it for the programs."""
        height = last.height + 1
        # Time on a chain never goes back.
        time_s = max(last.time_s, self.time_s())
        recent = [(each.slot, Hash(each.hash)) for each in newest(self.closed, SLOT_HASHES)]
        self.bank.set_time(slot, time_s, recent)
        return Block(slot, height, last.slot, time_s, self.hashes.of(height), last.hash)

    # --- what does not happen by itself -----------------------------------------------------------

    def advance(self, blocks: int) -> None:
        """Close so many blocks at once: what was asked for before has grown old."""
        for _ in range(blocks):
            self.close_block()

    def fork(self, blocks: int) -> int:
        """Undo the open block and so many closed ones that are not final; returns how many.

        Their transactions have never been, their blockhashes neither. Slots go on; heights go back.
        """
        blocks = min(blocks, len(self._undoable()))
        last = self.closed[-1 - blocks]
        undone = [*newest(self.closed, blocks), self.open]
        before: dict[Pubkey, Account | None] = {}
        for block in sorted(undone, key=lambda each: -each.slot):
            before.update(block.before)
        salt = secrets.token_bytes(SALT_BYTES)
        with self.store.writing():
            self.store.put_accounts(before.items())
            self.store.forget_after(last.slot)
            self.store.put_branch(last.height + 1, salt)
        # What a program needs is there before the program.
        for key, account in sorted(before.items(), key=lambda each: _is_program(each[1])):
            self.bank.put(key, account)
        for _ in range(blocks):
            self.closed.pop()
        self.transaction_count -= sum(block.transactions for block in undone)
        self._pending = {}
        self.hashes.branch(last.height + 1, salt)
        self.open = self._block_after(last, self.open.slot + 1)
        return blocks

    def settle(self) -> None:
        """Close the open block, and make all that there is final."""
        self._final = self.close_block()
        for block in self.closed:
            block.before, block.rows, block.touched = {}, [], frozenset()

    def shift_clock(self, seconds: int) -> None:
        """Put the time of the chain forward, for good; the open block has it at once."""
        self._shift_s += seconds
        with self.store.writing():
            self.store.put_fact(SHIFT, self._shift_s.to_bytes(8, 'little'))
        self.close_block()


def _is_program(account: Account | None) -> bool:
    return account is not None and account.executable


def _bytes(slot: int, height: int) -> bytes:
    return slot.to_bytes(8, 'little') + height.to_bytes(8, 'little')


def _pair(fact: bytes) -> tuple[int, int]:
    return int.from_bytes(fact[:8], 'little'), int.from_bytes(fact[8:], 'little')
