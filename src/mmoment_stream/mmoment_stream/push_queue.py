"""Packets on their way to one target: from whoever delivers them to the thread that sends them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from mmoment_stream.push_figures import FlowMeter
from mmoment_stream.video_packet import VideoPacket

NS_PER_S = 1_000_000_000
# What is older than this is not live any more.
LONGEST_S = 1.0
MOST_BYTES = 8 * 1024 * 1024
NO_SEQUENCE = (0, -1)


class PushQueue:
    """Bounded by seconds of video and by bytes. Thread-safe; `offer` waits for nobody.

    What comes out can be decoded: it begins with a keyframe, and after pictures that were left out
    (too much waited, or one was lost on its way) it goes on with the next keyframe.
    """

    def __init__(
        self,
        *,
        longest_s: float = LONGEST_S,
        most_bytes: int = MOST_BYTES,
        on_dropped: Callable[[int], None] = lambda pictures: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """on_dropped: is told how many pictures were left out, without the lock held."""
        self._longest_ns = round(longest_s * NS_PER_S)
        self._most_bytes = most_bytes
        self._on_dropped = on_dropped
        self._clock = clock
        self._changed = threading.Condition()
        self._packets: deque[VideoPacket] = deque()
        self._bytes = 0
        self._is_open = False
        self._needs_keyframe = True
        self._last = NO_SEQUENCE
        self._keyframe: VideoPacket | None = None
        self._arrived_s = float('-inf')
        self._flow = FlowMeter()
        self._wakes = 0

    @property
    def needs_keyframe(self) -> bool:
        """Whether nothing comes out before the next keyframe has come in."""
        with self._changed:
            return self._is_open and self._needs_keyframe

    @property
    def keyframe(self) -> VideoPacket | None:
        """The newest keyframe that was offered, for its format; None: there was none yet."""
        return self._keyframe

    @property
    def silence_s(self) -> float:
        """Seconds since a picture was offered; infinite: none was."""
        return self._clock() - self._arrived_s

    def rates(self) -> tuple[float, float]:
        """Pictures and kilobits per second that are offered; zeros: not known."""
        with self._changed:
            return self._flow.rates(self._clock())

    def begin(self) -> None:
        """Keep what is offered from now on, from the next keyframe on."""
        with self._changed:
            self._forget()
            self._is_open = True

    def end(self) -> None:
        """Nobody sends for now: keep nothing."""
        with self._changed:
            self._is_open = False
            self._forget()

    def skip(self) -> None:
        """Go on with the next keyframe that is offered; what waits is left out."""
        with self._changed:
            dropped = self._forget()
        self._tell(dropped)

    def offer(self, packet: VideoPacket) -> None:
        """Here is the next picture."""
        with self._changed:
            now_s = self._clock()
            self._arrived_s = now_s
            self._flow.add(len(packet.data), now_s)
            if packet.keyframe:
                self._keyframe = packet
            dropped = self._keep(packet) if self._is_open else 0
            self._changed.notify_all()
        self._tell(dropped)

    def take(self, timeout_s: float) -> VideoPacket | None:
        """The next picture to send; None if there is none within this time, or after `wake`."""
        with self._changed:
            wakes = self._wakes
            self._changed.wait_for(lambda: self._packets or self._wakes != wakes, timeout_s)
            if not self._packets:
                return None
            packet = self._packets.popleft()
            self._bytes -= len(packet.data)
            return packet

    def await_video(self, timeout_s: float, fresh_s: float) -> bool:
        """Wait until a format is known and the last picture is no older; whether that is so."""
        with self._changed:
            wakes = self._wakes
            self._changed.wait_for(
                lambda: self._is_fresh(fresh_s) or self._wakes != wakes, timeout_s
            )
            return self._is_fresh(fresh_s)

    def wake(self) -> None:
        """Let those who wait now return."""
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()

    def _is_fresh(self, fresh_s: float) -> bool:
        return self._keyframe is not None and self.silence_s < fresh_s

    def _keep(self, packet: VideoPacket) -> int:
        """Put it behind the others if it can be decoded there; returns how many were left out."""
        follows = self._last == (packet.epoch, packet.sequence - 1)
        self._last = (packet.epoch, packet.sequence)
        if packet.keyframe:
            self._needs_keyframe = False
        elif self._needs_keyframe or not follows:
            self._needs_keyframe = True
            return 1
        self._packets.append(packet)
        self._bytes += len(packet.data)
        return self._catch_up()

    def _catch_up(self) -> int:
        """Leave out what is too much: up to the newest keyframe, or all."""
        dropped = 0
        while self._packets and self._is_too_much():
            newest = max((n for n, each in enumerate(self._packets) if each.keyframe), default=0)
            if newest == 0:
                return dropped + self._forget()
            for _ in range(newest):
                self._bytes -= len(self._packets.popleft().data)
            dropped += newest
        return dropped

    def _is_too_much(self) -> bool:
        waited_ns = self._packets[-1].monotonic_ns - self._packets[0].monotonic_ns
        return waited_ns > self._longest_ns or self._bytes > self._most_bytes

    def _forget(self) -> int:
        count = len(self._packets)
        self._packets.clear()
        self._bytes = 0
        self._needs_keyframe = True
        return count

    def _tell(self, dropped: int) -> None:
        if dropped:
            self._on_dropped(dropped)
