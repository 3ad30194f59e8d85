"""Photos and clips as the store keeps them, and which files are still to be deleted.

Times are wall clock, in ms since 1970. Who may see or delete one is decided elsewhere; so is when
a file itself comes or goes. Whose row is removed, its file is noted in the same transaction until
it is gone, here and in the remote store.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from mmoment_chain import event_log
from mmoment_chain.event_log import Opening
from mmoment_chain.media_signature import OWNER, PERSON, SESSION, MediaFacts
from mmoment_chain.store import Parameter, Query, Transaction

MEDIA_ID = 'media_id'
"""Name of the personal field by which an event says which photo or clip it is about."""
DELETED = 'media_deleted'
"""Kind of the event; its data say the reason."""
FORGOTTEN = 'forgotten'
"""The reason where a person is forgotten."""


@dataclass(frozen=True, slots=True)
class MediaRecord:
    """One photo or clip."""

    facts: MediaFacts  # what is signed
    filename: str
    wallet: str | None  # None: of the owner of the camera
    session_id: str | None
    people: tuple[str, ...]  # wallets of those who were seen, as far as they are still known
    favourite: bool
    has_thumbnail: bool
    record: str  # the text that is signed
    signature: bytes
    uploaded_ms: int | None = None

    @property
    def media_id(self) -> str:
        """32 hex digits."""
        return self.facts.media_id


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list, which stays the same whatever comes or goes."""

    started_ms: int
    media_id: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """What retention needs to know."""

    media_id: str
    started_ms: int
    bytes: int
    is_uploaded: bool = False  # whole in the remote store


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Leaving:
    """A file without a row, which is still to be deleted."""

    filename: str
    is_here: bool
    is_remote: bool


_FACTS = tuple(each.name for each in fields(MediaFacts))
_OTHERS = (
    'filename',
    'wallet',
    'session_id',
    'favourite',
    'has_thumbnail',
    'record',
    'signature',
    'uploaded_ms',
)
_COLUMNS = (*_FACTS, *_OTHERS)
_PEOPLE = (
    '(SELECT json_group_array(value) FROM (SELECT value FROM media_fields AS field '
    f"WHERE field.media_id = media.media_id AND field.name GLOB '{PERSON}*' "
    f'ORDER BY CAST(substr(field.name, {len(PERSON) + 1}) AS INTEGER))) AS people'
)
_SELECT = f'SELECT {", ".join(_COLUMNS)}, {_PEOPLE} FROM media'


def add(tx: Transaction, record: MediaRecord, openings: Mapping[str, Opening]) -> None:
    """Keep a new one. `people` comes from the openings. Raises sqlite3.IntegrityError: it is there."""
    values: list[Parameter] = [getattr(record.facts, name) for name in _FACTS]
    values += [getattr(record, name) for name in _OTHERS]
    marks = ', '.join('?' * len(_COLUMNS))
    tx.change(f'INSERT INTO media ({", ".join(_COLUMNS)}) VALUES ({marks})', *values)
    for name, opening in openings.items():
        sql = 'INSERT INTO media_fields VALUES (?, ?, ?, ?)'
        tx.change(sql, record.media_id, name, opening.salt, opening.value)


def get(query: Query, media: str) -> MediaRecord | None:
    """The one of this id or file name."""
    row = query.one(f'{_SELECT} WHERE media_id = ?', media)
    row = row or query.one(f'{_SELECT} WHERE filename = ?', media)
    return None if row is None else _media(row)


def page(
    query: Query,
    limit: int,
    *,
    after: Position | None = None,
    wallet: str | None = None,
    kind: str | None = None,
) -> list[MediaRecord]:
    """The newest, newest first; those that follow `after` in that order.

    wallet, kind: only of this owner, of this kind.
    """
    where, values = _filters(wallet, kind)
    if after is not None:
        where.append('(started_ms, media_id) < (?, ?)')
        values += [after.started_ms, after.media_id]
    sql = f'{_SELECT}{_where(where)} ORDER BY started_ms DESC, media_id DESC LIMIT ?'
    return [_media(row) for row in query.all(sql, *values, limit)]


def count(query: Query, *, wallet: str | None = None, kind: str | None = None) -> int:
    """How many there are, of this owner and of this kind if these are given."""
    where, values = _filters(wallet, kind)
    return query.count(f'SELECT count(*) FROM media{_where(where)}', *values)


def totals(query: Query) -> Totals:
    """How many there are, and how many bytes their files have."""
    row = query.one('SELECT count(*), coalesce(sum(bytes), 0) FROM media')
    return Totals(0, 0) if row is None else Totals(row[0], row[1])


def oldest(query: Query) -> Iterator[Candidate]:
    """Yield those that may be deleted to make room, oldest first: neither favourites nor the newest."""
    rows = query.each(
        'SELECT media_id, started_ms, bytes, uploaded_ms IS NOT NULL FROM media '
        'WHERE favourite = 0 AND media_id <> '
        '(SELECT media_id FROM media ORDER BY started_ms DESC, media_id DESC LIMIT 1) '
        'ORDER BY started_ms, media_id'
    )
    return (Candidate(row[0], row[1], row[2], bool(row[3])) for row in rows)


def openings(query: Query, media_id: str) -> dict[str, Opening]:
    """What opens the commitments of its record, as far as it was not erased."""
    rows = query.all('SELECT name, salt, value FROM media_fields WHERE media_id = ?', media_id)
    return {row['name']: Opening(row['salt'], row['value']) for row in rows}


def set_favourite(tx: Transaction, media_id: str, favourite: bool) -> bool:
    """Keep it from being deleted to make room, or no more. False: there is none."""
    return bool(tx.change('UPDATE media SET favourite = ? WHERE media_id = ?', favourite, media_id))


def remove(tx: Transaction, media_id: str) -> bool:
    """Remove the row, and note its file as leaving. False: there is none."""
    tx.change(
        'INSERT OR REPLACE INTO media_leaving '
        'SELECT filename, 1, upload_begun FROM media WHERE media_id = ?',
        media_id,
    )
    return bool(tx.change('DELETE FROM media WHERE media_id = ?', media_id))


def erase(tx: Transaction, wallet: str) -> list[str]:
    """Remove every one of this wallet, and take it out of those of others; returns the files.

    The files are noted as leaving. What events say about them goes too; one more event, without a
    name or a number, says that somebody's were deleted.
    """
    tx.leave_no_trace()
    rows = tx.all('SELECT media_id, filename FROM media WHERE wallet = ?', wallet)
    for row in rows:
        events = tx.all(
            'SELECT sequence FROM event_fields WHERE value = ? AND name = ?',
            row['media_id'],
            MEDIA_ID,
        )
        event_log.forget_fields(tx, [event['sequence'] for event in events])
        remove(tx, row['media_id'])
    if rows:
        event_log.append(tx, DELETED, data={'reason': FORGOTTEN})
    forget_seen(tx, wallet)
    return [row['filename'] for row in rows]


def forget_seen(tx: Transaction, wallet: str) -> int:
    """Take this wallet out of photos and clips of others in which it was seen; returns of how many.

    Their records stay as they were signed, and name nobody there.
    """
    tx.leave_no_trace()
    return tx.change(
        'DELETE FROM media_fields WHERE value = ? AND name <> ? AND name <> ? AND media_id IN '
        '(SELECT media_id FROM media WHERE wallet IS NOT ?)',
        wallet,
        OWNER,
        SESSION,
        wallet,
    )


def leaving(query: Query) -> list[Leaving]:
    """Files that are still to be deleted."""
    rows = query.all('SELECT * FROM media_leaving ORDER BY filename')
    return [Leaving(row['filename'], bool(row['is_here']), bool(row['is_remote'])) for row in rows]


def gone_here(tx: Transaction, filename: str) -> None:
    """The file is no more in the folder of the camera."""
    tx.change('UPDATE media_leaving SET is_here = 0 WHERE filename = ?', filename)
    _drop_gone(tx, filename)


def gone_remote(tx: Transaction, filename: str) -> None:
    """The file is no more in the remote store."""
    tx.change('UPDATE media_leaving SET is_remote = 0 WHERE filename = ?', filename)
    _drop_gone(tx, filename)


def to_upload(query: Query, limit: int) -> list[MediaRecord]:
    """Those that are not in the remote store yet, oldest first."""
    sql = f'{_SELECT} WHERE uploaded_ms IS NULL ORDER BY started_ms LIMIT ?'
    return [_media(row) for row in query.all(sql, limit)]


def count_to_upload(query: Query) -> int:
    """How many are not in the remote store yet."""
    return query.count('SELECT count(*) FROM media WHERE uploaded_ms IS NULL')


def begin_upload(tx: Transaction, media_id: str) -> bool:
    """Note that something of it may be in the remote store from now on. False: there is none."""
    return bool(tx.change('UPDATE media SET upload_begun = 1 WHERE media_id = ?', media_id))


def set_uploaded(tx: Transaction, media_id: str, now_ms: int) -> bool:
    """It is whole in the remote store. False: it was removed meanwhile."""
    return bool(tx.change('UPDATE media SET uploaded_ms = ? WHERE media_id = ?', now_ms, media_id))


def _drop_gone(tx: Transaction, filename: str) -> None:
    sql = 'DELETE FROM media_leaving WHERE filename = ? AND NOT is_here AND NOT is_remote'
    tx.change(sql, filename)


def _filters(wallet: str | None, kind: str | None) -> tuple[list[str], list[Parameter]]:
    given = {'wallet': wallet, 'kind': kind}
    chosen = {name: value for name, value in given.items() if value is not None}
    return [f'{name} = ?' for name in chosen], list(chosen.values())


def _where(conditions: list[str]) -> str:
    return f' WHERE {" AND ".join(conditions)}' if conditions else ''


def _media(row: sqlite3.Row) -> MediaRecord:
    values = dict(row)
    facts = {name: values.pop(name) for name in _FACTS}
    facts['annotated'] = bool(facts['annotated'])
    for name in ('favourite', 'has_thumbnail'):
        values[name] = bool(values[name])
    values['people'] = tuple(json.loads(values['people']))
    return MediaRecord(facts=MediaFacts(**facts), **values)
