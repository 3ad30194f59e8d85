"""Keeps the sources of one plan delivering, in a thread of its own, until it is ended.

A run can come back late from what it waits for, and is then left behind: everything it works on is
its own, and whoever started it stops listening when it ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from mmoment_camera.errors import SourceError, SourceUnusable
from mmoment_camera.source import Picture, PictureSource, SourceSettings
from mmoment_camera.source_address import SourceAddress
from mmoment_camera.source_plan import SourcePlan
from mmoment_camera.watched_reader import ReaderCount, WatchedReader
from mmoment_node.recovery import BackOff, Recovery, RecoverySnapshot, RecoveryState

# How long `auto` waits for the first picture of each camera.
CANDIDATE_TIMEOUT_S = 4.0
# A healthy reader ends within a picture's time; a slow one is not waited for.
READER_END_S = 0.3

Make = Callable[[SourceAddress, SourceSettings], PictureSource]


class Listener(Protocol):
    """Who hears of a run; called from the run's thread, also after the run was ended."""

    def on_run_change(self, run: CaptureRun, snapshot: RecoverySnapshot) -> None:
        """The connection has a new state."""

    def on_run_picture(self, run: CaptureRun, picture: Picture) -> None:
        """A live picture."""

    def on_run_note(self, run: CaptureRun, text: str) -> None:
        """A line for the log."""

    def on_run_fault(self, run: CaptureRun, error: Exception) -> None:
        """The listener itself has raised this; the run is over."""


class CaptureRun:
    """One plan being served."""

    def __init__(
        self,
        plan: SourcePlan,
        settings: SourceSettings,
        listener: Listener,
        *,
        stall_timeout_s: float,
        readers: ReaderCount,
        make: Make,
        back_off: BackOff,
    ) -> None:
        """Prepare; nothing runs before `start`.

        readers: counts the readers that hang, over all runs.
        """
        self.plan = plan
        self._settings = settings
        self._listener = listener
        self._stall_timeout_s = stall_timeout_s
        self._readers = readers
        self._make = make
        self._recovery = Recovery(
            lambda snapshot: listener.on_run_change(self, snapshot), back_off=back_off
        )
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._trying: SourceAddress | None = None
        self._reader: WatchedReader | None = None
        self._pixel_format = ''
        self._dropped = 0
        self._predecessor: CaptureRun | None = None
        self._thread = threading.Thread(target=self._run, name='capture', daemon=True)

    # --- from outside ---------------------------------------------------------------------

    def start(self, predecessor: CaptureRun | None = None) -> None:
        """Begin to deliver.

        predecessor: an ended run, which is given a moment to let go of its camera.
        """
        self._predecessor = predecessor
        self._thread.start()

    def end(self) -> None:
        """Deliver nothing more; returns at once."""
        with self._lock:
            self._ended.set()
            reader = self._reader
        self._recovery.cancel()
        if reader is not None:
            reader.wake()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread, but no longer than that."""
        self._thread.join(timeout_s)

    @property
    def snapshot(self) -> RecoverySnapshot:
        """The state of the connection."""
        return self._recovery.snapshot

    @property
    def address(self) -> SourceAddress:
        """The source that delivers or is tried."""
        with self._lock:
            return self._trying or self.plan.current

    @property
    def pixel_format(self) -> str:
        """As the source delivers it; empty before the first picture."""
        return self._pixel_format

    @property
    def dropped(self) -> int:
        """Pictures taken by a source but not handed on."""
        with self._lock:
            return self._dropped + (self._reader.dropped if self._reader else 0)

    # --- the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        """Serve; a fault of the listener is told to it."""
        try:
            self._serve()
        except Exception as error:
            self._listener.on_run_fault(self, error)

    def _serve(self) -> None:
        """Attempt after attempt, until ended."""
        while not self._ended.is_set():
            self._recovery.connecting()
            predecessor, self._predecessor = self._predecessor, None
            if predecessor is not None:
                predecessor.join(2 * READER_END_S)
            try:
                self._attempt()
            except SourceUnusable as error:
                self._recovery.failed(str(error))
                self._ended.wait()
            except SourceError as error:
                self._recovery.wait_to_retry(str(error))

    def _attempt(self) -> None:
        """Try the candidates until one delivers; returns when ended.

        Raises the SourceError of the one that delivered, or of the best candidate.
        """
        is_first_search = self.plan.is_auto and not self.plan.has_delivered
        candidates = self.plan.candidates()
        faults: list[SourceError] = []
        for address in candidates:
            if self._ended.is_set():
                return
            try:
                self._play(address, CANDIDATE_TIMEOUT_S if len(candidates) > 1 else None)
            except SourceError as error:
                if self.snapshot.state is RecoveryState.LIVE:
                    raise
                faults.append(error)
                if is_first_search:
                    self._listener.on_run_note(self, f'auto: {error}')
        if self._ended.is_set():
            return
        with self._lock:
            self._trying = None
        raise faults[0]

    def _play(self, address: SourceAddress, first_s: float | None) -> None:
        """Hand on one source's pictures until it fails or the run is ended."""
        if not self._readers.has_room:
            raise SourceError(
                f'{self._readers.stuck} attempts hang in the driver of {address.description}: '
                'plug the camera out and in, or restart the machine'
            )
        reader = WatchedReader(self._make(address, self._settings))
        with self._lock:
            # Under the lock of end(): that one sees this reader, or this one sees the end.
            if self._ended.is_set():
                return
            self._trying, self._reader = address, reader
        reader.start()
        try:
            limit_s = first_s or self._settings.open_timeout_s + self._stall_timeout_s
            self._take(reader, limit_s, address)
            while not self._ended.is_set():
                self._take(reader, self._stall_timeout_s, address)
        finally:
            with self._lock:
                self._dropped += reader.dropped
                self._reader = None
            if not reader.stop(READER_END_S):
                self._readers.abandon(reader)

    def _take(self, reader: WatchedReader, limit_s: float, address: SourceAddress) -> None:
        """Wait for one picture and hand it on; returns without one when ended."""
        picture = None
        while picture is None:
            picture = reader.take(limit_s - reader.silence_s)
            if self._ended.is_set():
                return
            if picture is None and reader.silence_s >= limit_s:
                raise SourceError(f'{address.description} sent no picture for {limit_s:g} s')
        if self.snapshot.state is not RecoveryState.LIVE:
            self._go_live(reader, address)
        self._listener.on_run_picture(self, picture)

    def _go_live(self, reader: WatchedReader, address: SourceAddress) -> None:
        """The source delivers."""
        self.plan.delivered(address)
        self._pixel_format = reader.source.pixel_format
        if self.plan.is_auto:
            camera = 'chose' if address.can_vanish else 'found no camera that delivers, playing'
            self._listener.on_run_note(self, f'auto: {camera} {address.description}')
        self._recovery.live()
