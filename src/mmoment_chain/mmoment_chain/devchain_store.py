"""The dev chain on the disk: one SQLite file with accounts, blocks, transactions and their history.

A block is written in one SQLite transaction (WAL, synchronous=FULL): the newest state of each
account that it touched, its transactions, and where they are found. What is in a block that was
written is there after `kill -9` and a power cut; a block that was being written is there whole or
not at all. Blocks without transactions are not kept. So that no slot and no blockhash is ever used
twice, heights are reserved ahead, and a start goes on behind the last reserved one.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain import store_files
from mmoment_chain.devchain_errors import DevchainError
from mmoment_chain.errors import StoreUnusable

FILE_NAME = 'devchain.sqlite3'
LAYOUT = 1
SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE branches (number INTEGER PRIMARY KEY, from_height INTEGER NOT NULL, salt BLOB NOT NULL)
    STRICT;
CREATE TABLE accounts (
    address BLOB PRIMARY KEY, lamports INTEGER NOT NULL, owner BLOB NOT NULL,
    executable INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE TABLE blocks (
    slot INTEGER PRIMARY KEY, height INTEGER NOT NULL, parent INTEGER NOT NULL, hash BLOB NOT NULL,
    previous_hash BLOB NOT NULL, time_s INTEGER NOT NULL) STRICT;
CREATE TABLE transactions (
    slot INTEGER NOT NULL, position INTEGER NOT NULL, signature BLOB NOT NULL UNIQUE,
    time_s INTEGER NOT NULL, wire BLOB NOT NULL, error TEXT, meta TEXT NOT NULL, memo TEXT,
    PRIMARY KEY (slot, position)) STRICT;
CREATE TABLE mentions (
    address BLOB NOT NULL, slot INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (address, slot, position)) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block as it is kept."""

    slot: int
    height: int
    parent: int  # slot of the block before
    hash: bytes
    previous_hash: bytes
    time_s: int


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A transaction that ran, with what calls tell of it."""

    slot: int
    position: int  # within its block
    signature: bytes
    time_s: int
    wire: bytes
    error: Any  # in Solana's JSON form; None: all went well
    meta: dict[str, Any]  # as getTransaction tells it
    memo: str | None
    keys: tuple[bytes, ...] = ()  # empty where it was read back


class DevchainStore:
    """The file in `folder`, made if it is not there. One thread uses it.

    Raises DevchainError where another dev chain has it, or where it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder.absolute() / FILE_NAME
        with contextlib.ExitStack() as undo:
            try:
                store_files.prepare(self.path)
                lock = store_files.WriterLock(self.path)
                undo.callback(lock.release)
                self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
                undo.callback(self._db.close)
                self._prepare()
            except StoreUnusable as error:
                raise DevchainError(
                    f'{folder} is in use by another dev chain: stop that one, or give this one a '
                    'folder of its own (--data)'
                ) from error
            except (OSError, sqlite3.Error) as error:
                raise DevchainError(
                    f'{self.path} cannot be used ({error}): start with --reset to begin anew, or '
                    'choose another folder (--data)'
                ) from error
            self._undo = undo.pop_all()

    def _prepare(self) -> None:
        self._db.execute('PRAGMA journal_mode = WAL')
        self._db.execute('PRAGMA synchronous = FULL')
        (layout,) = self._db.execute('PRAGMA user_version').fetchone()
        if layout not in (0, LAYOUT):
            raise DevchainError(
                f'{self.path} was made by another version of the dev chain: start with --reset'
            )
        if layout == 0:
            self._db.executescript(f'BEGIN; {SCHEMA} PRAGMA user_version = {LAYOUT}; COMMIT;')

    def close(self) -> None:
        """Let the next one in."""
        self._undo.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """What the block does happens together, or not at all. Raises sqlite3.Error."""
        self._db.execute('BEGIN IMMEDIATE')
        try:
            yield
            self._db.execute('COMMIT')
        finally:
            if self._db.in_transaction:
                self._db.execute('ROLLBACK')

    # --- written ----------------------------------------------------------------------------------

    def put_fact(self, name: str, value: bytes) -> None:
        """Keep something small under a name."""
        self._db.execute('INSERT OR REPLACE INTO facts VALUES (?, ?)', (name, value))

    def put_branch(self, from_height: int, salt: bytes) -> None:
        """Note what blockhashes from this height on are made of."""
        sql = 'INSERT INTO branches (from_height, salt) VALUES (?, ?)'
        self._db.execute(sql, (from_height, salt))

    def put_accounts(self, accounts: Iterable[tuple[Pubkey, Account | None]]) -> None:
        """Keep these states; None: nothing is there any more."""
        for key, account in accounts:
            if account is None:
                self._db.execute('DELETE FROM accounts WHERE address = ?', (bytes(key),))
                continue
            row = (bytes(key), account.lamports, bytes(account.owner), account.executable)
            sql = 'INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)'
            self._db.execute(sql, (*row, bytes(account.data)))

    def put_block(self, block: BlockRow, transactions: Sequence[TransactionRow]) -> None:
        """Add a block with its transactions."""
        fields = (block.slot, block.height, block.parent, block.hash, block.previous_hash)
        self._db.execute('INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)', (*fields, block.time_s))
        for row in transactions:
            place = (row.slot, row.position)
            error = None if row.error is None else json.dumps(row.error)
            self._db.execute(
                'INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
                (
                    *place,
                    row.signature,
                    row.time_s,
                    row.wire,
                    error,
                    json.dumps(row.meta),
                    row.memo,
                ),
            )
            self._db.executemany(
                'INSERT OR IGNORE INTO mentions VALUES (?, ?, ?)',
                [(key, *place) for key in row.keys],
            )

    def forget_after(self, slot: int) -> None:
        """Take out every block that follows this slot."""
        for table in ('blocks', 'transactions', 'mentions'):
            self._db.execute(f'DELETE FROM {table} WHERE slot > ?', (slot,))

    # --- read -------------------------------------------------------------------------------------

    def fact(self, name: str) -> bytes | None:
        """What is kept under this name."""
        row = self._db.execute('SELECT value FROM facts WHERE name = ?', (name,)).fetchone()
        return None if row is None else row[0]

    def branches(self) -> list[tuple[int, bytes]]:
        """Height and salt of each branch, oldest first."""
        return self._db.execute('SELECT from_height, salt FROM branches ORDER BY number').fetchall()

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        """Every account that was ever touched; those that programs need come before the programs."""
        rows = self._db.execute('SELECT * FROM accounts ORDER BY executable')
        for address, lamports, owner, executable, data in rows:
            account = Account(lamports, data, Pubkey.from_bytes(owner), bool(executable))
            yield Pubkey.from_bytes(address), account

    def block(self, slot: int) -> BlockRow | None:
        """The block of this slot, if it has transactions."""
        row = self._db.execute('SELECT * FROM blocks WHERE slot = ?', (slot,)).fetchone()
        return None if row is None else BlockRow(*row)

    def slots(self, first: int, last: int) -> list[int]:
        """Slots from `first` to `last` whose blocks have transactions."""
        sql = 'SELECT slot FROM blocks WHERE slot BETWEEN ? AND ? ORDER BY slot'
        return [slot for (slot,) in self._db.execute(sql, (first, last))]

    def of_block(self, slot: int) -> list[TransactionRow]:
        """The transactions of this slot in their order."""
        sql = 'SELECT * FROM transactions WHERE slot = ? ORDER BY position'
        return [_transaction(row) for row in self._db.execute(sql, (slot,))]

    def transaction(self, signature: bytes) -> TransactionRow | None:
        """The transaction with this signature."""
        sql = 'SELECT * FROM transactions WHERE signature = ?'
        row = self._db.execute(sql, (signature,)).fetchone()
        return None if row is None else _transaction(row)

    def status(self, signature: bytes) -> tuple[int, Any] | None:
        """Slot and error of the transaction with this signature."""
        sql = 'SELECT slot, error FROM transactions WHERE signature = ?'
        row = self._db.execute(sql, (signature,)).fetchone()
        return None if row is None else (row[0], None if row[1] is None else json.loads(row[1]))

    def mentioning(
        self,
        address: bytes,
        last_slot: int,
        before: tuple[int, int] | None,
        until: tuple[int, int],
        limit: int,
    ) -> list[TransactionRow]:
        """Transactions that name this address, newest first, up to `last_slot`.

        before, until: places (slot and position) of transactions that are left out, with all that
        came after or before them.
        """
        end = (last_slot + 1, 0) if before is None else min(before, (last_slot + 1, 0))
        rows = self._db.execute(
            'SELECT transactions.* FROM mentions JOIN transactions USING (slot, position) '
            'WHERE address = ? AND (slot, position) < (?, ?) AND (slot, position) > (?, ?) '
            'ORDER BY slot DESC, position DESC LIMIT ?',
            (address, *end, *until, limit),
        )
        return [_transaction(row) for row in rows]

    def last_time_s(self) -> int:
        """Time of the newest block that is kept; 0 if there is none."""
        sql = 'SELECT time_s FROM blocks ORDER BY slot DESC LIMIT 1'
        row = self._db.execute(sql).fetchone()
        return 0 if row is None else row[0]

    def count(self) -> int:
        """How many transactions there are."""
        (count,) = self._db.execute('SELECT count(*) FROM transactions').fetchone()
        return int(count)


def _transaction(row: Sequence[Any]) -> TransactionRow:
    slot, position, signature, time_s, wire, error, meta, memo = row
    parsed = None if error is None else json.loads(error)
    return TransactionRow(slot, position, signature, time_s, wire, parsed, json.loads(meta), memo)
