"""Keeps a picture source delivering: connects, watches, gives up, waits, connects again.

ROS-free. Three kinds of threads: the loop, which hands pictures on; one reader per attempt
(mmoment_camera.watched_reader), which alone ever waits for a camera; and one that hands on the "no
live picture" placeholder while there is nothing better.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mmoment_camera.errors import SourceError, SourceUnusable
from mmoment_camera.placeholder import paint_placeholder
from mmoment_camera.source import Image, Picture, PictureSource, SourceSettings
from mmoment_camera.source_address import SourceAddress
from mmoment_camera.source_factory import make_source
from mmoment_camera.source_plan import SourcePlan
from mmoment_camera.watched_reader import ReaderCount, WatchedReader
from mmoment_node.rates import RateMeter
from mmoment_node.recovery import BackOff, Recovery, RecoverySnapshot, RecoveryState

# A camera comes back at any time and an attempt costs little: the pauses stay short.
BACK_OFF = BackOff(first_s=0.25, cap_s=2.0)
PLACEHOLDER_PERIOD_S = 0.5
# Most sources deliver within this time; nobody needs to see a placeholder first.
PLACEHOLDER_DELAY_S = 1.0
# How long `auto` waits for the first picture of each camera.
CANDIDATE_TIMEOUT_S = 4.0
# A healthy reader ends within a picture's time; a slow one is not waited for.
READER_END_S = 0.3
LOOP_END_S = 2.0


@dataclass(frozen=True, slots=True)
class CaptureStatus:
    """What the loop does and has done.

    recovery: state of the connection.
    kind, source: the source that delivers or is tried, without credentials.
    chosen_by_auto: the source was found by `auto`.
    width_px, height_px: size of the last live picture, 0 before the first.
    pixel_format: as the source delivers it.
    fps: live pictures per second.
    frames: live pictures handed on. dropped: pictures taken but not handed on.
    frame_age_s: seconds since the last live picture, -1 before the first.
    stuck_readers: readers that hang in a driver. abandoned_readers: those ever left behind.
    """

    recovery: RecoverySnapshot
    kind: str
    source: str
    chosen_by_auto: bool
    width_px: int
    height_px: int
    pixel_format: str
    fps: float
    frames: int
    dropped: int
    frame_age_s: float
    stuck_readers: int
    abandoned_readers: int


class CaptureLoop:
    """Delivers the pictures of one source after another source, for ever, until stopped."""

    def __init__(
        self,
        settings: SourceSettings,
        deliver: Callable[[Picture, bool], None],
        *,
        stall_timeout_s: float,
        prepare: Callable[[Image], Image] = lambda image: image,
        on_change: Callable[[RecoverySnapshot], None] = lambda snapshot: None,
        on_note: Callable[[str], None] = lambda text: None,
        on_fault: Callable[[Exception], None] = lambda error: None,
        make: Callable[[SourceAddress, SourceSettings], PictureSource] = make_source,
        back_off: BackOff = BACK_OFF,
    ) -> None:
        """Prepare; nothing runs before `start`.

        deliver: takes a picture and whether it is live; called from two threads, one at a time.
        stall_timeout_s: a source whose picture is older is given up, hanging or not.
        prepare: changes each live picture before it is handed on.
        on_change: takes every new state of the connection. on_note: takes a line for the log.
        on_fault: takes what `deliver` or `prepare` raised; the loop has ended then.
        make: makes a source for one attempt.
        """
        self._settings = settings
        self._deliver = deliver
        self._stall_timeout_s = stall_timeout_s
        self._on_change = on_change
        self._on_note = on_note
        self._on_fault = on_fault
        self._prepare = prepare
        self._make = make
        self._recovery = Recovery(self._changed, back_off=back_off)
        self._readers = ReaderCount()
        self._lock = threading.Lock()
        self._delivery = threading.Lock()
        self._state_changed = threading.Condition()
        self._plan: SourcePlan | None = None
        self._trying: SourceAddress | None = None
        self._reader: WatchedReader | None = None
        self._is_ending = False
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._rate = RateMeter()
        self._frames = 0
        self._dropped = 0
        self._size = (0, 0)
        self._pixel_format = ''
        self._last_live_s: float | None = None

    # --- from outside ---------------------------------------------------------------------

    def start(self, plan: SourcePlan) -> None:
        """Begin to deliver what the plan names."""
        self._plan = plan
        self._is_ending = False
        self._recovery.reset()
        self._wake.clear()
        for work, name in ((self._run, 'capture'), (self._run_placeholders, 'placeholder')):
            thread = threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def change(self, plan: SourcePlan) -> None:
        """Go over to another source at once; returns without waiting for it."""
        with self._lock:
            self._plan = plan
            self._interrupt()

    def stop(self) -> None:
        """End; waits for a picture that is being handed on, never for a camera."""
        with self._lock:
            self._is_ending = True
            self._interrupt()
        with self._state_changed:
            self._state_changed.notify_all()
        for thread in self._threads:
            thread.join(LOOP_END_S)
        self._threads = []

    def status(self) -> CaptureStatus:
        """The present figures."""
        now_s = time.monotonic()
        with self._lock:
            plan, trying = self._plan, self._trying
            address = trying or (plan.current if plan else SourceAddress('auto'))
            reader_dropped = self._reader.dropped if self._reader else 0
            age_s = -1.0 if self._last_live_s is None else now_s - self._last_live_s
            return CaptureStatus(
                recovery=self._recovery.snapshot,
                kind=address.kind,
                source=address.description,
                chosen_by_auto=plan is not None and plan.is_auto,
                width_px=self._size[0],
                height_px=self._size[1],
                pixel_format=self._pixel_format,
                fps=self._rate.hz(now_s),
                frames=self._frames,
                dropped=self._dropped + reader_dropped,
                frame_age_s=age_s,
                stuck_readers=self._readers.stuck,
                abandoned_readers=self._readers.abandoned,
            )

    def _interrupt(self) -> None:
        """Wake the loop wherever it waits; the lock is held."""
        self._recovery.cancel()
        self._wake.set()
        if self._reader is not None:
            self._reader.wake()

    def _changed(self, snapshot: RecoverySnapshot) -> None:
        """The connection has a new state."""
        with self._state_changed:
            self._state_changed.notify_all()
        self._on_change(snapshot)

    def _guarded(self, work: Callable[[], None]) -> None:
        """A thread: a fault of the receiver ends the loop, and is told."""
        try:
            work()
        except Exception as error:
            with self._lock:
                self._is_ending = True
                self._interrupt()
            with self._state_changed:
                self._state_changed.notify_all()
            self._on_fault(error)

    # --- the loop -------------------------------------------------------------------------

    def _run(self) -> None:
        """The thread that hands live pictures on."""
        while True:
            # In this order: whoever changes the plan after the reset interrupts what begins here.
            self._recovery.reset()
            self._wake.clear()
            with self._lock:
                if self._is_ending:
                    break
                plan = self._plan
            assert plan is not None, 'start() sets the plan'
            self._serve(plan)
        self._recovery.idle()

    def _serve(self, plan: SourcePlan) -> None:
        """Attempt after attempt, until interrupted."""
        while not self._recovery.cancelled:
            self._recovery.connecting()
            try:
                self._attempt(plan)
            except SourceUnusable as error:
                self._recovery.failed(str(error))
                self._wake.wait()
            except SourceError as error:
                self._recovery.wait_to_retry(str(error))

    def _attempt(self, plan: SourcePlan) -> None:
        """Try the candidates until one delivers; returns when interrupted.

        Raises the SourceError of the one that delivered, or the last one's.
        """
        candidates = plan.candidates()
        for place, address in enumerate(candidates):
            is_choice = plan.is_auto and len(candidates) > 1
            try:
                self._play(plan, address, CANDIDATE_TIMEOUT_S if is_choice else None)
            except SourceError as error:
                is_last = place == len(candidates) - 1
                if is_last or self._recovery.snapshot.state is RecoveryState.LIVE:
                    raise
                self._on_note(f'auto: {error}')
            if self._recovery.cancelled:
                return

    def _play(self, plan: SourcePlan, address: SourceAddress, first_s: float | None) -> None:
        """Hand on one source's pictures until it fails or the loop is interrupted."""
        if not self._readers.has_room:
            raise SourceError(
                f'{self._readers.stuck} attempts hang in the driver of {address.description}: '
                'plug the camera out and in, or restart the machine'
            )
        reader = WatchedReader(self._make(address, self._settings))
        with self._lock:
            self._trying, self._reader = address, reader
        reader.start()
        try:
            limit_s = first_s or self._settings.open_timeout_s + self._stall_timeout_s
            self._take(reader, limit_s, plan, address, is_first=True)
            while not self._recovery.cancelled:
                self._take(reader, self._stall_timeout_s, plan, address)
        finally:
            with self._lock:
                self._dropped += reader.dropped
                self._reader = None
            if not reader.stop(READER_END_S):
                self._readers.abandon(reader)

    def _take(
        self,
        reader: WatchedReader,
        limit_s: float,
        plan: SourcePlan,
        address: SourceAddress,
        *,
        is_first: bool = False,
    ) -> None:
        """Wait for one picture and hand it on; returns without one when interrupted."""
        while (picture := reader.take(limit_s - reader.silence_s)) is None:
            if self._recovery.cancelled:
                return
            if reader.silence_s >= limit_s:
                raise SourceError(f'{address.description} sent no picture for {limit_s:g} s')
        if is_first:
            self._first_picture(reader, plan, address)
        image = self._prepare(picture.image)
        now_s = time.monotonic()
        with self._lock:
            self._rate.tick(now_s)
            self._frames += 1
            self._last_live_s = now_s
            self._size = (image.shape[1], image.shape[0])
        with self._delivery:
            self._deliver(Picture(image, picture.monotonic_ns), True)

    def _first_picture(
        self, reader: WatchedReader, plan: SourcePlan, address: SourceAddress
    ) -> None:
        """The source delivers."""
        plan.delivered(address)
        with self._lock:
            self._pixel_format = reader.source.pixel_format
        if plan.is_auto:
            camera = 'chose' if address.can_vanish else 'found no camera that delivers, playing'
            self._on_note(f'auto: {camera} {address.description}')
        self._recovery.live()

    # --- the placeholder ------------------------------------------------------------------

    def _run_placeholders(self) -> None:
        """The thread that hands placeholders on."""
        pause_s = PLACEHOLDER_DELAY_S
        while True:
            with self._state_changed:
                self._state_changed.wait_for(lambda: self._is_ending, pause_s)
                self._state_changed.wait_for(lambda: self._is_ending or self._is_dark())
            if self._is_ending:
                return
            image = self._placeholder()
            with self._delivery:
                if self._is_dark():
                    self._deliver(Picture(image, time.monotonic_ns()), False)
            pause_s = PLACEHOLDER_PERIOD_S

    def _is_dark(self) -> bool:
        """True while a placeholder is due."""
        return self._recovery.snapshot.state is not RecoveryState.LIVE

    def _placeholder(self) -> Image:
        """What to show now, in the size of the last live picture."""
        status = self.status()
        width_px, height_px = status.width_px, status.height_px
        if not width_px:
            width_px, height_px = self._settings.width_px, self._settings.height_px
        return paint_placeholder(width_px, height_px, describe_outage(status, time.time()))


def describe_outage(status: CaptureStatus, now_s: float) -> list[str]:
    """The lines of the placeholder: source, since when, why, what happens now.

    now_s: wall clock, seconds.
    """
    recovery = status.recovery
    since = time.strftime('%H:%M:%S', time.localtime(recovery.since_s))
    lines = [f'Source: {status.source}']
    if status.frame_age_s >= 0:
        lost = time.strftime('%H:%M:%S', time.localtime(now_s - status.frame_age_s))
        lines.append(f'Last picture: {lost} ({status.frame_age_s:.0f} s ago)')
    if recovery.last_error:
        lines.append(recovery.last_error)
    if recovery.state is RecoveryState.WAITING_TO_RETRY:
        left_s = max(0.0, recovery.since_s + recovery.next_try_s - now_s)
        lines.append(f'Trying again in {left_s:.0f} s (attempt {recovery.retries + 1})')
    elif recovery.state is RecoveryState.CONNECTING:
        lines.append(f'Connecting since {since}')
    elif recovery.state is RecoveryState.FAILED:
        lines.append('Waiting for somebody to change the source')
    return lines
