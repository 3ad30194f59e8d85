"""Reads a source in a thread of its own, so that nothing else ever waits for a camera.

Libraries and drivers hang. A reader whose source does not come back in time is left behind: its
thread cannot be ended from outside, but nobody waits for it, its late pictures go nowhere, and it
closes its source when it returns. Few may hang at a time, or a broken driver would eat the machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from mmoment_camera.errors import SourceError
from mmoment_camera.source import Picture, PictureSource

MOST_STUCK_READERS = 3


class WatchedReader:
    """One source being read; keeps its newest picture only."""

    def __init__(
        self, source: PictureSource, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; `start` begins to read.

        source: closed; belongs to the reader from now on.
        """
        self.source = source
        self.dropped = 0
        """Pictures the source lost or that were replaced before anybody took them."""
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._newest: Picture | None = None
        self._error: Exception | None = None
        self._is_stopping = False
        self._is_woken = False
        self._last_sign_s = monotonic()
        self._thread = threading.Thread(
            target=self._run, name=f'reader of {source.description}', daemon=True
        )

    def start(self) -> None:
        """Open the source and read it, in the reader's thread."""
        self._last_sign_s = self._monotonic()
        self._thread.start()

    @property
    def silence_s(self) -> float:
        """Seconds since the last picture came, or since the start."""
        return self._monotonic() - self._last_sign_s

    @property
    def is_alive(self) -> bool:
        """True while the thread runs, also when it hangs."""
        return self._thread.is_alive()

    def take(self, timeout_s: float) -> Picture | None:
        """The newest picture that was not taken yet; None if none comes in time or after `wake`.

        Raises the source's SourceError once it has failed and its last picture was taken.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None or self._error is not None or self._is_woken,
                max(0.0, timeout_s),
            )
            self._is_woken = False
            picture, self._newest = self._newest, None
            if picture is None and self._error is not None:
                raise self._error
            return picture

    def wake(self) -> None:
        """Make a waiting `take` return at once."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def stop(self, wait_s: float = 0.0) -> bool:
        """Ask the reader to end and wait that long; True once it has ended."""
        with self._changed:
            self._is_stopping = True
        if self._thread.is_alive():
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """The thread."""
        try:
            self.source.open()
            while not self._is_stopping:
                self._keep(self.source.read())
        except SourceError as error:
            self._fail(error)
        except Exception as error:
            # A library's own fault must end as a retry with a sentence, not as a dead thread.
            fault = SourceError(f'{self.source.description} failed: {type(error).__name__}')
            fault.__cause__ = error
            self._fail(fault)
        finally:
            self.source.close()

    def _keep(self, picture: Picture) -> None:
        """Make this the newest picture."""
        with self._changed:
            if self._is_stopping:
                return
            self.dropped += picture.skipped + (self._newest is not None)
            self._newest = picture
            self._last_sign_s = self._monotonic()
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        """Let `take` raise it."""
        with self._changed:
            self._error = error
            self._changed.notify_all()


class ReaderCount:
    """Knows which readers were left behind and still hang. Thread-safe."""

    def __init__(self, most_stuck: int = MOST_STUCK_READERS) -> None:
        """Allow that many to hang."""
        self._most_stuck = most_stuck
        self._lock = threading.Lock()
        self._left: list[WatchedReader] = []
        self.abandoned = 0
        """Readers left behind since the start, also those that came back later."""

    @property
    def stuck(self) -> int:
        """Readers that were left behind and have not come back."""
        with self._lock:
            self._left = [reader for reader in self._left if reader.is_alive]
            return len(self._left)

    @property
    def has_room(self) -> bool:
        """True if one more reader may be started."""
        return self.stuck < self._most_stuck

    def abandon(self, reader: WatchedReader) -> None:
        """Leave a reader behind that did not stop in time."""
        with self._lock:
            self._left.append(reader)
            self.abandoned += 1
