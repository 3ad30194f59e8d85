"""Holds video back while it is not sure that strangers are hidden in it as wished."""

from __future__ import annotations

import time
from collections.abc import Callable

from mmoment_api.layer_keeper import LayerKeeper
from mmoment_camera.frame_ring import FrameRingReader, NoRing, ring_name

CHANNEL_RINGS = {True: 'annotated', False: 'public'}
Gate = Callable[[int], bool]


class VideoGate:
    """For one channel; belongs to the thread that takes its packets.

    A packet does not say who has drawn its picture, so only those count whose picture was taken
    when the present writer of the ring was trusted already.
    """

    def __init__(
        self,
        keeper: LayerKeeper,
        ring: str,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._keeper = keeper
        self._ring_name = ring
        self._now_ns = now_ns
        self._ring: FrameRingReader | None = None
        self._trusted: int | None = None
        self._since_ns = 0

    def lets_through(self, captured_ns: int) -> bool:
        """Whether a packet of a picture that was taken then may be shown."""
        if not self._keeper.hides_strangers:
            self._trusted = None
            return True
        writer = self._writer()
        if writer is None or not self._keeper.trusts(writer):
            self._trusted = None
            return False
        if writer != self._trusted:
            self._trusted, self._since_ns = writer, self._now_ns()
        return captured_ns >= self._since_ns

    def _writer(self) -> int | None:
        if self._ring is None or not self._ring.is_current():
            try:
                self._ring = FrameRingReader(self._ring_name)
            except NoRing:
                self._ring = None
        return self._ring.epoch if self._ring is not None else None


def channel_gates(keeper: LayerKeeper, namespace: str) -> dict[bool, Gate]:
    """Whether a packet of a picture that was taken then may be shown, by channel."""
    return {
        annotated: VideoGate(keeper, ring_name(namespace, ring)).lets_through
        for annotated, ring in CHANNEL_RINGS.items()
    }
