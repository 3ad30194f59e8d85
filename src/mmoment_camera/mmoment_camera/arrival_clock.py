"""Capture times for network cameras: the camera's clock, tied to ours by the fastest arrivals."""

from __future__ import annotations

from collections import deque

from mmoment_camera.units import SECOND_NS

# Long enough to meet an undisturbed arrival, short enough to follow two drifting clocks.
WINDOW_NS = 5 * SECOND_NS
# Beyond this the camera's clock has jumped, or what comes has waited somewhere for long.
JUMP_NS = SECOND_NS


class ArrivalClock:
    """Maps the time stamps of a stream to CLOCK_MONOTONIC.

    A picture cannot arrive before it was taken, so the smallest (arrival - stamp) of the last
    seconds is the best guess of the constant part of the delay; everything above it is jitter of
    network and decoder, which the result is free of.
    """

    def __init__(self) -> None:
        """Start without a guess."""
        # Arrival and offset, both in ns; offsets grow, so that the first is the smallest.
        self._offsets: deque[tuple[int, int]] = deque()

    def capture_ns(self, stamp_ns: int, arrival_ns: int) -> int:
        """Capture time of the picture stamped `stamp_ns` by its camera; never after `arrival_ns`."""
        offset_ns = arrival_ns - stamp_ns
        if self._offsets and abs(offset_ns - self._offsets[0][1]) > JUMP_NS:
            self._offsets.clear()
        while self._offsets and self._offsets[-1][1] >= offset_ns:
            self._offsets.pop()
        self._offsets.append((arrival_ns, offset_ns))
        while arrival_ns - self._offsets[0][0] > WINDOW_NS:
            self._offsets.popleft()
        return stamp_ns + self._offsets[0][1]
