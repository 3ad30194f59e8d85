"""The store: one SQLite file for sessions, grants, consents, sealed templates, media and events.

What `transaction()` has left is on the disk: neither `kill -9` nor a power cut takes it back (WAL,
synchronous=FULL), and of a transaction that was interrupted nothing is there. One process keeps the
store: it holds the lock, brings the schema forward, checkpoints and cleans the files. Other parts
of the same camera write beside it. Whoever writes, from whichever thread or process, one does after
another; readers see the last committed state and wait for nobody. Deleted content is overwritten in
the file; what a transaction noted with `leave_no_trace`, `scrub` also cleans from copies in the
file and beside it, if need be after a restart.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmoment_chain import migrations, store_files
from mmoment_chain.clock import Clock
from mmoment_chain.errors import StoreBusy, StoreError, StoreUnusable
from mmoment_chain.store_faults import damaged, told, translated
from mmoment_chain.store_scrubbing import checkpointed, scrubbed
from mmoment_node.durable_files import sync_folder

# Another part of the camera writes for some milliseconds; a person with a database browser may do
# so for long.
BUSY_TIMEOUT_S = 5.0
# Connections kept for readers; more are opened while more threads read, and closed afterwards.
READERS_KEPT = 4
# STRICT tables and RETURNING
OLDEST_SQLITE = (3, 37, 0)

Parameter = str | bytes | int | None


class Query:
    """A look at one state of the store. Valid within its `with` block only."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._clock = clock

    def utc_ms(self) -> int:
        """The time on the wall, by the clock of the store."""
        return self._clock.utc_ms()

    def one(self, sql: str, *parameters: Parameter) -> sqlite3.Row | None:
        """First row of the answer."""
        row: sqlite3.Row | None = self._execute(sql, parameters).fetchone()
        return row

    def all(self, sql: str, *parameters: Parameter) -> list[sqlite3.Row]:
        """Every row of the answer."""
        return self._execute(sql, parameters).fetchall()

    def each(self, sql: str, *parameters: Parameter) -> Iterator[sqlite3.Row]:
        """Yield the rows of an answer that may be long."""
        return iter(self._execute(sql, parameters))

    def count(self, sql: str, *parameters: Parameter) -> int:
        """The one number that the answer is."""
        return int(self._execute(sql, parameters).fetchone()[0])

    def _execute(self, sql: str, parameters: Sequence[Parameter]) -> sqlite3.Cursor:
        if self._connection is None:
            raise RuntimeError('this look at the store has ended')
        return self._connection.execute(sql, parameters)

    def _end(self) -> None:
        self._connection = None


class Transaction(Query):
    """Changes that happen together or not at all; its own reads see them already."""

    def change(self, sql: str, *parameters: Parameter) -> int:
        """Run one statement; returns how many rows it changed."""
        return self._execute(sql, parameters).rowcount

    def leave_no_trace(self) -> None:
        """Note that what this transaction deletes is to be scrubbed from the files as well."""
        self.change('INSERT OR REPLACE INTO scrub_note (id, is_rewritten) VALUES (1, 0)')


class Store:
    """The store at `path`, created if it is not there. Safe to use from several threads.

    read_only: looks only, also while a camera writes; the store must exist.
    beside: writes beside the process that keeps the store, which has made it and brought it to the
    newest version; StoreBusy until it has.
    Raises StoreUnusable, with what to do, if it is damaged, of a newer version, in use, or cannot
    be written.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        read_only: bool = False,
        beside: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise StoreUnusable(
                f'SQLite {sqlite3.sqlite_version} is too old for the store: '
                f'{".".join(map(str, OLDEST_SQLITE))} or newer is needed'
            )
        self.path = path.absolute()
        self.clock = clock
        self.read_only = read_only
        self.beside = beside
        self._busy_timeout_s = busy_timeout_s
        self._writing = threading.Lock()
        self._writing_thread: int | None = None
        self._readers_lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._is_open = False
        with contextlib.ExitStack() as undo:
            try:
                self._lock = self._prepared(undo)
                self._main = self._connect()
                undo.callback(self._main.close)
                self._check_and_migrate()
            except (StoreBusy, StoreUnusable):
                raise
            except (sqlite3.Error, OSError) as error:
                fault = told(error, self.path)
                is_to_wait = beside and isinstance(fault, StoreBusy)
                raise fault if is_to_wait else StoreUnusable(str(fault)) from error
            self._is_open = True
            undo.pop_all()

    def _prepared(self, undo: contextlib.ExitStack) -> store_files.WriterLock | None:
        if self.read_only:
            if not self.path.is_file():
                raise StoreUnusable(f'there is no store at {self.path}: name the right file')
            return None
        if self.beside:
            if not self.path.is_file():
                raise self._not_ready('is not there yet')
            return None
        self.path.parent.mkdir(mode=store_files.FOLDER_MODE, parents=True, exist_ok=True)
        lock = store_files.WriterLock(self.path)
        undo.callback(lock.release)
        store_files.prepare(self.path)
        return lock

    def _connect(self) -> sqlite3.Connection:
        mode = 'ro' if self.read_only else 'rw'
        connection = sqlite3.connect(
            f'{self.path.as_uri()}?mode={mode}',
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        connection.row_factory = sqlite3.Row
        for setting in (
            'synchronous = FULL',
            'foreign_keys = ON',
            'secure_delete = ON',
            'trusted_schema = OFF',
            'cell_size_check = ON',
        ):
            connection.execute(f'PRAGMA {setting}')
        if self.beside:
            # Two processes that checkpoint at once can damage the log: SQLite has that fault up to
            # 3.51.2.
            connection.execute('PRAGMA wal_autocheckpoint = 0')
        return connection

    def _check_and_migrate(self) -> None:
        """Refuse what is no whole store of a known version, before anything is changed."""
        version = migrations.version(self._main, self.path)
        if self.read_only and version != migrations.NEWEST:
            raise StoreUnusable(
                f'store {self.path} has schema {version}, this program reads '
                f'{migrations.NEWEST}: start its camera once with this version'
            )
        if self.beside:
            if version != migrations.NEWEST:
                raise self._not_ready(f'has schema {version}, not yet {migrations.NEWEST}')
            # Whoever keeps the store has looked at its integrity.
            return
        if version:
            check_integrity(self._main, self.path)
        if self.read_only:
            return
        (mode,) = self._main.execute('PRAGMA journal_mode = WAL').fetchone()
        if mode != 'wal':
            raise StoreUnusable(
                f'store {self.path}: this file system takes no write-ahead log: choose a folder '
                'on a local disk'
            )
        migrations.migrate(self._main, version)
        with self._waiting_for_nobody(self._main), contextlib.suppress(sqlite3.Error):
            # What a process that was killed left beside the file; where it cannot go now, it stays.
            checkpointed(self._main)
        sync_folder(self.path.parent)

    def _not_ready(self, how: str) -> StoreBusy:
        return StoreBusy(f'store {self.path} {how}: waiting for session_node to make it so')

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Change the store: what the block did is kept when it ends, and not if it raises.

        Waits for other writers. Raises StoreFull, StoreBusy or another StoreError if the change
        could not be kept; the store can be used on.
        """
        with self._sole_writer() as connection, translated(self.path):
            connection.execute('BEGIN IMMEDIATE')
            tx = Transaction(connection, self.clock)
            try:
                yield tx
                connection.execute('COMMIT')
            finally:
                tx._end()
                if connection.in_transaction:
                    # SQLite may have rolled back by itself.
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute('ROLLBACK')

    @contextlib.contextmanager
    def reading(self) -> Iterator[Query]:
        """Look at the last committed state, which stays the same within the block.

        Within `transaction()` look through the transaction instead: it alone sees its changes.
        """
        with translated(self.path):
            connection = self._reader()
            query = Query(connection, self.clock)
            try:
                connection.execute('BEGIN')
                yield query
            finally:
                query._end()
                self._give_back(connection)

    def backup(self, target: Path) -> None:
        """Write a copy of the last committed state to a new file, whole; writers are not held up.

        The copy is one file and opens as a store. Raises StoreError if it cannot be written.
        """
        with store_files.new_file(target) as draft, translated(target):
            source = self._reader()
            try:
                copy = sqlite3.connect(draft, isolation_level=None)
                try:
                    # In one step: a single moment, however many writers there are.
                    source.backup(copy, pages=-1)
                    copy.execute('PRAGMA journal_mode = DELETE')
                    check_integrity(copy, target)
                finally:
                    copy.close()
            finally:
                self._give_back(source)

    def scrub(self) -> bool:
        """Finish what `leave_no_trace` asked for; True: no trace is left.

        False: somebody reads or writes in another process; to be called again. Waits for nobody
        but writers of this process. Writes the whole store anew, once. For whoever keeps the store.
        """
        if self.beside:
            raise RuntimeError('the process that keeps the store cleans it')
        try:
            with (
                self._sole_writer() as connection,
                self._waiting_for_nobody(connection),
                translated(self.path),
            ):
                return scrubbed(connection)
        except StoreBusy:
            return False

    def close(self) -> None:
        """End all use; waits for a transaction in progress."""
        with self._writing:
            if not self._is_open:
                return
            self._is_open = False
            with self._readers_lock:
                for reader in self._readers:
                    reader.close()
                self._readers.clear()
            self._main.close()
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @contextlib.contextmanager
    def _sole_writer(self) -> Iterator[sqlite3.Connection]:
        if self._writing_thread == threading.get_ident():
            raise RuntimeError('a transaction within a transaction')
        if self.read_only:
            raise RuntimeError('this store was opened for reading')
        with self._writing:
            self._require_open()
            self._writing_thread = threading.get_ident()
            try:
                yield self._main
            finally:
                self._writing_thread = None

    @contextlib.contextmanager
    def _waiting_for_nobody(self, connection: sqlite3.Connection) -> Iterator[None]:
        connection.execute('PRAGMA busy_timeout = 0')
        try:
            yield
        finally:
            connection.execute(f'PRAGMA busy_timeout = {round(self._busy_timeout_s * 1000)}')

    def _reader(self) -> sqlite3.Connection:
        with self._readers_lock:
            self._require_open()
            if self._readers:
                return self._readers.pop()
        connection = self._connect()
        connection.execute('PRAGMA query_only = ON')
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        with self._readers_lock:
            if (
                self._is_open
                and len(self._readers) < READERS_KEPT
                and not connection.in_transaction
            ):
                self._readers.append(connection)
                return
        connection.close()

    def _require_open(self) -> None:
        if not self._is_open:
            raise StoreError(f'store {self.path} is closed')


def check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreUnusable if a page, an index or a reference between tables is wrong."""
    try:
        (finding,) = connection.execute('PRAGMA integrity_check(1)').fetchone()
        orphan = connection.execute('PRAGMA foreign_key_check').fetchone()
    except sqlite3.DatabaseError as error:
        raise told(error, path) from error
    if finding != 'ok':
        raise damaged(path, ' '.join(str(finding).split()))
    if orphan is not None:
        raise damaged(path, f'a row of {orphan[0]} belongs to nothing')
