"""Decides which pushes run: those of the targets that are wanted now, and no others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mmoment_node.recovery import RecoverySnapshot, RecoveryState
from mmoment_stream.push_address import redacted
from mmoment_stream.push_figures import PushFigures
from mmoment_stream.push_report import PushReport
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_memory import StreamMemory, StreamWish
from mmoment_stream.stream_settings import WHILE_CHECKED_IN
from mmoment_stream.video_packet import VideoPacket

NO_TARGET, NOBODY_CHECKED_IN = 'no_target', 'nobody_checked_in'
# All pushes together, when they are told to end; they do so in milliseconds.
END_S = 1.0
BEST_FIRST = (
    RecoveryState.LIVE,
    RecoveryState.CONNECTING,
    RecoveryState.WAITING_TO_RETRY,
    RecoveryState.FAILED,
    RecoveryState.IDLE,
)


class Push(Protocol):
    """See `stream_push.StreamPush`."""

    def run(self) -> None:
        """Push until `stop`."""

    def offer(self, packet: VideoPacket) -> None:
        """Here is the next picture."""

    def skip(self) -> None:
        """Leave out what waits."""

    def stop(self) -> None:
        """End `run` at once."""

    def refresh(self) -> None:
        """Ask the provider now."""

    def report(self) -> PushReport:
        """The present state."""


Ask = Callable[[int], None]
MakePush = Callable[[PushTarget, PushFigures, Ask], Push]
"""A push to a target that goes on counting, and asks for at most so many kbit/s; 0: no limit."""
Spawn = Callable[[Callable[[], None], str], threading.Thread]


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What is pushed at one moment; see mmoment_interfaces/StreamStatus."""

    wish: StreamWish
    held_back: str
    push: RecoverySnapshot
    targets: tuple[PushReport, ...]

    @property
    def is_live(self) -> bool:
        """Whether at least one target receives it."""
        return self.push.state is RecoveryState.LIVE


@dataclass(frozen=True, slots=True)
class _Running:
    """A push and the thread that it runs in."""

    target: PushTarget
    push: Push
    thread: threading.Thread


@dataclass(slots=True)
class _Record:
    """What is kept of a target while nothing is pushed to it."""

    idle_since_s: float
    figures: PushFigures = field(default_factory=PushFigures)


class StreamDirector:
    """Starts and ends pushes by what the memory wishes and who is there. Thread-safe.

    A push whose target has not changed runs on, whatever happens to others. Nothing happens but in
    `settle`: call it after every change, and once a second.
    wall_clock: seconds since 1970.
    """

    def __init__(
        self,
        memory: StreamMemory,
        is_anybody_here: Callable[[], bool],
        make_push: MakePush,
        spawn: Spawn,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._memory = memory
        self._is_anybody_here = is_anybody_here
        self._make_push = make_push
        self._spawn = spawn
        self._wall_clock = wall_clock
        self._began_s = wall_clock()
        self._is_closed = False
        self._settling = threading.Lock()
        # Replaced as a whole, so that packets pass without a lock.
        self._running: dict[str, _Running] = {}
        self._records: dict[str, _Record] = {}
        self._asked_kbps: dict[str, int] = {}

    def start(self, name: str = '') -> None:
        """Push to this target from now on, empty: to all, over restarts.

        Raises Refused: see `StreamMemory.want`.
        """
        self._memory.want(name)
        self.settle()

    def stop(self, name: str = '') -> None:
        """Push to this target no more, empty: to none, over restarts.

        Raises Refused: see `StreamMemory.unwant`.
        """
        try:
            self._memory.unwant(name)
        finally:
            self.settle()

    def close(self) -> None:
        """End all pushes, for good; what is wanted stays wanted."""
        self._is_closed = True
        # Before the lock, which is held while another waits for the end of a push.
        for each in self._running.values():
            each.push.stop()
        self.settle()

    def settle(self) -> None:
        """Have the pushes that are due run, and no others. Waits until those that end have ended."""
        with self._settling:
            wish = self._memory.wish
            due = {target.name: target for target in self._due(wish)}
            kept = {
                name: each for name, each in self._running.items() if due.get(name) == each.target
            }
            leaving = [each for name, each in self._running.items() if name not in kept]
            self._running = kept
            self._end(leaving)
            self._forget_all_but({each.name for each in wish.settings.targets})
            coming = {name: target for name, target in due.items() if name not in kept}
            self._running = kept | {name: self._begun(each) for name, each in coming.items()}

    def offer(self, packet: VideoPacket) -> None:
        """Here is the next picture of the channel."""
        for each in self._running.values():
            each.push.offer(packet)

    def skip(self) -> None:
        """Leave out all that waits: packets of another channel come now."""
        for each in self._running.values():
            each.push.skip()

    def refresh(self) -> None:
        """Have every provider asked now."""
        for each in self._running.values():
            each.push.refresh()

    @property
    def needs_video(self) -> bool:
        """Whether a push can do something with packets: each one costs the encoder work."""
        running = self._running.values()
        return any(each.push.report().push.state is not RecoveryState.FAILED for each in running)

    @property
    def limit_kbps(self) -> int:
        """What the encoder is to be asked for; 0: no limit.

        All targets get the same packets, so the slowest network decides.
        """
        running = self._running
        asked = [kbps for name, kbps in list(self._asked_kbps.items()) if name in running]
        if running:
            asked.append(self._memory.wish.settings.bitrate_kbps)
        return min(filter(None, asked), default=0)

    def report(self) -> StreamReport:
        """The present state."""
        wish, running = self._memory.wish, self._running
        targets = tuple(
            running[each.name].push.report() if each.name in running else self._idle_report(each)
            for each in wish.settings.targets
        )
        return StreamReport(wish, self._held_back(wish), self._best(targets), targets)

    def _due(self, wish: StreamWish) -> tuple[PushTarget, ...]:
        is_due = wish.is_wanted and not self._is_closed and not self._held_back(wish)
        return wish.pushed if is_due else ()

    def _held_back(self, wish: StreamWish) -> str:
        if not wish.is_wanted:
            return ''
        if not wish.pushed:
            return NO_TARGET
        is_for_people = wish.settings.schedule == WHILE_CHECKED_IN
        return NOBODY_CHECKED_IN if is_for_people and not self._is_anybody_here() else ''

    def _begun(self, target: PushTarget) -> _Running:
        name = target.name
        record = self._records.setdefault(name, _Record(self._wall_clock()))
        self._asked_kbps[name] = 0

        def ask(kbps: int) -> None:
            self._asked_kbps[name] = kbps

        push = self._make_push(target, record.figures, ask)
        return _Running(target, push, self._spawn(push.run, f'push {name}'))

    def _end(self, leaving: list[_Running]) -> None:
        for each in leaving:
            each.push.stop()
        deadline_s = time.monotonic() + END_S
        for each in leaving:
            # Else the server could take the next connection for a second publisher.
            each.thread.join(max(0.0, deadline_s - time.monotonic()))
            self._records[each.target.name].idle_since_s = self._wall_clock()

    def _forget_all_but(self, names: set[str]) -> None:
        self._records = {name: each for name, each in self._records.items() if name in names}

    def _idle_report(self, target: PushTarget) -> PushReport:
        record = self._records.get(target.name) or _Record(self._began_s)
        counts = record.figures.counts(time.monotonic())
        return PushReport(
            name=target.name,
            provider=target.provider,
            address=address_of(target),
            enabled=target.enabled,
            push=RecoverySnapshot(since_s=record.idle_since_s),
            bytes_sent=counts.bytes_sent,
            packets_sent=counts.packets_sent,
            dropped=counts.dropped,
            reconnects=counts.reconnects,
        )

    def _best(self, targets: tuple[PushReport, ...]) -> RecoverySnapshot:
        """Of all targets together: the best of them; while nothing is pushed, since the last end."""
        idle = RecoverySnapshot(since_s=self._began_s)
        pushes = [each.push for each in targets]
        best = min(pushes, key=_rank, default=idle)
        if best.state is RecoveryState.IDLE:
            return max(pushes, key=lambda push: push.since_s, default=idle)
        return best


def address_of(target: PushTarget) -> str:
    """Of the server of a target, as far as it is known before it is asked for."""
    return redacted(target.url)


def _rank(push: RecoverySnapshot) -> tuple[int, float]:
    return BEST_FIRST.index(push.state), push.since_s
