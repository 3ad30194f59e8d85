"""What people agreed to: which version of which text, when, and until when they stood by it.

Times are wall clock, in ms since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain.store import Query, Transaction


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent of one wallet."""

    wallet: str
    text_version: str  # names the text as well, such as `recognition-1`
    given_ms: int
    withdrawn_ms: int | None = None


_COLUMNS = 'wallet, text_version, given_ms, withdrawn_ms'


def give(tx: Transaction, wallet: str, text_version: str, now_ms: int) -> bool:
    """Record a consent. False, and nothing changes, if it stands already."""
    return bool(
        tx.change(
            'INSERT INTO consents (wallet, text_version, given_ms) VALUES (?, ?, ?) '
            'ON CONFLICT DO NOTHING',
            wallet,
            text_version,
            now_ms,
        )
    )


def withdraw(tx: Transaction, wallet: str, text_version: str, now_ms: int) -> bool:
    """End a consent; that it was given is kept. False: it does not stand."""
    return bool(
        tx.change(
            'UPDATE consents SET withdrawn_ms = ? WHERE wallet = ? AND text_version = ? '
            'AND withdrawn_ms IS NULL',
            now_ms,
            wallet,
            text_version,
        )
    )


def standing(query: Query, wallet: str) -> list[Consent]:
    """What this wallet agreed to and did not withdraw, oldest first."""
    return [consent for consent in history(query, wallet) if consent.withdrawn_ms is None]


def history(query: Query, wallet: str) -> list[Consent]:
    """Everything this wallet ever agreed to, oldest first."""
    rows = query.all(f'SELECT {_COLUMNS} FROM consents WHERE wallet = ? ORDER BY id', wallet)
    return [Consent(**dict(row)) for row in rows]


def erase(tx: Transaction, wallet: str) -> int:
    """Remove every consent of this wallet; returns how many."""
    tx.leave_no_trace()
    return tx.change('DELETE FROM consents WHERE wallet = ?', wallet)
