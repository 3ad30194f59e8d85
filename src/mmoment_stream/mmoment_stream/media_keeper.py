"""The library's store and folder, ready as soon as session_node has made them, and kept in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from mmoment_chain.clock import SystemClock
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.errors import StoreBusy, StoreError
from mmoment_chain.media_records import MediaRecord
from mmoment_chain.store import Store
from mmoment_stream.errors import Refused
from mmoment_stream.media_draft import ClipDraft
from mmoment_stream.media_folder import MEDIA_NAME, MediaFolder
from mmoment_stream.media_intake import ClipLook
from mmoment_stream.media_library import MediaLibrary
from mmoment_stream.media_recovery import Recovered, Salvage, recover, recover_left
from mmoment_stream.media_retention import MediaRetention, RetentionLimits

RETRY_S = 0.5
ORDER_PERIOD_S = 60.0

_logger = logging.getLogger(__name__)


class MediaKeeper:
    """A library with its store. Raises StoreBusy while session_node has not made the store yet."""

    def __init__(self, store_path: Path, keys: Path) -> None:
        self.store = Store(store_path, SystemClock(), beside=True)
        try:
            with SigningKey.load(keys) as key:
                self.camera_id = key.camera_id
            folder = MediaFolder(store_path.parent / MEDIA_NAME)
            self.library = MediaLibrary(self.store, folder, lambda: SigningKey.load(keys))
            self._retention = MediaRetention(self.library, self.store)
        except BaseException:
            self.store.close()
            raise
        self.problem = ''

    def recover(self, salvage: Salvage) -> Recovered:
        """Finish what a killed process has left. Raises Refused, StoreError or OSError."""
        return recover(self.library, salvage)

    def recover_left(self, found: Recovered, salvage: Salvage) -> Recovered:
        """Try again what a recovery could not deal with, such as on a full disk. Raises nothing."""
        return recover_left(self.library, found.left, salvage)

    def free_bytes(self) -> int | None:
        """Room that is left on the disk; None: it does not say."""
        try:
            return self.library.folder.free_bytes()
        except OSError:
            return None

    def put_in_order(self, limits: RetentionLimits) -> list[MediaRecord]:
        """Delete what is to go; returns it. What cannot be done is told and done later.

        `problem` says too if the disk is filled by something else; see `media_retention`.
        """
        try:
            self.library.sweep()
            gone = self._retention.step(limits)
            self._tell(self._retention.problem)
        except (Refused, StoreError, OSError) as error:
            self.note(error)
            return []
        return gone

    def note(self, error: Exception) -> None:
        """Something is not in order; it is tried again."""
        self._tell(str(error.__cause__ or error))

    def _tell(self, problem: str) -> None:
        if problem and problem != self.problem:
            _logger.error('the media library: %s', problem)
        self.problem = problem

    def close(self) -> None:
        """Use it no more."""
        self.store.close()


def await_keeper(make: Callable[[], MediaKeeper], ending: threading.Event) -> MediaKeeper | None:
    """Make a keeper as soon as that can be; None: it is not wanted any more."""
    is_told = False
    while not ending.is_set():
        try:
            return make()
        except StoreBusy as error:
            if not is_told:
                _logger.info('%s', error)
                is_told = True
            ending.wait(RETRY_S)
    return None


def await_recovery(
    keeper: MediaKeeper, salvage: Salvage, ending: threading.Event
) -> Recovered | None:
    """Recover as soon as that can be; None: it is not wanted any more."""

    def salvaged(draft: ClipDraft) -> ClipLook | None:
        if ending.is_set():
            raise Refused('not_ready', 'this is for the next start')
        return salvage(draft)

    while not ending.is_set():
        try:
            found = keeper.recover(salvaged)
        except (Refused, StoreError, OSError) as error:
            keeper.note(error)
            ending.wait(RETRY_S)
        else:
            return None if ending.is_set() else found
    return None
