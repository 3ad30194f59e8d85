"""Copies every photo and clip to the remote store, and deletes there what was deleted here.

The queue is the store of the camera itself: a row that is not uploaded, and a file that is still to
be deleted, stay so until the remote store has shown that it is done. Neither a kill nor a year
without a network loses anything. Beside each file goes its signed record, as NAME.json, so that a
copy can be verified by whoever has no more than the public key.
"""

from __future__ import annotations

import hashlib
import io
import threading
from dataclasses import dataclass
from typing import BinaryIO

from mmoment_chain import media_records
from mmoment_chain.canonical_json import canonical
from mmoment_chain.errors import StoreError
from mmoment_chain.media_records import MediaRecord
from mmoment_chain.store import Store
from mmoment_node.recovery import BackOff, Recovery, RecoverySnapshot
from mmoment_stream.media_folder import MediaFolder, day_of, is_name
from mmoment_stream.media_remote import Differs, NotWanted, RemoteFault, RemoteStore

RECORD_ENDING = '.json'
BACK_OFF = BackOff(first_s=1.0, cap_s=300.0)
# If nobody says that there is something to do.
IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """How far it is."""

    pending: int  # photos and clips that are not in the remote store yet
    leaving: int  # files that are still to be deleted there
    recovery: RecoverySnapshot  # with the last error and the next try
    problem: str  # about files of this machine that cannot be uploaded; empty: none


class MediaUpload:
    """Works in one thread (`run`); the rest may be called from any."""

    def __init__(
        self,
        store: Store,
        folder: MediaFolder,
        remote: RemoteStore,
        recovery: Recovery | None = None,
    ) -> None:
        self._store = store
        self._folder = folder
        self._remote = remote
        self._recovery = recovery or Recovery(back_off=BACK_OFF)
        self._news = threading.Event()
        # Ids of what cannot be uploaded, and why; tried again after a restart.
        self._problems: dict[str, str] = {}
        self._has_deletion_failed = False

    def run(self) -> None:
        """Work until `stop`. What is under way then is given up at once."""
        while True:
            self._news.clear()
            if self._recovery.cancelled:
                return
            try:
                has_worked = self.step()
            except NotWanted:
                return
            except (RemoteFault, StoreError, OSError) as error:
                self._recovery.wait_to_retry(str(error))
                continue
            if has_worked:
                self._recovery.live()
            else:
                self._news.wait(IDLE_S)

    def wake(self) -> None:
        """Say that something came or went."""
        self._news.set()

    def stop(self) -> None:
        """End `run`."""
        self._recovery.cancel()
        self._news.set()

    def status(self) -> UploadStatus:
        """How far it is. Raises StoreError."""
        with self._store.reading() as query:
            pending = media_records.count_to_upload(query)
            leaving = sum(file.is_remote for file in media_records.leaving(query))
        problems = dict(self._problems)
        text = f'{len(problems)} not uploaded: {next(iter(problems.values()))}' if problems else ''
        return UploadStatus(pending, leaving, self._recovery.snapshot, text)

    def step(self) -> bool:
        """Delete or upload one. False: there is nothing to do.

        Raises RemoteFault, NotWanted, StoreError or OSError; then it is still to be done.
        """
        with self._store.reading() as query:
            leaving = [file for file in media_records.leaving(query) if file.is_remote]
            found = media_records.to_upload(query, len(self._problems) + 1)
        waiting = [record for record in found if record.media_id not in self._problems]
        # Where nothing may be deleted, what is new arrives all the same.
        if leaving and not (waiting and self._has_deletion_failed):
            self._delete(leaving[0].filename)
        elif waiting:
            self._upload(waiting[0])
        else:
            return False
        self._has_deletion_failed = False
        return True

    def _delete(self, name: str) -> None:
        self._has_deletion_failed = True
        for each in _remote_names(name) if is_name(name) else ():
            self._remote.delete(each, self._is_wanted)
        with self._store.transaction() as tx:
            media_records.gone_remote(tx, name)

    def _upload(self, record: MediaRecord) -> None:
        # From here on a deletion knows that there may be something to delete there too.
        with self._store.transaction() as tx:
            if not media_records.begin_upload(tx, record.media_id):
                return
        path = self._folder.find(record.filename)
        try:
            with open(path or '', 'rb') as file:
                self._send(record, file)
        except FileNotFoundError:
            self._note(record, f'{record.filename} is missing on this machine')
            return
        except Differs as error:
            self._note(record, str(error))
            return
        with self._store.transaction() as tx:
            # If it was removed meanwhile it is noted as leaving, and deleted there next.
            media_records.set_uploaded(tx, record.media_id, tx.utc_ms())

    def _note(self, record: MediaRecord, problem: str) -> None:
        with self._store.reading() as query:
            # Else it was deleted in between.
            if media_records.get(query, record.media_id) is not None:
                self._problems[record.media_id] = problem

    def _send(self, record: MediaRecord, file: BinaryIO) -> None:
        file_name, record_name = _remote_names(record.filename)
        signed = canonical({'record': record.record, 'signature': record.signature.hex()})
        content = signed.encode('utf-8')
        digest = hashlib.sha256(content).hexdigest()
        self._remote.put(record_name, io.BytesIO(content), len(content), digest, self._is_wanted)
        facts = record.facts
        self._remote.put(file_name, file, facts.bytes, facts.sha256, self._is_wanted)

    def _is_wanted(self) -> bool:
        return not self._recovery.cancelled


def _remote_names(name: str) -> tuple[str, str]:
    """Names of the file and of its signed record in the remote store."""
    target = f'{day_of(name)}/{name}'
    return target, f'{target}{RECORD_ENDING}'
