"""Sessions as the store keeps them. Times are wall clock, in ms since 1970; tokens only as digests.

Who may open, renew or end one is decided elsewhere.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mmoment_chain.store import Query, Transaction


@dataclass(frozen=True, slots=True)
class Session:
    """One stay of a person at the camera."""

    id: str
    wallet: str | None  # None: taken out, by age or because its owner asked
    display_name: str | None
    rights: frozenset[str]
    token_hash: bytes | None  # SHA-256; None: no token opens it any more
    previous_token_hash: bytes | None  # the one before the last renewal
    created_ms: int
    expires_ms: int
    renewed_ms: int
    last_seen_ms: int
    ended_ms: int | None = None
    end_reason: str | None = None
    source: str | None = None  # where the check-in came from

    @property
    def is_open(self) -> bool:
        """Whether nobody and nothing ended it. It may have expired all the same."""
        return self.ended_ms is None

    def __repr__(self) -> str:
        return f'Session({self.id!r}, wallet={self.wallet!r}, ended_ms={self.ended_ms})'


def add(tx: Transaction, session: Session) -> None:
    """Keep a new session. Raises sqlite3.IntegrityError if its id or token is there already."""
    tx.change(
        'INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        session.id,
        session.wallet,
        session.display_name,
        _rights_text(session.rights),
        session.token_hash,
        session.previous_token_hash,
        session.created_ms,
        session.expires_ms,
        session.renewed_ms,
        session.last_seen_ms,
        session.ended_ms,
        session.end_reason,
        session.source,
    )


def get(query: Query, session_id: str) -> Session | None:
    """The session of this id."""
    return _maybe(query.one('SELECT * FROM sessions WHERE id = ?', session_id))


def by_token_hash(query: Query, token_hash: bytes) -> Session | None:
    """The session whose token, or whose token before the last renewal, has this digest."""
    current = query.one('SELECT * FROM sessions WHERE token_hash = ?', token_hash)
    if current is None:
        sql = 'SELECT * FROM sessions WHERE previous_token_hash = ?'
        current = query.one(sql, token_hash)
    return _maybe(current)


def open_sessions(query: Query) -> list[Session]:
    """Those that nothing ended, oldest first."""
    rows = query.all('SELECT * FROM sessions WHERE ended_ms IS NULL ORDER BY created_ms')
    return [_session(row) for row in rows]


def count_open(query: Query) -> int:
    """How many nothing ended."""
    return query.count('SELECT count(*) FROM sessions WHERE ended_ms IS NULL')


def open_of_wallet(query: Query, wallet: str) -> list[Session]:
    """Those of this wallet that nothing ended, oldest first."""
    rows = query.all(
        'SELECT * FROM sessions WHERE wallet = ? AND ended_ms IS NULL ORDER BY created_ms', wallet
    )
    return [_session(row) for row in rows]


def of_wallet(query: Query, wallet: str) -> list[Session]:
    """Every session of this wallet that still names it, oldest first."""
    rows = query.all('SELECT * FROM sessions WHERE wallet = ? ORDER BY created_ms', wallet)
    return [_session(row) for row in rows]


def is_named(query: Query, wallet: str) -> bool:
    """Whether a session still names this wallet."""
    return query.one('SELECT 1 FROM sessions WHERE wallet = ? LIMIT 1', wallet) is not None


def recent(query: Query, limit: int, before_ms: int | None = None) -> list[Session]:
    """The newest sessions, ended or not, newest first; `before_ms` for those created before."""
    rows = query.all(
        'SELECT * FROM sessions WHERE created_ms < ? ORDER BY created_ms DESC LIMIT ?',
        _END_OF_TIME_MS if before_ms is None else before_ms,
        limit,
    )
    return [_session(row) for row in rows]


def renew(
    tx: Transaction, session_id: str, token_hash: bytes, expires_ms: int, now_ms: int
) -> bool:
    """Give an open session a new token; the one in use becomes the previous. False: not open."""
    return bool(
        tx.change(
            'UPDATE sessions SET previous_token_hash = token_hash, token_hash = ?, expires_ms = ?, '
            'renewed_ms = ? WHERE id = ? AND ended_ms IS NULL',
            token_hash,
            expires_ms,
            now_ms,
            session_id,
        )
    )


def forget_previous_token(tx: Transaction, session_id: str) -> None:
    """Let the token before the last renewal open nothing."""
    tx.change('UPDATE sessions SET previous_token_hash = NULL WHERE id = ?', session_id)


def set_last_seen(tx: Transaction, last_seen_ms: Mapping[str, int]) -> None:
    """Note when people were last there, by session id; a time is never put back."""
    for session_id, seen_ms in last_seen_ms.items():
        tx.change(
            'UPDATE sessions SET last_seen_ms = max(last_seen_ms, ?) WHERE id = ?',
            seen_ms,
            session_id,
        )


def move_last_seen(tx: Transaction, shift_ms: int) -> None:
    """Follow a clock that was set by so much, for the open sessions."""
    sql = 'UPDATE sessions SET last_seen_ms = last_seen_ms + ? WHERE ended_ms IS NULL'
    tx.change(sql, shift_ms)


def set_expiry(tx: Transaction, session_id: str, expires_ms: int) -> None:
    """Set when the session ends by itself."""
    tx.change('UPDATE sessions SET expires_ms = ? WHERE id = ?', expires_ms, session_id)


def set_rights(tx: Transaction, session_id: str, rights: Iterable[str]) -> None:
    """Replace the rights of a session."""
    tx.change('UPDATE sessions SET rights = ? WHERE id = ?', _rights_text(rights), session_id)


def end(tx: Transaction, session_id: str, ended_ms: int, reason: str) -> bool:
    """End an open session: no token opens it any more. False: it is not open."""
    return bool(
        tx.change(
            'UPDATE sessions SET ended_ms = ?, end_reason = ?, token_hash = NULL, '
            'previous_token_hash = NULL WHERE id = ? AND ended_ms IS NULL',
            ended_ms,
            reason,
            session_id,
        )
    )


def forget_people(tx: Transaction, ended_before_ms: int) -> int:
    """Take out of long ended sessions what names somebody; returns of how many."""
    count = tx.change(
        'UPDATE sessions SET wallet = NULL, display_name = NULL, source = NULL '
        'WHERE ended_ms < ? AND ended_ms IS NOT NULL AND wallet IS NOT NULL',
        ended_before_ms,
    )
    if count:
        tx.leave_no_trace()
    return count


def erase(tx: Transaction, wallet: str) -> int:
    """Take out of every session of this wallet what names somebody; returns of how many.

    End the open ones first: a session that names nobody speaks for nobody.
    """
    tx.leave_no_trace()
    return tx.change(
        'UPDATE sessions SET wallet = NULL, display_name = NULL, source = NULL, '
        'token_hash = NULL, previous_token_hash = NULL WHERE wallet = ?',
        wallet,
    )


_END_OF_TIME_MS = 2**62


def _rights_text(rights: Iterable[str]) -> str:
    return json.dumps(sorted(rights))


def _maybe(row: sqlite3.Row | None) -> Session | None:
    return None if row is None else _session(row)


def _session(row: sqlite3.Row) -> Session:
    fields = dict(row)
    fields['rights'] = frozenset(json.loads(fields['rights']))
    return Session(**fields)
