"""The video of the last seconds, so that a clip can begin before it is asked for."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from mmoment_stream.video_packet import VideoPacket

SECOND_NS = 1_000_000_000


def follows(packet: VideoPacket, last: VideoPacket | None) -> bool:
    """Whether `packet` is new to whoever has everything up to `last`, and can be decoded by them.

    A keyframe always can; any other packet needs the one right before it.
    """
    if last is None or packet.epoch != last.epoch:
        return packet.keyframe
    if packet.keyframe:
        return packet.sequence > last.sequence
    return packet.sequence == last.sequence + 1


@dataclass(slots=True)
class _Group:
    """A keyframe and what needs it."""

    packets: list[VideoPacket] = field(default_factory=list)
    bytes: int = 0


class PacketRing:
    """Keeps the newest packets; safe to use from several threads. No packet is ever copied.

    It always begins at a keyframe and has no hole between two keyframes: what a missing packet
    made useless is not kept. A new epoch takes the place of the one before, because no clip can
    have packets of both.
    """

    def __init__(self, seconds: float, bytes_at_most: int) -> None:
        """Keep at least `seconds` of video, if `bytes_at_most` are enough for it.

        Whole groups of pictures are dropped. A group that alone exceeds `bytes_at_most` is
        dropped too: then there is nothing until the next keyframe.
        """
        self.keep(seconds)
        self._bytes_at_most = bytes_at_most
        self._lock = threading.Lock()
        self._groups: deque[_Group] = deque()
        self._bytes = 0
        self._last: VideoPacket | None = None

    def keep(self, seconds: float) -> None:
        """Keep at least so much video from now on."""
        self._span_ns = round(seconds * SECOND_NS)

    @property
    def bytes(self) -> int:
        """Bytes kept."""
        return self._bytes

    def add(self, packet: VideoPacket) -> None:
        """Keep a packet, unless it is of no use: nothing kept lets it be decoded, or it is kept."""
        with self._lock:
            if not follows(packet, self._last):
                return
            if self._last is not None and packet.epoch != self._last.epoch:
                self._empty()
            if packet.keyframe:
                self._groups.append(_Group())
            group = self._groups[-1]
            group.packets.append(packet)
            group.bytes += len(packet.data)
            self._bytes += len(packet.data)
            self._last = packet
            self._trim(packet.monotonic_ns - self._span_ns)

    def since(self, monotonic_ns: int) -> list[VideoPacket]:
        """Everything from the newest keyframe at or before that moment, else from the oldest one.

        All of one epoch; empty if nothing is kept.
        """
        with self._lock:
            first = 0
            for number, group in enumerate(self._groups):
                if group.packets[0].monotonic_ns <= monotonic_ns:
                    first = number
            kept = list(self._groups)[first:]
            return [packet for group in kept for packet in group.packets]

    def clear(self) -> None:
        """Let go of every packet; the next one kept is a keyframe."""
        with self._lock:
            self._empty()

    def _empty(self) -> None:
        self._groups.clear()
        self._bytes = 0
        self._last = None

    def _trim(self, wanted_ns: int) -> None:
        while len(self._groups) > 1:
            covers = self._groups[1].packets[0].monotonic_ns <= wanted_ns
            if not covers and self._bytes <= self._bytes_at_most:
                return
            self._bytes -= self._groups.popleft().bytes
        if self._bytes > self._bytes_at_most:
            self._empty()
