"""How photos and clips come into the library: whole and on the disk, signed, with row and event.

A file is whole and on the disk among the drafts before its row is; row, what opens its record, and
event are one transaction. Then the file moves to its place. Wherever a kill comes in between,
media_recovery.py finishes it at the next start.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from mmoment_chain import event_log, media_records, media_signature, session_records
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.errors import ChainError, StoreFull
from mmoment_chain.media_records import MEDIA_ID, MediaRecord
from mmoment_chain.media_signature import CLIP, PHOTO, MediaFacts
from mmoment_chain.store import Query, Store, Transaction
from mmoment_stream import durable
from mmoment_stream.errors import Refused
from mmoment_stream.media_draft import ClipDraft, Origin, write_note
from mmoment_stream.media_folder import MediaFolder, new_name, thumbnail_name

TAKEN_EVENTS = {PHOTO: 'photo_taken', CLIP: 'clip_recorded'}
"""Kinds of the events by which something came."""
RECORD_DIGEST = 'record_sha256'
"""Personal field of the event by which something came: SHA-256, hex, of its record."""
CLIP_TYPE = 'video/mp4'
BLOCK_BYTES = 1 << 20
KeyLoader = Callable[[], AbstractContextManager[SigningKey]]


def new_media_id() -> str:
    """Id of something new: 32 hex digits, random."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class ClipLook:
    """What is known of a clip once it is whole."""

    started_ms: int  # capture time of its first picture, since 1970
    duration_ms: int
    width: int  # pixels
    height: int  # pixels
    thumbnail: bytes = b''  # JPEG; empty: none
    people: tuple[str, ...] = ()  # wallets of those who were seen; kept if a session names them


class MediaIntake:
    """The half of the library by which things come. Safe to use from several threads.

    load_key: opens the signing key of the device, which is not held in between.
    """

    def __init__(self, store: Store, folder: MediaFolder, load_key: KeyLoader) -> None:
        self.folder = folder
        self._store = store
        self._load_key = load_key
        # Held while something comes, and while somebody is erased.
        self._coming = threading.Lock()

    def keep_photo(
        self,
        origin: Origin,
        data: bytes,
        *,
        media_id: str,
        mime_type: str,
        started_ms: int,
        width: int,
        height: int,
        thumbnail: bytes = b'',
        people: Sequence[str] = (),
    ) -> MediaRecord:
        """Keep a photo, for good once this returns.

        media_id: from `new_media_id`. started_ms: when it was taken, since 1970. people: wallets of
        those who were seen; whom no session names any more was forgotten, and is left out. Raises
        Refused: disk_full or not_kept; then nothing is there.
        """
        name = new_name(started_ms, mime_type)
        facts = MediaFacts(
            media_id=media_id,
            kind=PHOTO,
            started_ms=started_ms,
            duration_ms=0,
            bytes=len(data),
            width=width,
            height=height,
            mime_type=mime_type,
            trigger=origin.trigger,
            gesture=origin.gesture,
            annotated=origin.annotated,
            sha256=hashlib.sha256(data).hexdigest(),
        )
        try:
            has_thumbnail = self._put_thumbnail(name, thumbnail)
            durable.keep(self.folder.draft(name), data)
            with self._coming:
                return self._kept(origin, name, facts, people, has_thumbnail)
        except BaseException:
            self._discard_unless_kept(name)
            raise

    def begin_clip(self, origin: Origin, started_ms: int) -> ClipDraft:
        """Begin a clip: its `recording` is to be written. A kill from now on loses no more than that.

        started_ms: about when it begins, for its name. Raises Refused: disk_full or not_kept.
        """
        name = new_name(started_ms, CLIP_TYPE)
        draft = ClipDraft.at(self.folder, new_media_id(), name, CLIP_TYPE, origin)
        write_note(self.folder, draft)
        return draft

    def keep_clip(self, draft: ClipDraft, look: ClipLook) -> MediaRecord:
        """Keep a clip whose `path` is whole and on the disk; for good once this returns.

        Raises Refused: disk_full or not_kept; then the draft stays, for another try or the next
        start, unless its person was forgotten meanwhile.
        """
        with durable.refusing():
            digest, size = file_digest(draft.path)
        facts = MediaFacts(
            media_id=draft.media_id,
            kind=CLIP,
            started_ms=look.started_ms,
            duration_ms=look.duration_ms,
            bytes=size,
            width=look.width,
            height=look.height,
            mime_type=draft.mime_type,
            trigger=draft.origin.trigger,
            gesture=draft.origin.gesture,
            annotated=draft.origin.annotated,
            sha256=digest,
        )
        has_thumbnail = False
        with contextlib.suppress(Refused):
            # On a full disk the clip is kept without one.
            has_thumbnail = self._put_thumbnail(draft.name, look.thumbnail)
        try:
            with self._coming:
                if not self.folder.note(draft.name).exists():
                    raise _Forgotten
                kept = self._kept(draft.origin, draft.name, facts, look.people, has_thumbnail)
        except _Forgotten:
            self.discard_clip(draft)
            raise
        with contextlib.suppress(OSError):
            self.folder.forget_recording(draft.name)
        return kept

    def discard_clip(self, draft: ClipDraft) -> None:
        """Let go of a draft, with whatever was recorded."""
        with contextlib.suppress(OSError):
            # What stays is found at the next start.
            self.folder.discard(draft.name)

    def _put_thumbnail(self, name: str, thumbnail: bytes) -> bool:
        if thumbnail:
            durable.keep(self.folder.drafts / thumbnail_name(name), thumbnail)
        return bool(thumbnail)

    def _kept(
        self,
        origin: Origin,
        name: str,
        facts: MediaFacts,
        people: Sequence[str],
        has_thumbnail: bool,
    ) -> MediaRecord:
        """Sign, keep the row, and move the file, which is whole, to its place."""
        data = {'trigger': facts.trigger, 'bytes': facts.bytes}
        # Signed within, so that nobody is erased between who is named and the row that names them.
        with self._changing() as tx, self._load_key() as key:
            _require_known(tx, origin)
            named = tuple(person for person in people if session_records.is_named(tx, person))
            signed = media_signature.signed(key, facts, origin.wallet, origin.session_id, named)
            record = MediaRecord(
                facts=facts,
                filename=name,
                wallet=origin.wallet,
                session_id=origin.session_id,
                people=named,
                favourite=False,
                has_thumbnail=has_thumbnail,
                record=signed.text,
                signature=signed.signature,
            )
            personal = {
                MEDIA_ID: facts.media_id,
                RECORD_DIGEST: hashlib.sha256(signed.text.encode('utf-8')).hexdigest(),
            }
            media_records.add(tx, record, signed.openings)
            event_log.append(tx, TAKEN_EVENTS[facts.kind], origin.wallet, data, personal)
        self.folder.find(name)
        return record

    def _discard_unless_kept(self, name: str) -> None:
        """Leave no draft where there is no row, and no row without its file."""
        with contextlib.suppress(OSError, Refused):
            if not self.has(name):
                self.folder.discard(name)

    def has(self, name: str) -> bool:
        """Whether a file of this name is kept. Raises Refused."""
        with self._reading() as query:
            return media_records.get(query, name) is not None

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Transaction]:
        with _refusing(), self._store.transaction() as tx:
            yield tx

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Query]:
        with _refusing(), self._store.reading() as query:
            yield query


class _Forgotten(Refused):
    def __init__(self) -> None:
        super().__init__('not_kept', 'The person whose this would be was forgotten meanwhile')


def _require_known(tx: Transaction, origin: Origin) -> None:
    """Keep nothing of somebody who was forgotten since it was begun."""
    if origin.wallet is None or origin.session_id is None:
        return
    session = session_records.get(tx, origin.session_id)
    if session is not None and session.wallet != origin.wallet:
        raise _Forgotten


def file_digest(path: Path) -> tuple[str, int]:
    """SHA-256, hex, and length of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open('rb') as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Raise faults of the store and of the keys as what a client is told, with the fault as cause."""
    try:
        yield
    except StoreFull as error:
        raise Refused('disk_full') from error
    except ChainError as error:
        raise Refused('not_kept') from error
