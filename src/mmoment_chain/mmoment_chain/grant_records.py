"""Rights given to wallets by the owner of the camera. Times are wall clock, in ms since 1970."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain.store import Query, Transaction


@dataclass(frozen=True, slots=True)
class Grant:
    """One right of one wallet."""

    wallet: str
    right: str
    granted_by: str
    created_ms: int
    expires_ms: int | None  # None: until it is taken back


_COLUMNS = 'wallet, access AS "right", granted_by, created_ms, expires_ms'


def put(tx: Transaction, grant: Grant) -> None:
    """Give a right; an earlier grant of the same right to the same wallet is replaced."""
    tx.change(
        'INSERT OR REPLACE INTO grants (wallet, access, granted_by, created_ms, expires_ms) '
        'VALUES (?, ?, ?, ?, ?)',
        grant.wallet,
        grant.right,
        grant.granted_by,
        grant.created_ms,
        grant.expires_ms,
    )


def remove(tx: Transaction, wallet: str, right: str) -> bool:
    """Take a right back. False: it was not given."""
    return bool(tx.change('DELETE FROM grants WHERE wallet = ? AND access = ?', wallet, right))


def of_wallet(query: Query, wallet: str, now_ms: int) -> list[Grant]:
    """What this wallet has at that time."""
    rows = query.all(
        f'SELECT {_COLUMNS} FROM grants WHERE wallet = ? '
        'AND (expires_ms IS NULL OR expires_ms > ?) ORDER BY access',
        wallet,
        now_ms,
    )
    return [Grant(**dict(row)) for row in rows]


def everything(query: Query) -> list[Grant]:
    """Every grant, those that expired included, by wallet."""
    rows = query.all(f'SELECT {_COLUMNS} FROM grants ORDER BY wallet, access')
    return [Grant(**dict(row)) for row in rows]


def prune(tx: Transaction, expired_before_ms: int) -> int:
    """Remove grants that expired before that time; returns how many."""
    return tx.change('DELETE FROM grants WHERE expires_ms < ?', expired_before_ms)


def erase(tx: Transaction, wallet: str) -> int:
    """Remove what this wallet was given and what it gave; returns how many grants."""
    given = tx.change('DELETE FROM grants WHERE wallet = ?', wallet)
    return given + tx.change('DELETE FROM grants WHERE granted_by = ?', wallet)
