"""Whether the media library is what was kept: files, rows, records, signatures.

Looks page by page, so that a camera at work is not held up; what comes or goes meanwhile is no
finding. What events have said about media is held against it too, as far as it still names them;
whether the events are whole, the verification of their log tells.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmoment_chain import media_records, media_signature
from mmoment_chain.media_records import DELETED, MEDIA_ID, MediaRecord, Position
from mmoment_chain.media_signature import OWNER, SESSION
from mmoment_chain.store import Query, Store
from mmoment_stream.media_folder import THUMBNAIL_ENDING, MediaFolder, is_name
from mmoment_stream.media_intake import RECORD_DIGEST, file_digest

ROWS_AT_ONCE = 100


class Fault(str, enum.Enum):
    """Kinds of findings."""

    MISSING = 'missing'
    CHANGED = 'changed'
    ROW = 'row'
    RECORD = 'record'
    SIGNATURE = 'signature'
    PERSON = 'person'
    EXTRA = 'extra'
    VANISHED = 'vanished'


TEXTS = {
    Fault.MISSING: 'its file is missing',
    Fault.CHANGED: 'its file is not the one that was kept',
    Fault.ROW: 'its row does not say what its record says',
    Fault.RECORD: 'its record is not the one that was made when it was kept',
    Fault.SIGNATURE: 'no key of this camera made its signature',
    Fault.PERSON: 'whose it is, or who is on it, is not what was recorded',
    Fault.EXTRA: 'this file is none of the library',
    Fault.VANISHED: 'it was kept and never deleted, and its row is gone',
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong."""

    fault: Fault
    name: str  # of the file, within the folder of the library; of what has vanished its id

    @property
    def text(self) -> str:
        """What is wrong, as a sentence."""
        return TEXTS[self.fault]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it."""

    checked: int  # photos and clips
    findings: tuple[Finding, ...]


def verify(store: Store, folder: MediaFolder, public_keys: Collection[bytes]) -> Verdict:
    """Check everything; reads every file. public_keys: Ed25519, of which one must have signed.

    Raises StoreError, or OSError for a file that cannot be read.
    """
    with store.reading() as query:
        digests = _record_digests(query)
        findings = [Finding(Fault.VANISHED, each) for each in _vanished(query)]
    checked = 0
    for record in _each(store):
        checked += 1
        fault = _fault(store, folder, record, public_keys, digests)
        if fault is not None and _is_still_there(store, record):
            findings.append(Finding(fault, record.filename))
    findings += [Finding(Fault.EXTRA, name) for name in _extra(store, folder)]
    return Verdict(checked, tuple(findings))


def _each(store: Store) -> Iterator[MediaRecord]:
    after = None
    while True:
        with store.reading() as query:
            records = media_records.page(query, ROWS_AT_ONCE, after=after)
        yield from records
        if len(records) < ROWS_AT_ONCE:
            return
        after = Position(records[-1].facts.started_ms, records[-1].media_id)


def _fault(
    store: Store,
    folder: MediaFolder,
    record: MediaRecord,
    public_keys: Collection[bytes],
    digests: dict[str, str],
) -> Fault | None:
    """The first thing that is wrong, from the file on to those who are on it."""
    if not is_name(record.filename):
        return Fault.ROW
    path = folder.look(record.filename)
    if path is None:
        return Fault.MISSING
    if _digest(path) != record.facts.sha256:
        return Fault.CHANGED
    if not _is_signed(record, public_keys):
        return Fault.SIGNATURE
    if digests.get(record.media_id, _record_digest(record)) != _record_digest(record):
        return Fault.RECORD
    try:
        if media_signature.facts_of(record.record) != record.facts:
            return Fault.ROW
        with store.reading() as query:
            return None if _is_theirs(query, record) else Fault.PERSON
    except ValueError:
        return Fault.RECORD


def _is_signed(record: MediaRecord, public_keys: Collection[bytes]) -> bool:
    return any(
        media_signature.verify(record.record, record.signature, public_key)
        for public_key in public_keys
    )


def _is_theirs(query: Query, record: MediaRecord) -> bool:
    """Whether row, openings and commitments agree; of those who were seen some may be erased."""
    openings = media_records.openings(query, record.media_id)
    if not media_signature.is_opened(record.record, openings):
        return False
    stated = {name: opening.value for name, opening in openings.items()}
    committed = media_signature.committed_names(record.record)
    return (
        stated.get(OWNER) == record.wallet
        and stated.get(SESSION) == record.session_id
        and {OWNER, SESSION} & committed <= stated.keys()
    )


def _is_still_there(store: Store, record: MediaRecord) -> bool:
    with store.reading() as query:
        return media_records.get(query, record.media_id) is not None


def _extra(store: Store, folder: MediaFolder) -> Iterator[str]:
    for path in folder.files():
        name = path.name.removesuffix(THUMBNAIL_ENDING)
        with store.reading() as query:
            is_known = media_records.get(query, name) is not None
            is_leaving = any(file.filename == name for file in media_records.leaving(query))
        is_in_place = is_name(name) and folder.path(name).parent == path.parent
        if not (is_in_place and (is_known or is_leaving)) and path.exists():
            yield str(path.relative_to(folder.root))


def _record_digests(query: Query) -> dict[str, str]:
    """By id, the digest of each record that the event log still knows."""
    rows = query.each(
        'SELECT media.value AS media_id, record.value AS digest FROM event_fields AS media '
        'JOIN event_fields AS record ON record.sequence = media.sequence '
        'WHERE media.name = ? AND record.name = ?',
        MEDIA_ID,
        RECORD_DIGEST,
    )
    return {row['media_id']: row['digest'] for row in rows}


def _vanished(query: Query) -> list[str]:
    """Ids of what the event log knows as kept and not as deleted, and which have no row."""
    rows = query.each(
        'SELECT field.value AS media_id FROM event_fields AS field '
        'LEFT JOIN media ON media.media_id = field.value '
        'JOIN events ON events.sequence = field.sequence '
        'WHERE field.name = ? AND media.media_id IS NULL GROUP BY field.value '
        'HAVING sum(instr(events.entry, ?) > 0) = 0 ORDER BY field.value',
        MEDIA_ID,
        f'"kind":"{DELETED}"',
    )
    return [row['media_id'] for row in rows]


def _record_digest(record: MediaRecord) -> str:
    return hashlib.sha256(record.record.encode('utf-8')).hexdigest()


def _digest(path: Path) -> str | None:
    try:
        return file_digest(path)[0]
    except FileNotFoundError:
        return None
