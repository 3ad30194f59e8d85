"""Blocks of the dev chain: their hashes, and how long a blockhash serves.

A blockhash is SHA-256 over the salt of its branch and its height, so that it need not be kept: a
start makes the same ones again. A fork begins a branch with a salt of its own.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain.devchain_store import TransactionRow

BLOCKHASH_LIFE_BLOCKS = 150
"""A transaction is taken up to so many blocks after the one whose hash it names."""
BLOCKS_REMEMBERED = 512
SALT_BYTES = 32


@dataclass(slots=True)
class Block:
    """One block; `before` grows while it is open."""

    slot: int
    height: int
    parent: int  # slot of the block before
    time_s: int
    hash: bytes
    previous_hash: bytes
    before: dict[Pubkey, Account | None] = field(default_factory=dict)
    """Accounts as they were before this block first touched them; empty once it is final."""
    touched: frozenset[Pubkey] = frozenset()
    """Every account that it changed, until it is final."""
    rows: list[TransactionRow] = field(default_factory=list)
    """Its transactions, until it is final."""
    transactions: int = 0


class BlockHashes:
    """Which blockhash belongs to which height. `branches`: first height and salt, oldest first."""

    def __init__(self, branches: Sequence[tuple[int, bytes]]) -> None:
        self._branches = list(branches)
        self._heights: dict[bytes, int] = {}
        self._order: deque[bytes] = deque()

    def of(self, height: int) -> bytes:
        """The hash of the block of this height."""
        salt = next(salt for first, salt in reversed(self._branches) if first <= height)
        return hashlib.sha256(salt + height.to_bytes(8, 'little')).digest()

    def branch(self, first_height: int, salt: bytes) -> None:
        """From this height on there are other blocks."""
        self._branches.append((first_height, salt))
        self._heights = {
            each: height for each, height in self._heights.items() if height < first_height
        }
        self._order = deque(each for each in self._order if each in self._heights)

    def remember(self, height: int) -> None:
        """The block of this height is closed: transactions may name it."""
        made = self.of(height)
        self._heights[made] = height
        self._order.append(made)
        while len(self._order) > BLOCKS_REMEMBERED:
            self._heights.pop(self._order.popleft(), None)

    def height_of(self, blockhash: bytes) -> int | None:
        """Height of the closed block with this hash; None: there is none, or long ago."""
        return self._heights.get(blockhash)

    def is_valid(self, blockhash: bytes, height: int) -> bool:
        """Whether a block of this height takes transactions that name this hash."""
        made = self._heights.get(blockhash)
        return made is not None and made < height <= made + BLOCKHASH_LIFE_BLOCKS


def newest(blocks: Sequence[Block], at_most: int) -> list[Block]:
    """The last of these blocks, newest first."""
    return list(itertools.islice(reversed(blocks), at_most))


def closed_after(blocks: Sequence[Block], slot: int) -> list[Block]:
    """Those of these blocks that follow this slot, oldest first."""
    return list(itertools.takewhile(lambda block: block.slot > slot, reversed(blocks)))[::-1]
