"""Keeps a picture source delivering: connects, watches, gives up, waits, connects again.

ROS-free. Three kinds of threads: one per source asked for (mmoment_camera.capture_run), which hands
pictures on; one reader per attempt (mmoment_camera.watched_reader), which alone ever waits for a
camera; and one that hands on the "no live picture" placeholder while there is nothing better.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mmoment_camera.capture_run import CaptureRun, Make
from mmoment_camera.placeholder import paint_placeholder
from mmoment_camera.source import Image, Picture, SourceSettings
from mmoment_camera.source_address import SourceAddress
from mmoment_camera.source_factory import make_source
from mmoment_camera.source_plan import SourcePlan
from mmoment_camera.watched_reader import ReaderCount
from mmoment_node.rates import RateMeter
from mmoment_node.recovery import BackOff, RecoverySnapshot, RecoveryState

# A camera comes back at any time and an attempt costs little: the pauses stay short.
BACK_OFF = BackOff(first_s=0.25, cap_s=2.0)
PLACEHOLDER_PERIOD_S = 0.5
# Most sources deliver within this time; nobody needs to see a placeholder first.
PLACEHOLDER_DELAY_S = 1.0
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
    """Delivers the pictures of one source after another source, for ever, until stopped.

    Each source asked for is served by a run. Only the current run is listened to: one that was
    ended may hang for a while, wherever it waits, and nobody waits for it.
    """

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
        make: Make = make_source,
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
        self._back_off = back_off
        self._readers = ReaderCount()
        self._delivery = threading.Lock()
        # Guards what follows; told of every new state.
        self._changed = threading.Condition()
        self._run: CaptureRun | None = None
        self._snapshot = RecoverySnapshot(since_s=time.time())
        self._last_address = SourceAddress('auto')
        self._rate = RateMeter()
        self._frames = 0
        self._dropped = 0
        self._size = (0, 0)
        self._last_live_s: float | None = None
        self._placeholders: threading.Thread | None = None

    # --- from outside ---------------------------------------------------------------------

    def start(self, plan: SourcePlan) -> None:
        """Begin to deliver what the plan names."""
        self._replace_run(self._new_run(plan))
        self._placeholders = threading.Thread(
            target=self._show_placeholders, name='placeholder', daemon=True
        )
        self._placeholders.start()

    def change(self, plan: SourcePlan) -> None:
        """Go over to another source at once; returns without waiting for it."""
        self._replace_run(self._new_run(plan))

    def stop(self) -> None:
        """End; waits for a picture that is being handed on, never for a camera."""
        run = self._replace_run(None)
        if run is not None:
            run.join(LOOP_END_S)
        placeholders, self._placeholders = self._placeholders, None
        if placeholders is not None:
            placeholders.join(LOOP_END_S)

    def status(self) -> CaptureStatus:
        """The present figures."""
        now_s = time.monotonic()
        with self._changed:
            run = self._run
            address = run.address if run else self._last_address
            age_s = -1.0 if self._last_live_s is None else now_s - self._last_live_s
            return CaptureStatus(
                recovery=self._snapshot,
                kind=address.kind,
                source=address.description,
                chosen_by_auto=run is not None and run.plan.is_auto,
                width_px=self._size[0],
                height_px=self._size[1],
                pixel_format=run.pixel_format if run else '',
                fps=self._rate.hz(now_s),
                frames=self._frames,
                dropped=self._dropped + (run.dropped if run else 0),
                frame_age_s=age_s,
                stuck_readers=self._readers.stuck,
                abandoned_readers=self._readers.abandoned,
            )

    def _new_run(self, plan: SourcePlan) -> CaptureRun:
        """A run that is not started."""
        return CaptureRun(
            plan,
            self._settings,
            self,
            stall_timeout_s=self._stall_timeout_s,
            readers=self._readers,
            make=self._make,
            back_off=self._back_off,
        )

    def _replace_run(self, new: CaptureRun | None) -> CaptureRun | None:
        """End the current run and listen to another, or to none; returns the old one."""
        with self._changed:
            old, self._run = self._run, new
            if old is not None:
                self._dropped += old.dropped
                self._last_address = old.address
            self._snapshot = (
                new.snapshot
                if new is not None
                else replace(self._snapshot, state=RecoveryState.IDLE, since_s=time.time())
            )
            snapshot = self._snapshot
            self._changed.notify_all()
        if old is not None:
            old.end()
        if new is not None:
            new.start(old)
        elif old is not None:
            self._on_change(snapshot)
        return old

    # --- what runs tell (mmoment_camera.capture_run.Listener) -----------------------------

    def on_run_change(self, run: CaptureRun, snapshot: RecoverySnapshot) -> None:
        """The connection has a new state."""
        with self._changed:
            if run is not self._run:
                return
            self._snapshot = snapshot
            self._changed.notify_all()
        self._on_change(snapshot)

    def on_run_picture(self, run: CaptureRun, picture: Picture) -> None:
        """Hand a live picture on."""
        image = self._prepare(picture.image)
        now_s = time.monotonic()
        with self._delivery:
            with self._changed:
                if run is not self._run:
                    return
                self._rate.tick(now_s)
                self._frames += 1
                self._last_live_s = now_s
                self._size = (image.shape[1], image.shape[0])
            self._deliver(Picture(image, picture.monotonic_ns), True)

    def on_run_note(self, run: CaptureRun, text: str) -> None:
        """A line for the log."""
        if run is self._run:
            self._on_note(text)

    def on_run_fault(self, run: CaptureRun, error: Exception) -> None:
        """The receiver of the pictures has failed: end, and tell it."""
        if run is self._run:
            self._replace_run(None)
            self._on_fault(error)

    # --- the placeholder ------------------------------------------------------------------

    def _show_placeholders(self) -> None:
        """The thread that hands placeholders on."""
        me = threading.current_thread()
        pause_s = PLACEHOLDER_DELAY_S
        try:
            while self._placeholder_is_due(me, pause_s):
                image = self._placeholder()
                with self._delivery:
                    if self._run is not None and self._is_dark():
                        self._deliver(Picture(image, time.monotonic_ns()), False)
                pause_s = PLACEHOLDER_PERIOD_S
        except Exception as error:
            self._replace_run(None)
            self._on_fault(error)

    def _placeholder_is_due(self, me: threading.Thread, pause_s: float) -> bool:
        """Wait that long, and then until a placeholder is due; False at the end."""

        def is_over() -> bool:
            return self._run is None or self._placeholders is not me

        with self._changed:
            self._changed.wait_for(is_over, pause_s)
            self._changed.wait_for(lambda: is_over() or self._is_dark())
            return not is_over()

    def _is_dark(self) -> bool:
        """True while a placeholder is due."""
        return self._snapshot.state is not RecoveryState.LIVE

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
        # The first line has named the source.
        lines.append(recovery.last_error.removeprefix(f'{status.source} '))
    if recovery.state is RecoveryState.WAITING_TO_RETRY:
        left_s = max(0.0, recovery.since_s + recovery.next_try_s - now_s)
        lines.append(f'Trying again in {left_s:.0f} s (attempt {recovery.retries + 1})')
    elif recovery.state is RecoveryState.CONNECTING:
        lines.append(f'Connecting since {since}')
    elif recovery.state is RecoveryState.FAILED:
        lines.append('Waiting for somebody to change the source')
    return lines
