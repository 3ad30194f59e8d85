"""Events of this camera's log as records of the log on the chain.

Record n is event n: its kind by the table below, the time of the event in ms since 1970, and the
hash of its link. So whoever has the events proves each of them by the head on the chain, and the
chain's count says how many are there: nothing else keeps account of what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from mmoment_chain import event_log
from mmoment_chain.canonical_json import parsed
from mmoment_chain.errors import ChainError
from mmoment_chain.program_layout import NO_HEAD, LogRecord, RecordKind, next_head
from mmoment_chain.store import Query

KINDS = MappingProxyType(
    {
        'checked_in': RecordKind.SESSION,
        'checked_out': RecordKind.SESSION,
        'renewed': RecordKind.SESSION,
        'rights_changed': RecordKind.SESSION,
        'consent_given': RecordKind.CONSENT,
        'consent_withdrawn': RecordKind.CONSENT,
        'template_kept': RecordKind.FACE,
        'templates_deleted': RecordKind.FACE,
        'photo_taken': RecordKind.MEDIA,
        'clip_recorded': RecordKind.MEDIA,
        'media_deleted': RecordKind.MEDIA,
        'right_granted': RecordKind.GRANT,
        'right_taken_back': RecordKind.GRANT,
        'grant_ended': RecordKind.GRANT,
        'stream_started': RecordKind.STREAM,
        'stream_ended': RecordKind.STREAM,
        'keys_in_use': RecordKind.CAMERA,
        'erasure': RecordKind.OTHER,
    }
)
"""Kinds of events; others are OTHER.

For good: the head on the chain follows from it. A kind may be added by the version that is the first
to log it, and by no later one.
"""
# Heads that are remembered, so that any other is a few hashes away.
HEAD_EVERY = 256
READ_AT_ONCE = 2000


class LogDamaged(ChainError):
    """An entry of the event log is not what was written; `sequence` is the first such."""

    def __init__(self, sequence: int, reason: str) -> None:
        self.sequence = sequence
        super().__init__(f'entry {sequence} of the event log: {reason}')


def record_of(text: str, link_hash: bytes) -> LogRecord:
    """The record of an entry, by its text and hash. Raises ValueError if it is no entry."""
    entry = parsed(text)
    kind, time_ms = entry.get('kind'), entry.get('time_ms')
    if not isinstance(kind, str) or not isinstance(time_ms, int):
        raise ValueError('it is no entry')
    # A clock that was never set may stand before 1970.
    return LogRecord(KINDS.get(kind, RecordKind.OTHER), max(0, time_ms), link_hash)


def read(query: Query, after: int, limit: int) -> list[LogRecord]:
    """Records of the entries that follow that one, each checked against the one before it.

    Raises LogDamaged.
    """
    return [record for _, record in _checked(query, after, limit)]


class LogHeads:
    """Heads that a chain must have which was told of this log. One thread at a time uses it."""

    def __init__(self) -> None:
        self._heads = [NO_HEAD]  # after each HEAD_EVERY entries, from none on

    def at(self, query: Query, count: int) -> bytes | None:
        """Head after that many records; None: the log has fewer. Raises LogDamaged."""
        last, _ = event_log.head(query)
        if count > last:
            return None
        known = min(count // HEAD_EVERY, len(self._heads) - 1)
        reached, head = known * HEAD_EVERY, self._heads[known]
        while reached < count:
            for number, record in _checked(query, reached, min(READ_AT_ONCE, count - reached)):
                head = next_head(head, number, record)
                if number == len(self._heads) * HEAD_EVERY:
                    self._heads.append(head)
                reached = number
        return head


def _checked(query: Query, after: int, limit: int) -> Iterator[tuple[int, LogRecord]]:
    """Yield number and record of entries that follow `after`."""
    before = query.one('SELECT hash FROM events WHERE sequence = ?', after)
    if before is None and after:
        raise LogDamaged(after, 'it is not there')
    previous = event_log.GENESIS if before is None else bytes(before['hash'])
    sql = 'SELECT sequence, entry, hash FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?'
    number = after
    for row in query.each(sql, after, limit):
        number += 1
        text, digest = row['entry'], row['hash']
        if row['sequence'] != number:
            raise LogDamaged(number, 'it is not there')
        if event_log.link_hash(previous, text) != digest:
            raise LogDamaged(number, 'its hash does not follow from its text and the entry before')
        try:
            record = record_of(text, digest)
        except ValueError as error:
            raise LogDamaged(number, f'it cannot be read ({error})') from None
        yield number, record
        previous = digest
