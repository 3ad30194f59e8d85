"""Wallets that were erased here while another part still has to forget them.

The only trace of an erased person, and only for as long as that takes: without it a kill in between
would leave their template where nobody remembers to look.
"""

from __future__ import annotations

from mmoment_chain.store import Query, Transaction


def add(tx: Transaction, wallet: str) -> None:
    """Note somebody who is to be forgotten."""
    tx.change('INSERT OR IGNORE INTO forgetting VALUES (?)', wallet)


def everybody(query: Query) -> list[str]:
    """Who is still to be forgotten."""
    return [row['wallet'] for row in query.all('SELECT wallet FROM forgetting ORDER BY wallet')]


def remove(tx: Transaction, wallet: str) -> None:
    """Somebody was forgotten."""
    if tx.change('DELETE FROM forgetting WHERE wallet = ?', wallet):
        tx.leave_no_trace()
