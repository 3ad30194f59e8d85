"""What the device spent on the chain within the last 24 hours, kept in the store.

A transaction is noted before it is sent, with what it may cost; what is found out later corrects
that. After a kill in between it stays noted: rather too much is counted than too little. Rent that
is locked counts until it has come back. All amounts are in lamports.
"""

from __future__ import annotations

from mmoment_chain.held_back import BUDGET, HeldBack
from mmoment_chain.store import Query, Transaction

DAY_MS = 86_400_000


def spent(query: Query) -> int:
    """Fees of the last 24 hours, and rent that was locked and did not come back in them."""
    row = query.one(
        'SELECT coalesce(sum(fee_lamports), 0), coalesce(sum(rent_lamports), 0) '
        'FROM chain_spending WHERE at_ms > ?',
        query.utc_ms() - DAY_MS,
    )
    assert row is not None
    fees, rent = row
    return int(fees) + max(0, int(rent))


def reserve(tx: Transaction, signature: bytes, fee: int, rent: int, budget: int) -> None:
    """Note a transaction that is about to be sent.

    rent: negative if it comes back. budget: for 24 hours; 0: no limit. Raises HeldBack 'budget'
    if it would be exceeded: then nothing may be sent.
    """
    tx.change('DELETE FROM chain_spending WHERE at_ms <= ?', tx.utc_ms() - DAY_MS)
    tx.change(
        'INSERT OR REPLACE INTO chain_spending VALUES (?, ?, ?, ?)',
        signature,
        tx.utc_ms(),
        fee,
        rent,
    )
    total = spent(tx)
    if budget and total > budget:
        raise HeldBack(
            BUDGET,
            f'With this transaction {total} lamports would be spent in 24 hours, more than the '
            f'{budget} that are allowed: wait, or raise the budget',
        )


def failed(tx: Transaction, signature: bytes) -> None:
    """It is on the chain as failed: the fee is spent, and nothing else."""
    tx.change('UPDATE chain_spending SET rent_lamports = 0 WHERE signature = ?', signature)


def not_sent(tx: Transaction, signature: bytes) -> None:
    """It is not on the chain and never will be: nothing is spent."""
    tx.change('DELETE FROM chain_spending WHERE signature = ?', signature)
