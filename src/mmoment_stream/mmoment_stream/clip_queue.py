"""What a clip takes, and what of it waits for the disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

from mmoment_stream.clip_summary import NS_PER_S
from mmoment_stream.packet_ring import follows
from mmoment_stream.video_packet import VideoPacket

Ending = Literal['finished', 'video_changed', 'time_jumped', 'disk_full', 'not_kept']
"""Why a clip takes no more packets.

finished: as asked. video_changed: another epoch or size, which a clip cannot have. time_jumped:
back, or ahead by more than LONGEST_GAP_NS. disk_full, not_kept: the disk takes no more.
"""

# With what is on its way to the disk this stays below two seconds.
BATCH_NS = 800_000_000
LONGEST_WAIT_S = 1.0
"""A packet waits so long for those that follow."""
LONGEST_GAP_NS = 60 * NS_PER_S
# Packets may be stamped by more than one thread.
LARGEST_STEP_BACK_NS = NS_PER_S // 2
# How long the last picture is shown: as the others are on average, one alone as in a usual video.
USUAL_INTERVAL_NS = NS_PER_S // 30
LONGEST_INTERVAL_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class Batch:
    """Packets that belong into one fragment."""

    packets: list[VideoPacket]
    end_ns: int  # CLOCK_MONOTONIC; when the next begins, or the last one has been shown long enough


class ClipQueue:
    """Takes packets from any thread, none of which waits, and gives them to one thread in batches."""

    def __init__(self, first: VideoPacket, room_bytes: int) -> None:
        """Begin with `first`, a keyframe; raises ValueError for any other packet.

        room_bytes: most that waits. What is more is left out, up to a keyframe that finds half of it
        free.
        """
        if not first.keyframe:
            raise ValueError('a clip begins with a keyframe')
        self.first = first
        self._last = first
        self._newest_sequence = first.sequence
        self._taken_in = 1
        self._room_bytes = room_bytes
        self._bytes = len(first.data)
        self._packets = deque([first])
        self._due_s = time.monotonic() + LONGEST_WAIT_S
        self._ending: Ending | None = None
        self._is_behind = False
        self._changed = threading.Condition()

    @property
    def ending(self) -> Ending | None:
        """Why it takes no more; None while it does."""
        return self._ending

    @property
    def span_ns(self) -> int:
        """From the first packet to the last one taken in."""
        return self._last.monotonic_ns - self.first.monotonic_ns

    @property
    def offered(self) -> int:
        """Packets there would be if none had been left out or lost on the way here."""
        return self._newest_sequence - self.first.sequence + 1

    @property
    def is_behind(self) -> bool:
        """Whether packets are being left out for want of room."""
        return self._is_behind

    def add(self, packet: VideoPacket) -> bool:
        """Take in a packet; False once there will be no more.

        What is there already is left out, and so is what cannot be decoded because a packet before
        it is missing.
        """
        with self._changed:
            if not self._is_alike(packet):
                self._end('video_changed')
            if self._ending is not None:
                return False
            is_next = follows(packet, self._last)
            step_ns = packet.monotonic_ns - self._last.monotonic_ns
            if is_next and not -LARGEST_STEP_BACK_NS <= step_ns <= LONGEST_GAP_NS:
                self._end('time_jumped')
                return False
            self._newest_sequence = max(self._newest_sequence, packet.sequence)
            if is_next:
                # Who has fallen behind begins anew with room for more than a few pictures.
                room_bytes = self._room_bytes // 2 if self._is_behind else self._room_bytes
                self._is_behind = self._bytes + len(packet.data) > room_bytes
                if not self._is_behind:
                    self._put(packet)
            return True

    def end(self, ending: Ending) -> None:
        """Take no more; what waits is still given. The first reason stays."""
        with self._changed:
            self._end(ending)

    def give_up(self, ending: Ending) -> None:
        """Take no more, and let go of what waits. Stays for ever, whatever was the reason before."""
        with self._changed:
            self._ending = ending
            self._packets.clear()
            self._bytes = 0

    def take(self) -> Batch | None:
        """The next batch, once it is due; None if there will be none."""
        with self._changed:
            while not self._is_due():
                if self._ending is not None:
                    return None
                patience_s = self._due_s - time.monotonic() if self._packets else None
                self._changed.wait(patience_s)
            packets: list[VideoPacket] = []
            end_ns = self._packets[0].monotonic_ns + BATCH_NS
            while self._packets and self._packets[0].monotonic_ns < end_ns:
                packets.append(self._packets.popleft())
            self._bytes -= sum(len(packet.data) for packet in packets)
            self._due_s = time.monotonic() + LONGEST_WAIT_S
            if self._packets:
                return Batch(packets, self._packets[0].monotonic_ns)
            return Batch(packets, packets[-1].monotonic_ns + self._interval_ns())

    def _is_alike(self, packet: VideoPacket) -> bool:
        first = self.first
        return (packet.epoch, packet.width, packet.height) == (
            first.epoch,
            first.width,
            first.height,
        )

    def _put(self, packet: VideoPacket) -> None:
        if not self._packets:
            self._due_s = time.monotonic() + LONGEST_WAIT_S
        self._packets.append(packet)
        self._bytes += len(packet.data)
        self._last = packet
        self._taken_in += 1
        # Otherwise the thread that takes goes on sleeping.
        if len(self._packets) == 1 or self._spans_batch():
            self._changed.notify_all()

    def _end(self, ending: Ending) -> None:
        self._ending = self._ending or ending
        self._changed.notify_all()

    def _is_due(self) -> bool:
        if not self._packets:
            return False
        return self._ending is not None or self._spans_batch() or time.monotonic() >= self._due_s

    def _spans_batch(self) -> bool:
        return self._packets[-1].monotonic_ns - self._packets[0].monotonic_ns >= BATCH_NS

    def _interval_ns(self) -> int:
        if self._taken_in < 2:
            return USUAL_INTERVAL_NS
        return min(self.span_ns // (self._taken_in - 1), LONGEST_INTERVAL_NS)
