"""A file that grows by whole pieces: one that the disk does not take leaves no trace."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from mmoment_node.durable_files import create, sync_folder


class AppendedFile:
    """A new file that only its owner may read; used by one thread.

    A piece is handed to the system at once, so that it outlives this process. A thread of the file
    brings it to the disk, so that it outlives the power; that may take seconds, in which others
    are appended.
    """

    def __init__(self, path: Path, sync: Callable[[int], None] = os.fdatasync) -> None:
        """Create it; there must be none of that name. Raises OSError."""
        self._folder = path.parent
        self._sync = sync
        self._bytes = 0
        self._file = create(path)
        self._changed = threading.Condition()
        self._is_dirty = False
        self._is_open = True
        self._fault: OSError | None = None
        self._thread = threading.Thread(target=self._keep_synced, name='clip to disk', daemon=True)
        self._thread.start()

    def append(self, piece: bytes) -> None:
        """Add all of `piece`, or nothing. Raises OSError, also if an earlier piece was lost."""
        self._tell_fault()
        left = memoryview(piece)
        end = self._bytes + len(piece)
        try:
            while left:
                left = left[os.pwrite(self._file, left, end - len(left)) :]
        except OSError:
            # Giving room back works on a full disk too.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._bytes)
            raise
        self._bytes = end
        with self._changed:
            self._is_dirty = True
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until everything is on the disk, and let go of it. Raises OSError if it is not."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        self._thread.join()
        os.close(self._file)
        self._tell_fault()

    def _tell_fault(self) -> None:
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def _keep_synced(self) -> None:
        is_named = False  # on the disk, in its folder
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_dirty or not self._is_open)
                if not self._is_dirty:
                    return
                self._is_dirty = False
            try:
                self._sync(self._file)
                if not is_named:
                    sync_folder(self._folder)
                    is_named = True
            except OSError as error:
                self._fault = error
