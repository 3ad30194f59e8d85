"""Sessions without ROS: the book on its store, and a store that is filled with sessions."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from solders.keypair import Keypair

from bench.session_clients import (
    ACTIONS,
    CHECK_IN,
    CHECK_OUT,
    VALIDATE,
    Times,
    repeated,
)
from mmoment_chain import event_log, session_records
from mmoment_chain.challenges import ChallengeBook, ChallengeSettings
from mmoment_chain.check_out import ASKED, LOG_CHECKED_IN, LOG_SESSION
from mmoment_chain.clock import SystemClock
from mmoment_chain.places import STORE_NAME
from mmoment_chain.rate_limit import RateLimit
from mmoment_chain.rights import DEFAULT_RIGHTS
from mmoment_chain.session_records import Session
from mmoment_chain.session_settings import SessionSettings
from mmoment_chain.sessions import SessionBook
from mmoment_chain.store import Store
from mmoment_chain.tokens import new_session_id, new_token, token_digest
from mmoment_chain.wall_clock import WallClockWatch, this_boot

DOMAIN = '127.0.0.1:5002'
CAMERA_ID = 'bench'
NO_LIMIT = RateLimit(burst=100_000, refill_s=0.0001)
# Of the camera: more than there are in any step of the benchmark.
SESSIONS_AT_MOST = 20_000
SESSION_MS = 12 * 3_600_000
ROW_BYTES = 300


def visits(folder: Path, count: int) -> Times:
    """Times of visits to a book on the store in this folder, without a node; at most LONGEST_S long."""
    clock = SystemClock()
    with Store(folder / STORE_NAME, clock) as store:
        settings = ChallengeSettings(
            source_limit=NO_LIMIT,
            wallet_limit=NO_LIMIT,
            answer_limit=NO_LIMIT,
            kept_at_most=SESSIONS_AT_MOST,
        )
        challenges = ChallengeBook(store, CAMERA_ID, [DOMAIN], settings, clock)
        book = SessionBook(
            store,
            challenges,
            CAMERA_ID,
            SessionSettings(at_most=SESSIONS_AT_MOST),
            clock,
            WallClockWatch(clock, this_boot()),
        )
        return repeated(lambda times_ms: _visit(challenges, book, times_ms), count)


def _visit(challenges: ChallengeBook, book: SessionBook, times_ms: Times) -> None:
    person = Keypair()
    wallet = str(person.pubkey())
    begun_s = time.perf_counter()
    text = challenges.issue(wallet, DOMAIN, 'bench').text.encode()
    signature = bytes(person.sign_message(text))
    answer = challenges.check(wallet, text, signature, 'bench')
    token = book.check_in(answer, 'siws', '').token
    times_ms[CHECK_IN].append((time.perf_counter() - begun_s) * 1e3)
    for _ in range(ACTIONS):
        begun_s = time.perf_counter()
        book.session_of(token, 'view')
        times_ms[VALIDATE].append((time.perf_counter() - begun_s) * 1e3)
    begun_s = time.perf_counter()
    book.end([book.session_of(token).id], ASKED)
    times_ms[CHECK_OUT].append((time.perf_counter() - begun_s) * 1e3)


def fill(path: Path, count: int, *, are_over: bool) -> None:
    """Put so many sessions into a store that no node uses, as check-ins leave them."""
    clock = SystemClock()
    with Store(path, clock) as store, store.transaction() as tx:
        for number in range(count):
            session = _session(clock.utc_ms() - count + number)
            session_records.add(tx, session)
            event_log.append(
                tx, LOG_CHECKED_IN, session.wallet, {'source': 'siws'}, {LOG_SESSION: session.id}
            )
            if are_over:
                session_records.end(tx, session.id, clock.utc_ms(), ASKED)


def _session(created_ms: int) -> Session:
    return Session(
        id=new_session_id(),
        wallet=str(Keypair().pubkey()),
        display_name='Somebody',
        rights=frozenset(DEFAULT_RIGHTS),
        token_hash=token_digest(new_token(), CAMERA_ID),
        previous_token_hash=None,
        created_ms=created_ms,
        expires_ms=created_ms + SESSION_MS,
        renewed_ms=created_ms,
        last_seen_ms=created_ms,
        source='siws',
    )


def bare_commits(folder: Path, count: int) -> list[float]:
    """Times of transactions of one row that are on the disk when they end: SQLite alone."""
    connection = sqlite3.connect(folder / 'bare.sqlite3', isolation_level=None)
    for statement in (
        'PRAGMA journal_mode = WAL',
        'PRAGMA synchronous = FULL',
        'CREATE TABLE rows (id INTEGER PRIMARY KEY, content BLOB)',
    ):
        connection.execute(statement)
    times_ms = []
    for _ in range(count):
        content = os.urandom(ROW_BYTES)
        begun_s = time.perf_counter()
        connection.execute('BEGIN IMMEDIATE')
        connection.execute('INSERT INTO rows (content) VALUES (?)', (content,))
        connection.execute('COMMIT')
        times_ms.append((time.perf_counter() - begun_s) * 1e3)
    connection.close()
    return times_ms
