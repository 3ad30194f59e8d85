"""The clips that are being recorded: all from the same packets, each from before it was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmoment_stream.clip_summary import NS_PER_S, ClipSummary
from mmoment_stream.clip_writer import ClipWriter
from mmoment_stream.errors import Refused
from mmoment_stream.packet_ring import PacketRing
from mmoment_stream.video_packet import VideoPacket

# After its end is due, a packet that is on its way has arrived.
GRACE_S = 1.0

ENDING = 'The camera is ending: it records nothing any more'

# The encoder may be at the picture before last.
FRESH_NS = NS_PER_S

ASKED, LIMIT = 'asked', 'limit'
"""Why a recording is over, beside what ClipWriter says."""


@dataclass(frozen=True, slots=True)
class ClipWish:
    """What is to be recorded. Times are CLOCK_MONOTONIC."""

    media_id: str
    path: Path  # of the file, which must not be there
    asked_ns: int
    preroll_s: float  # from so long before it was asked for
    duration_s: float  # until so long after
    longest_s: float  # in all


class Recording:
    """One clip that is being recorded. Safe to use from several threads."""

    def __init__(self, wish: ClipWish, packets: list[VideoPacket]) -> None:
        """Begin with what there is already; packets[0] is a keyframe."""
        self.wish = wish
        self.started_ns = packets[0].monotonic_ns
        self.started_utc_ns = packets[0].utc_ns
        self.ends_ns = min(
            wish.asked_ns + round(wish.duration_s * NS_PER_S),
            self.started_ns + round(wish.longest_s * NS_PER_S),
        )
        self.reason = ''
        self._is_over = threading.Event()
        self._writer = ClipWriter(wish.path, packets[0])
        for packet in packets[1:]:
            self.take(packet)

    @property
    def elapsed_s(self) -> float:
        """Of video until now."""
        return self._writer.elapsed_s

    @property
    def bytes(self) -> int:
        """In the file until now."""
        return self._writer.bytes

    @property
    def packets(self) -> int:
        """In the file until now."""
        return self._writer.packets

    @property
    def is_over(self) -> bool:
        """Whether it takes nothing any more."""
        return self._is_over.is_set()

    @property
    def fault(self) -> Exception | None:
        """For the log: what is behind disk_full or not_kept."""
        return self._writer.fault

    def take(self, packet: VideoPacket) -> None:
        """Add a packet, unless it is over."""
        if self._is_over.is_set():
            return
        if packet.monotonic_ns > self.ends_ns:
            self.end(LIMIT)
        elif not self._writer.add(packet):
            self.end(self._writer.ended or ASKED)

    def end(self, reason: str) -> None:
        """Let it be over; the first reason counts."""
        self.reason = self.reason or reason
        self._is_over.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait so long for it to be over; also when no packet comes any more."""
        if self._writer.ended is not None:
            # The disk, which no packet may have told yet.
            self.end(self._writer.ended)
        elif time.monotonic_ns() > self.ends_ns + round(GRACE_S * NS_PER_S):
            self.end(LIMIT)
        return self._is_over.wait(timeout_s)

    def finish(self) -> ClipSummary:
        """Close the file; see `ClipWriter.finish`. Raises Refused."""
        return self._writer.finish()


class Recorder:
    """Gives packets to all recordings. `ring`: the seconds before; `at_most`: recordings at once."""

    def __init__(self, ring: PacketRing, at_most: Callable[[], int]) -> None:
        self._ring = ring
        self._at_most = at_most
        self._recordings: dict[str, Recording] = {}
        self._beginning = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def take(self, packet: VideoPacket) -> None:
        """Keep a packet and give it to whoever records; waits for nobody."""
        with self._changed:
            self._ring.add(packet)
            recordings = tuple(self._recordings.values())
            if self._beginning:
                self._changed.notify_all()
        for recording in recordings:
            recording.take(packet)

    def begin(self, wish: ClipWish, patience_s: float) -> Recording:
        """Record from now on; waits until there is a packet to begin with.

        Raises Refused: busy, no_video, or not_ready after `close`.
        """
        from_ns = wish.asked_ns - round(wish.preroll_s * NS_PER_S)
        newest_ns = wish.asked_ns - FRESH_NS
        with self._changed:
            if self.count >= self._at_most():
                raise Refused('busy')
            self._beginning += 1
            try:
                has_video = self._changed.wait_for(
                    lambda: self._is_closed or self._fresh(from_ns, newest_ns), patience_s
                )
                if self._is_closed:
                    raise Refused('not_ready', ENDING)
                if not has_video:
                    raise Refused('no_video')
                recording = Recording(wish, self._fresh(from_ns, newest_ns))
                self._recordings[wish.media_id] = recording
                return recording
            finally:
                self._beginning -= 1

    def let_go(self, media_id: str) -> None:
        """A recording is over and its file closed."""
        with self._changed:
            self._recordings.pop(media_id, None)

    def close(self) -> None:
        """Begin nothing any more; what is being recorded is over."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for recording in self.recordings:
            recording.end(ASKED)

    def keep(self, seconds: float) -> None:
        """Have so much video at hand from now on, for the seconds before."""
        self._ring.keep(seconds)

    def forget_packets(self) -> None:
        """Nobody wants the seconds before any more."""
        with self._changed:
            self._ring.clear()

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """Those that are not let go of."""
        with self._changed:
            return tuple(self._recordings.values())

    @property
    def count(self) -> int:
        """Recordings that are not let go of, or about to begin; waits for nobody."""
        return len(self._recordings) + self._beginning

    @property
    def is_needed(self) -> bool:
        """Whether somebody records, or is about to."""
        return bool(self.count)

    def _fresh(self, from_ns: int, newest_ns: int) -> list[VideoPacket]:
        """Packets from that moment on, if the newest is of that moment or later and of the camera.

        What an encoder has left that ended long ago is none, and neither are placeholders.
        """
        packets = self._ring.since(from_ns)
        is_live = bool(packets) and packets[-1].live and packets[-1].monotonic_ns >= newest_ns
        return packets if is_live else []
