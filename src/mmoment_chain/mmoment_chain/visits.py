"""Visits as the chain is to be told of them: what the store keeps beside each session.

    to_check_in -> in -> to_check_out -> done

The store itself makes the row with the session, and has a visit that is `in` wait for its check-out
once the session has ended, whoever ended it. A transaction is noted here before it is sent, so that
whatever happens in between, it is known of which transaction the chain is to be asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain.store import Query, Transaction

TO_CHECK_IN, IN, TO_CHECK_OUT, DONE = 'to_check_in', 'in', 'to_check_out', 'done'
_FORGOTTEN = (
    f"state = '{DONE}' AND (subject IS NOT NULL OR signature IS NOT NULL) "
    'AND (SELECT wallet FROM sessions WHERE id = session_id) IS NULL'
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that waits for something. Times are ms since 1970, by this camera's clock."""

    session_id: str
    state: str
    subject: bytes | None  # as on the chain; None: not fixed yet
    wallet: str | None  # base58; None: forgotten
    created_ms: int
    expires_ms: int
    ended_ms: int | None
    end_reason: str | None
    step: str | None  # what was sent last
    signature: bytes | None  # of that
    last_valid_height: int | None  # of that; None: it is decided
    slot: int  # the chain was told of the visit there, or 0

    @property
    def is_undecided(self) -> bool:
        """Whether something was sent of which it is not known what became of it."""
        return self.last_valid_height is not None


def due(query: Query, limit: int, *, is_public: bool) -> list[Visit]:
    """Visits of which the chain is to be told something: those that are undecided, then the oldest.

    is_public: people tell of their check-ins themselves, so only ends wait.
    """
    rows = query.all(
        'SELECT session_id, state, subject, wallet, created_ms, expires_ms, ended_ms, end_reason, '
        'step, signature, last_valid_height, slot '
        'FROM chain_visits JOIN sessions ON sessions.id = session_id '
        f"WHERE state IN ('{TO_CHECK_IN}', '{TO_CHECK_OUT}') "
        'AND (NOT ? OR ended_ms IS NOT NULL) '
        'ORDER BY last_valid_height IS NULL, created_ms, session_id LIMIT ?',
        int(is_public),
        limit,
    )
    return [Visit(**dict(row)) for row in rows]


def unfinished(query: Query) -> list[tuple[str, bytes | None, str | None]]:
    """Visits that the chain may have to be told of: session, subject and wallet."""
    rows = query.all(
        'SELECT session_id, subject, wallet FROM chain_visits '
        f"JOIN sessions ON sessions.id = session_id WHERE state <> '{DONE}'"
    )
    return [tuple(row) for row in rows]


def waiting(query: Query, *, is_public: bool = False) -> int:
    """How many check-ins and check-outs the chain has not been told of."""
    return query.count(
        'SELECT count(*) FROM chain_visits JOIN sessions ON sessions.id = session_id '
        f"WHERE state IN ('{TO_CHECK_IN}', '{TO_CHECK_OUT}') "
        'AND (NOT ? OR ended_ms IS NOT NULL)',
        int(is_public),
    )


def was_told(query: Query) -> bool:
    """Whether the chain was ever told of a visit to this camera."""
    sql = 'SELECT 1 FROM chain_visits WHERE signature IS NOT NULL OR slot > 0 LIMIT 1'
    return query.one(sql) is not None


def refusals(query: Query) -> dict[str, int]:
    """How many visits the chain did not take for good, by the code of the reason."""
    rows = query.all(
        'SELECT refusal, count(*) AS number FROM chain_visits '
        "WHERE refusal IS NOT NULL AND refusal <> 'before_registration' GROUP BY refusal"
    )
    return {row['refusal']: row['number'] for row in rows}


def are_open_there(query: Query) -> bool:
    """Whether the chain was told of a check-in, and not of the end."""
    sql = f"SELECT 1 FROM chain_visits WHERE state IN ('{IN}', '{TO_CHECK_OUT}') LIMIT 1"
    return query.one(sql) is not None


def unnamed(query: Query) -> dict[str, str]:
    """Wallets of visits without a subject, by session."""
    rows = query.all(
        'SELECT session_id, wallet FROM chain_visits JOIN sessions ON sessions.id = session_id '
        f"WHERE state = '{TO_CHECK_IN}' AND subject IS NULL AND wallet IS NOT NULL"
    )
    return {row['session_id']: row['wallet'] for row in rows}


def others_here(query: Query, session_id: str, wallet: str | None) -> bool:
    """Whether this wallet has another session that is open."""
    sql = 'SELECT 1 FROM sessions WHERE wallet = ? AND ended_ms IS NULL AND id <> ? LIMIT 1'
    return query.one(sql, wallet, session_id) is not None


def name(tx: Transaction, session_id: str, subject: bytes) -> None:
    """Fix what the chain knows a visit by."""
    tx.change('UPDATE chain_visits SET subject = ? WHERE session_id = ?', subject, session_id)


def sending(
    tx: Transaction, session_id: str, step: str, signature: bytes, last_valid_height: int
) -> None:
    """Note what is about to be sent."""
    tx.change(
        'UPDATE chain_visits SET step = ?, signature = ?, last_valid_height = ? '
        'WHERE session_id = ?',
        step,
        signature,
        last_valid_height,
        session_id,
    )


def moved(tx: Transaction, session_id: str, state: str, slot: int = 0) -> None:
    """Note where a visit stands, for good; one that is `in` may have to be checked out already."""
    tx.change(
        'UPDATE chain_visits SET slot = ?, last_valid_height = NULL, state = CASE '
        f"WHEN ? = '{IN}' AND (SELECT ended_ms FROM sessions WHERE id = session_id) IS NOT NULL "
        f"THEN '{TO_CHECK_OUT}' ELSE ? END WHERE session_id = ?",
        slot,
        state,
        state,
        session_id,
    )


def not_sent(tx: Transaction, session_id: str) -> None:
    """What was noted last did nothing, and never will."""
    tx.change('UPDATE chain_visits SET last_valid_height = NULL WHERE session_id = ?', session_id)


def leave_out(tx: Transaction, ended_before_ms: int) -> int:
    """Let the chain never hear of visits that were over by then; returns how many those are."""
    return tx.change(
        f"UPDATE chain_visits SET state = '{DONE}', refusal = 'before_registration' "
        f"WHERE state = '{TO_CHECK_IN}' AND last_valid_height IS NULL AND signature IS NULL "
        'AND (SELECT ended_ms FROM sessions WHERE id = session_id) < ?',
        ended_before_ms,
    )


def refused(tx: Transaction, session_id: str, refusal: str) -> None:
    """The chain takes it for good not; refusal: the code."""
    tx.change(
        f"UPDATE chain_visits SET state = '{DONE}', last_valid_height = NULL, refusal = ? "
        'WHERE session_id = ?',
        refusal,
        session_id,
    )


def has_forgotten(query: Query) -> bool:
    """Whether there is something for `forget_wallets`."""
    return query.one(f'SELECT 1 FROM chain_visits WHERE {_FORGOTTEN} LIMIT 1') is not None


def forget_wallets(tx: Transaction) -> int:
    """Take out by what the chain knows the visits of those who were forgotten since.

    A subject is a wallet in public mode, and the signature leads to it. Only once the chain was told of the end: until then nobody else knows whose visit is to end.
    """
    count = tx.change(
        f'UPDATE chain_visits SET subject = NULL, signature = NULL WHERE {_FORGOTTEN}'
    )
    if count:
        tx.leave_no_trace()
    return count
