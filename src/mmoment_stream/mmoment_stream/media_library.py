"""The media library: who sees photos and clips, who deletes them, and how they really go.

How they come is media_intake.py. A deletion is the other way round: the row goes, with the event,
and its file is noted as leaving until it is gone, whatever kills the process in between.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from mmoment_chain import event_log, media_records
from mmoment_chain.media_records import DELETED, MEDIA_ID, MediaRecord
from mmoment_chain.store import Query, Transaction
from mmoment_stream import durable
from mmoment_stream.errors import Refused
from mmoment_stream.media_cursor import MediaPage, Viewer, cursor_of, limited, position_of
from mmoment_stream.media_draft import read_note
from mmoment_stream.media_intake import TAKEN_EVENTS, MediaIntake

ASKED, RETENTION = 'asked', 'retention'
"""Reasons of a deletion, beside `media_records.FORGOTTEN`."""
T = TypeVar('T')


class MediaLibrary(MediaIntake):
    """Photos and clips of one camera. Safe to use from several threads."""

    # What is there

    def page(
        self,
        viewer: Viewer,
        *,
        kind: str | None = None,
        wallet: str | None = None,
        limit: int = 0,
        cursor: str = '',
    ) -> MediaPage:
        """The newest that this viewer may see, and where the list goes on.

        wallet: only of this owner. limit: 0 for the usual number. Raises Refused: bad_cursor, malformed.
        """
        limit, after = limited(limit), position_of(cursor)
        if kind not in (None, *TAKEN_EVENTS):
            raise Refused('malformed', f'{kind} is no kind: {" and ".join(TAKEN_EVENTS)} are')
        wallet = wallet if viewer.is_camera_owner else viewer.wallet
        with self._reading() as query:
            # One more than is shown tells whether there is more.
            found = media_records.page(query, limit + 1, after=after, wallet=wallet, kind=kind)
            total = media_records.count(query, wallet=wallet, kind=kind)
        shown = tuple(found[:limit])
        return MediaPage(shown, cursor_of(shown[-1]) if len(found) > limit else '', total)

    def get(self, viewer: Viewer, media: str) -> MediaRecord:
        """One, by its id or file name. Raises Refused no_media, also for what is somebody else's."""
        with self._reading() as query:
            return _visible(query, viewer, media)

    def file(self, record: MediaRecord) -> Path | None:
        """Where its file lies; None: not on this machine."""
        return self.folder.find(record.filename)

    def thumbnail(self, record: MediaRecord) -> Path | None:
        """Where its thumbnail lies; None: it has none."""
        return self.folder.find_thumbnail(record.filename) if record.has_thumbnail else None

    # What goes

    def set_favourite(self, viewer: Viewer, media: str, favourite: bool) -> MediaRecord:
        """Keep one from being deleted to make room, or no more. Raises Refused: no_media, not_kept."""
        with self._changing() as tx:
            record = _visible(tx, viewer, media)
            media_records.set_favourite(tx, record.media_id, favourite)
            return _visible(tx, viewer, record.media_id)

    def delete(self, viewer: Viewer, media: str) -> MediaRecord:
        """Delete one for good. Raises Refused: no_media, also for what is somebody else's; not_kept."""

        def change(tx: Transaction) -> MediaRecord:
            record = _visible(tx, viewer, media)
            _remove(tx, record, ASKED)
            return record

        record = self._removed(change)
        self._try_to_sweep()
        return record

    def retire(self, media_ids: Iterable[str]) -> list[MediaRecord]:
        """Delete these to make room; returns those that went. Raises Refused.

        A favourite stays, also one that became it since it was chosen.
        """
        ids = list(media_ids)

        def change(tx: Transaction) -> list[MediaRecord]:
            found = [media_records.get(tx, media_id) for media_id in ids]
            records = [each for each in found if each is not None and not each.favourite]
            for record in records:
                _remove(tx, record, RETENTION)
            return records

        records = self._removed(change)
        self._try_to_sweep()
        return records

    def erase(self, wallet: str) -> int:
        """Delete everything of a person, what is being recorded too; returns how many files.

        In what is of others nobody knows the person any more. Raises Refused.
        """
        with self._coming:
            files = self._removed(lambda tx: media_records.erase(tx, wallet))
            with durable.refusing():
                for name in self.folder.names_in_drafts():
                    draft = read_note(self.folder, name)
                    if draft is not None and draft.origin.wallet == wallet:
                        self.folder.discard(name)
        self._try_to_sweep()
        return len(files)

    def sweep(self) -> int:
        """Delete the files whose rows are gone; returns how many, those left for later aside.

        To be called again, such as once a minute: the disk may have refused, or another part may
        have removed rows.
        """
        with self._reading() as query:
            here = [file.filename for file in media_records.leaving(query) if file.is_here]
        gone = []
        for name in here:
            with contextlib.suppress(OSError):
                self.folder.delete(name)
                gone.append(name)
        if gone:
            with self._changing() as tx:
                for name in gone:
                    media_records.gone_here(tx, name)
        self.folder.hold_reserve()
        return len(gone)

    def _removed(self, change: Callable[[Transaction], T]) -> T:
        """Remove rows so that files go, which must work on a full disk too."""
        try:
            with self._changing() as tx:
                return change(tx)
        except Refused as error:
            if error.code != 'disk_full' or not self.folder.release_reserve():
                raise
        with self._changing() as tx:
            return change(tx)

    def _try_to_sweep(self) -> None:
        """What was removed is removed, also where the rest has to wait."""
        with contextlib.suppress(Refused):
            self.sweep()


def _visible(query: Query, viewer: Viewer, media: str) -> MediaRecord:
    record = media_records.get(query, media)
    if record is None or not viewer.may_see(record):
        raise Refused('no_media')
    return record


def _remove(tx: Transaction, record: MediaRecord, reason: str) -> None:
    media_records.remove(tx, record.media_id)
    personal = {MEDIA_ID: record.media_id}
    event_log.append(tx, DELETED, record.wallet, {'reason': reason}, personal)
