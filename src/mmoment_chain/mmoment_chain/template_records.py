"""Sealed face templates. What is kept here opens with its owner's key only: see the vault."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain.store import Query, Transaction


@dataclass(frozen=True, slots=True)
class TemplateRecord:
    """The sealed template of one person by one model."""

    record_id: str
    wallet: str
    model_id: str
    custody: str  # whose key opens it: `user` or `camera`
    envelope: bytes
    created_ms: int

    def __repr__(self) -> str:
        return f'TemplateRecord({self.record_id!r}, {self.model_id!r}, custody={self.custody!r})'


def put(tx: Transaction, record: TemplateRecord) -> None:
    """Keep a template; it replaces an earlier one of the same wallet and model.

    Raises sqlite3.IntegrityError if another wallet has this record id.
    """
    tx.change(
        'DELETE FROM templates WHERE wallet = ? AND model_id = ?', record.wallet, record.model_id
    )
    tx.change(
        'INSERT INTO templates (record_id, wallet, model_id, custody, envelope, created_ms) '
        'VALUES (?, ?, ?, ?, ?, ?)',
        record.record_id,
        record.wallet,
        record.model_id,
        record.custody,
        record.envelope,
        record.created_ms,
    )


def replace_envelope(tx: Transaction, record_id: str, envelope: bytes) -> bool:
    """Put the same template, sealed to another key, in the place of the old. False: unknown."""
    sql = 'UPDATE templates SET envelope = ? WHERE record_id = ?'
    return bool(tx.change(sql, envelope, record_id))


def get(query: Query, record_id: str) -> TemplateRecord | None:
    """The template of this record id."""
    row = query.one('SELECT * FROM templates WHERE record_id = ?', record_id)
    return None if row is None else TemplateRecord(**dict(row))


def of_wallet(query: Query, wallet: str) -> list[TemplateRecord]:
    """Every template of this wallet, one for each model."""
    rows = query.all('SELECT * FROM templates WHERE wallet = ? ORDER BY model_id', wallet)
    return [TemplateRecord(**dict(row)) for row in rows]


def in_custody(query: Query, custody: str) -> list[TemplateRecord]:
    """Every template that this kind of key opens: what a rotation of that key seals anew."""
    rows = query.all('SELECT * FROM templates WHERE custody = ? ORDER BY record_id', custody)
    return [TemplateRecord(**dict(row)) for row in rows]


def erase(tx: Transaction, wallet: str) -> int:
    """Remove every template of this wallet; returns how many."""
    tx.leave_no_trace()
    return tx.change('DELETE FROM templates WHERE wallet = ?', wallet)
