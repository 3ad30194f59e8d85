"""Challenges that were issued, and whether they were answered. Nonces only as digests.

Times are wall clock, in ms since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain.store import Query, Transaction

# In the place of a wallet that was erased; no wallet is written like that.
NOBODY = ''


@dataclass(frozen=True, slots=True)
class ChallengeRecord:
    """One challenge."""

    nonce_hash: bytes  # SHA-256
    wallet: str  # NOBODY: erased
    domain: str
    issued_ms: int
    expires_ms: int
    used_ms: int | None = None


def add(tx: Transaction, challenge: ChallengeRecord) -> bool:
    """Keep a challenge. False, and nothing changes, if its nonce is known already."""
    return bool(
        tx.change(
            'INSERT INTO challenges VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
            challenge.nonce_hash,
            challenge.wallet,
            challenge.domain,
            challenge.issued_ms,
            challenge.expires_ms,
            challenge.used_ms,
        )
    )


def get(query: Query, nonce_hash: bytes) -> ChallengeRecord | None:
    """The challenge of this nonce, used or not."""
    row = query.one('SELECT * FROM challenges WHERE nonce_hash = ?', nonce_hash)
    return None if row is None else ChallengeRecord(**dict(row))


def use(tx: Transaction, nonce_hash: bytes, now_ms: int) -> bool:
    """Use a challenge up. False: it is unknown or was used before."""
    return bool(
        tx.change(
            'UPDATE challenges SET used_ms = ? WHERE nonce_hash = ? AND used_ms IS NULL',
            now_ms,
            nonce_hash,
        )
    )


def count(query: Query) -> int:
    """How many are kept."""
    return query.count('SELECT count(*) FROM challenges')


def prune(tx: Transaction, expired_before_ms: int) -> int:
    """Remove challenges that expired before that time, used or not; returns how many.

    A used one stays until it would have expired: until then it is what refuses a second use.
    """
    return tx.change('DELETE FROM challenges WHERE expires_ms < ?', expired_before_ms)


def erase(tx: Transaction, wallet: str) -> int:
    """Take this wallet out of every challenge; returns how many. An unanswered one is void then.

    Of a used one the digest stays until it would have expired: what was signed before an erasure
    must not open a session after it.
    """
    tx.leave_no_trace()
    count = tx.change('DELETE FROM challenges WHERE wallet = ? AND used_ms IS NULL', wallet)
    return count + tx.change('UPDATE challenges SET wallet = ? WHERE wallet = ?', NOBODY, wallet)
