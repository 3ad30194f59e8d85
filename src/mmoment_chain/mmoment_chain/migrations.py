"""The schema of the store, as the steps that lead to it.

Steps are only ever added: a store of any earlier version is brought forward, each step in a
transaction of its own. The version is SQLite's `user_version`; `application_id` says whose file
it is.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mmoment_chain.errors import StoreUnusable

APPLICATION_ID = int.from_bytes(b'MMst', 'big')

FIRST = (
    # A token is kept as its digest only. What names a person may be NULL: it is taken out when a
    # session has been over for long enough, or when its owner asks for it.
    """CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        wallet TEXT,
        display_name TEXT,
        rights TEXT NOT NULL,
        token_hash BLOB,
        previous_token_hash BLOB,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        renewed_ms INTEGER NOT NULL,
        last_seen_ms INTEGER NOT NULL,
        ended_ms INTEGER,
        end_reason TEXT,
        source TEXT
    ) STRICT""",
    'CREATE UNIQUE INDEX sessions_token ON sessions (token_hash) WHERE token_hash IS NOT NULL',
    """CREATE INDEX sessions_previous_token ON sessions (previous_token_hash)
        WHERE previous_token_hash IS NOT NULL""",
    'CREATE INDEX sessions_wallet ON sessions (wallet, created_ms)',
    'CREATE INDEX sessions_open ON sessions (created_ms) WHERE ended_ms IS NULL',
    'CREATE INDEX sessions_created ON sessions (created_ms)',
    # Only those that still name somebody: what is to be taken out is found at once.
    """CREATE INDEX sessions_ended ON sessions (ended_ms)
        WHERE ended_ms IS NOT NULL AND wallet IS NOT NULL""",
    """CREATE TABLE grants (
        wallet TEXT NOT NULL,
        access TEXT NOT NULL,
        granted_by TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER,
        PRIMARY KEY (wallet, access)
    ) STRICT, WITHOUT ROWID""",
    'CREATE INDEX grants_expiry ON grants (expires_ms) WHERE expires_ms IS NOT NULL',
    'CREATE INDEX grants_giver ON grants (granted_by)',
    """CREATE TABLE challenges (
        nonce_hash BLOB PRIMARY KEY,
        wallet TEXT NOT NULL,
        domain TEXT NOT NULL,
        issued_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        used_ms INTEGER
    ) STRICT, WITHOUT ROWID""",
    'CREATE INDEX challenges_expiry ON challenges (expires_ms)',
    'CREATE INDEX challenges_wallet ON challenges (wallet)',
    """CREATE TABLE consents (
        id INTEGER PRIMARY KEY,
        wallet TEXT NOT NULL,
        text_version TEXT NOT NULL,
        given_ms INTEGER NOT NULL,
        withdrawn_ms INTEGER
    ) STRICT""",
    'CREATE INDEX consents_wallet ON consents (wallet)',
    """CREATE UNIQUE INDEX consents_standing ON consents (wallet, text_version)
        WHERE withdrawn_ms IS NULL""",
    """CREATE TABLE templates (
        record_id TEXT PRIMARY KEY,
        wallet TEXT NOT NULL,
        model_id TEXT NOT NULL,
        custody TEXT NOT NULL,
        envelope BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        UNIQUE (wallet, model_id)
    ) STRICT, WITHOUT ROWID""",
    # `entry` is the very text that was hashed.
    """CREATE TABLE events (
        sequence INTEGER PRIMARY KEY,
        entry TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT""",
    """CREATE TRIGGER events_follow BEFORE INSERT ON events
        WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM events)
        BEGIN SELECT RAISE(ABORT, 'events are only ever added at the end'); END""",
    """CREATE TRIGGER events_stay BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END""",
    """CREATE TRIGGER events_are_kept BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END""",
    """CREATE TABLE event_fields (
        sequence INTEGER NOT NULL REFERENCES events (sequence),
        name TEXT NOT NULL,
        salt BLOB NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (sequence, name)
    ) STRICT, WITHOUT ROWID""",
    'CREATE INDEX event_fields_value ON event_fields (value)',
    # One row: how far the clock on the wall was ahead of the time since that start of the machine.
    """CREATE TABLE clock_note (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        boot_id TEXT NOT NULL,
        offset_ms INTEGER NOT NULL
    ) STRICT""",
)

SCRUBBING = (
    # One row while something that was erased may still be read in the files of the store, also
    # after a kill; `is_rewritten` once only readers stand in the way.
    """CREATE TABLE scrub_note (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        is_rewritten INTEGER NOT NULL
    ) STRICT""",
)

FORGETTING = (
    # Whom the part that knows faces is still to forget; gone as soon as it has.
    'CREATE TABLE forgetting (wallet TEXT PRIMARY KEY) STRICT, WITHOUT ROWID',
)

MEDIA = (
    # Photos and clips. `record` is the very text that the device signed. Without a wallet it is one
    # of the owner of the camera.
    """CREATE TABLE media (
        media_id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        filename TEXT NOT NULL UNIQUE,
        wallet TEXT,
        session_id TEXT,
        started_ms INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        mime_type TEXT NOT NULL,
        trigger TEXT NOT NULL,
        gesture TEXT NOT NULL,
        annotated INTEGER NOT NULL,
        favourite INTEGER NOT NULL,
        has_thumbnail INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        record TEXT NOT NULL,
        signature BLOB NOT NULL,
        upload_begun INTEGER NOT NULL DEFAULT 0,
        uploaded_ms INTEGER
    ) STRICT""",
    # With what retention looks at: it never reads the rows themselves.
    'CREATE INDEX media_started ON media (started_ms, media_id, favourite, bytes)',
    'CREATE INDEX media_wallet ON media (wallet, started_ms, media_id)',
    'CREATE INDEX media_not_uploaded ON media (started_ms) WHERE uploaded_ms IS NULL',
    # What opens the commitments of a record: whose it is, in which session, who was seen.
    """CREATE TABLE media_fields (
        media_id TEXT NOT NULL REFERENCES media (media_id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        salt BLOB NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (media_id, name)
    ) STRICT, WITHOUT ROWID""",
    'CREATE INDEX media_fields_value ON media_fields (value)',
    # Files whose row is gone and that are still to be deleted: here, in the remote store, or both.
    """CREATE TABLE media_leaving (
        filename TEXT PRIMARY KEY,
        is_here INTEGER NOT NULL,
        is_remote INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

CHAIN = (
    # Every session, as a visit that the chain is to be told of. `step`: what was sent last, decided
    # once `last_valid_height` is NULL. `subject` is what the chain knows the visit by.
    """CREATE TABLE chain_visits (
        session_id TEXT PRIMARY KEY REFERENCES sessions (id),
        state TEXT NOT NULL DEFAULT 'to_check_in'
            CHECK (state IN ('to_check_in', 'in', 'to_check_out', 'done')),
        subject BLOB,
        step TEXT,
        signature BLOB,
        last_valid_height INTEGER,
        slot INTEGER NOT NULL DEFAULT 0,
        refusal TEXT
    ) STRICT""",
    """CREATE INDEX chain_visits_waiting ON chain_visits (state)
        WHERE state IN ('to_check_in', 'to_check_out')""",
    # Whoever opens and ends sessions knows nothing of a chain.
    """CREATE TRIGGER chain_visits_begin AFTER INSERT ON sessions
        BEGIN INSERT INTO chain_visits (session_id) VALUES (NEW.id); END""",
    """CREATE TRIGGER chain_visits_end AFTER UPDATE OF ended_ms ON sessions
        WHEN NEW.ended_ms IS NOT NULL
        BEGIN UPDATE chain_visits SET state = 'to_check_out'
            WHERE session_id = NEW.id AND state = 'in'; END""",
    'INSERT INTO chain_visits (session_id) SELECT id FROM sessions WHERE ended_ms IS NULL',
    # What transactions cost, or may: noted before they are sent. Rent that came back is negative.
    """CREATE TABLE chain_spending (
        signature BLOB PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        fee_lamports INTEGER NOT NULL,
        rent_lamports INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    'CREATE INDEX chain_spending_at ON chain_spending (at_ms)',
)

STEPS: tuple[tuple[str, ...], ...] = (FIRST, SCRUBBING, FORGETTING, MEDIA, CHAIN)
NEWEST = len(STEPS)


def version(connection: sqlite3.Connection, path: Path) -> int:
    """Version of the schema; 0 for an empty file. Raises StoreUnusable if we cannot know it."""
    (found,) = connection.execute('PRAGMA user_version').fetchone()
    (owner,) = connection.execute('PRAGMA application_id').fetchone()
    (tables,) = connection.execute('SELECT count(*) FROM sqlite_schema').fetchone()
    if owner != APPLICATION_ID and (owner or found or tables):
        raise StoreUnusable(f'{path} is a database of another program: choose another file')
    if found > NEWEST:
        raise StoreUnusable(
            f'store {path} has schema {found}, this program knows {NEWEST} at most: update the '
            'camera, or put a backup of the earlier version in its place'
        )
    return int(found)


def migrate(
    connection: sqlite3.Connection, start: int, steps: tuple[tuple[str, ...], ...] = STEPS
) -> None:
    """Bring the schema forward from version `start`; a step is done whole or not at all."""
    for number, step in enumerate(steps[start:], start + 1):
        connection.execute('BEGIN IMMEDIATE')
        try:
            for statement in step:
                connection.execute(statement)
            connection.execute(f'PRAGMA application_id = {APPLICATION_ID}')
            connection.execute(f'PRAGMA user_version = {number}')
            connection.execute('COMMIT')
        except BaseException:
            if connection.in_transaction:
                connection.execute('ROLLBACK')
            raise
