"""The event log: what happened, in an order and a wording that nobody can change unnoticed.

Each entry is a JSON object in canonical form (RFC 8785) with its sequence, time, kind, subject,
data and personal fields; its hash is SHA-256 over the hash of the entry before it (32 zero bytes
before the first) and its own text in UTF-8. Whoever knows the last hash knows that all is there:
what is missing at the end of a log is found only by a hash noted elsewhere.

Personal fields (the subject's wallet, a name, whatever else tells people apart or links what they
did) lie beside the log. The entry has a commitment in their place: SHA-256 over a salt of 32 random
bytes, drawn for this one field, and the field in UTF-8. While salt and field are there, the
commitment proves the field. `erase` deletes both. Wallets are few and public, so a bare digest
could be found by trying them all; with the salt gone, every wallet fits every commitment equally
well, and since no two fields share a salt, two entries of one person look like those of two. The
hashed text is what it was: the chain goes on to verify. What remains says that something of this
kind happened at that time to somebody who asked to be forgotten. `data` is not erased: nothing
personal belongs into it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmoment_chain.canonical_json import canonical, parsed
from mmoment_chain.store import Query, Transaction

HASH_BYTES = 32
GENESIS = bytes(HASH_BYTES)
"""Stands before the first entry."""
SALT_BYTES = 32
SUBJECT = 'subject'
"""Name of the personal field that says whom an entry is about."""
ERASURE = 'erasure'
"""Kind of the tombstone."""

_SHAPE = {'sequence': int, 'time_ms': int, 'kind': str, 'data': dict, 'personal': dict}


@dataclass(frozen=True, slots=True)
class Event:
    """One entry with what is left of its personal fields."""

    sequence: int
    time_ms: int  # wall clock
    kind: str
    subject: str | None  # None: nobody, or erased
    data: Mapping[str, Any]
    personal: Mapping[str, str]  # the subject aside; without what was erased
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the chain found; `first_bad` and `reason` are None if all is well."""

    entries: int  # good ones, from the first on
    head: bytes  # hash of the last good one
    first_bad: int | None = None
    reason: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether every entry is what was written."""
        return self.first_bad is None


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment."""

    salt: bytes
    value: str


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as it is kept or exported."""

    text: str
    hash: bytes
    openings: Mapping[str, Opening]


def append(
    tx: Transaction,
    kind: str,
    subject: str | None = None,
    data: Mapping[str, Any] | None = None,
    personal: Mapping[str, str] | None = None,
) -> Event:
    """Add an entry, in the transaction that does what it records.

    kind: any word. subject: whom it is about, a wallet. data: JSON without fractions, nothing
    personal. personal: further fields that go when the subject, or whom they name, is erased.
    Raises ValueError for what has no canonical form.
    """
    fields = dict(personal or {})
    if SUBJECT in fields:
        raise ValueError('the subject of an event is given by its own name')
    if subject is not None:
        fields[SUBJECT] = subject
    openings = {
        name: Opening(secrets.token_bytes(SALT_BYTES), value) for name, value in fields.items()
    }
    commitments = {name: commitment(opening).hex() for name, opening in openings.items()}
    last, previous = head(tx)
    entry = {
        'sequence': last + 1,
        'time_ms': tx.utc_ms(),
        'kind': kind,
        SUBJECT: commitments.pop(SUBJECT, None),
        'data': dict(data or {}),
        'personal': commitments,
    }
    text = canonical(entry)
    digest = link_hash(previous, text)
    tx.change('INSERT INTO events VALUES (?, ?, ?)', last + 1, text, digest)
    for name, opening in openings.items():
        sql = 'INSERT INTO event_fields VALUES (?, ?, ?, ?)'
        tx.change(sql, last + 1, name, opening.salt, opening.value)
    return _event(Link(text, digest, openings))


def head(query: Query) -> tuple[int, bytes]:
    """Sequence and hash of the last entry; 0 and GENESIS for an empty log."""
    row = query.one('SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1')
    return (0, GENESIS) if row is None else (row['sequence'], row['hash'])


def read(query: Query, after: int = 0, limit: int = 100) -> list[Event]:
    """Entries that follow that sequence, oldest first."""
    return [_event(link) for _, link in links(query, after, limit)]


def of_subject(query: Query, subject: str) -> list[Event]:
    """Every entry about this wallet, oldest first."""
    rows = query.all(
        'SELECT sequence FROM event_fields WHERE value = ? AND name = ? ORDER BY sequence',
        subject,
        SUBJECT,
    )
    return [event for row in rows for event in read(query, row['sequence'] - 1, 1)]


def erase(tx: Transaction, wallet: str) -> int:
    """Delete every personal field of this wallet and add a tombstone; returns how many fields.

    Where the wallet is the subject, all personal fields go; where another field names it, that
    field goes. The tombstone says that somebody was erased, nothing else: neither who nor how much
    or where, since that would link what is to be forgotten. `Store.scrub` removes the traces in
    the file.
    """
    count = tx.change(
        'DELETE FROM event_fields WHERE sequence IN '
        '(SELECT sequence FROM event_fields WHERE value = ? AND name = ?)',
        wallet,
        SUBJECT,
    )
    count += tx.change('DELETE FROM event_fields WHERE value = ?', wallet)
    tx.leave_no_trace()
    append(tx, ERASURE)
    return count


def named_before(query: Query, before_ms: int, after: int = 0, limit: int = 500) -> list[int]:
    """Sequences of entries from before that time with personal fields, which follow `after`."""
    first = query.one('SELECT min(sequence) FROM event_fields WHERE sequence > ?', after)
    if first is None or first[0] is None:
        return []
    rows = query.all(
        # Not by order: the clock may have been set. What was tampered with is no JSON, perhaps.
        'SELECT sequence FROM events WHERE sequence >= ? '
        "AND CASE WHEN json_valid(entry) THEN json_extract(entry, '$.time_ms') < ? END "
        'AND EXISTS (SELECT 1 FROM event_fields WHERE event_fields.sequence = events.sequence) '
        'ORDER BY sequence LIMIT ?',
        first[0],
        before_ms,
        limit,
    )
    return [row['sequence'] for row in rows]


def forget_fields(tx: Transaction, sequences: Iterable[int]) -> int:
    """Delete every personal field of these entries, whoever it is about; returns how many."""
    tx.leave_no_trace()
    sql = 'DELETE FROM event_fields WHERE sequence = ?'
    return sum(tx.change(sql, sequence) for sequence in sequences)


def verify(query: Query, noted: bytes | None = None) -> Verdict:
    """Check every entry, every link and every personal field that is there.

    noted: a hash that was the last one at some time; that entry must still be there.
    """
    return check((link for _, link in links(query)), noted)


def links(query: Query, after: int = 0, limit: int = -1) -> Iterator[tuple[int, Link]]:
    """Yield sequence and link of the entries that follow that sequence; -1 for no limit."""
    rows = query.each(
        'SELECT * FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?', after, limit
    )
    for row in rows:
        fields = query.all('SELECT * FROM event_fields WHERE sequence = ?', row['sequence'])
        openings = {field['name']: Opening(field['salt'], field['value']) for field in fields}
        yield row['sequence'], Link(row['entry'], row['hash'], openings)


def check(chain: Iterator[Link], noted: bytes | None = None) -> Verdict:
    """Follow a chain from its first entry to the first that is not what it must be."""
    good, previous = 0, GENESIS
    is_found = noted is None or noted == GENESIS
    for link in chain:
        reason = fault(link, good + 1, previous)
        if reason is not None:
            return Verdict(good, previous, good + 1, reason)
        good, previous = good + 1, link.hash
        is_found = is_found or previous == noted
    if not is_found:
        reason = 'no entry has the noted hash: the end of the log was cut off, or it is another log'
        return Verdict(good, previous, good + 1, reason)
    return Verdict(good, previous)


def commitment(opening: Opening) -> bytes:
    """What an entry has in the place of a personal field."""
    return hashlib.sha256(opening.salt + opening.value.encode('utf-8')).digest()


def link_hash(previous: bytes, text: str) -> bytes:
    """Hash of an entry that follows the one of hash `previous`."""
    return hashlib.sha256(previous + text.encode('utf-8')).digest()


def fault(link: Link, sequence: int, previous: bytes) -> str | None:
    """What is wrong with an entry that should be number `sequence` and follow that hash."""
    try:
        entry = parsed(link.text)
        is_canonical = canonical(entry) == link.text
    except (ValueError, RecursionError):
        return 'it is no entry'
    if not is_canonical:
        return 'its text is not in canonical form'
    if not _has_shape(entry):
        return 'it is no entry'
    found = entry['sequence']
    if found != sequence:
        return f'its number is {found}: an entry was taken out, added or moved'
    if link_hash(previous, link.text) != link.hash:
        return 'its hash does not follow from its text and the entry before'
    committed = _commitments(entry)
    for name, opening in link.openings.items():
        if commitment(opening).hex() != committed.get(name):
            return f'its personal field {name} is not the one that was recorded'
    return None


def _has_shape(entry: Mapping[str, Any]) -> bool:
    types = {name: type(value) for name, value in entry.items()}
    subject = types.pop(SUBJECT, None)
    return subject in (str, type(None)) and types == _SHAPE


def _commitments(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry['personal'], SUBJECT: entry[SUBJECT]}


def _event(link: Link) -> Event:
    entry = parsed(link.text)
    fields = {name: opening.value for name, opening in link.openings.items()}
    return Event(
        sequence=entry['sequence'],
        time_ms=entry['time_ms'],
        kind=entry['kind'],
        subject=fields.pop(SUBJECT, None),
        data=entry['data'],
        personal=fields,
        hash=link.hash,
    )
