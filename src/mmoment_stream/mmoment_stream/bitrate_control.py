"""How much video a network takes: less when its queue stays full, more again bit by bit.

Small steps up and large ones down (AIMD), as TCP shares a line. What counts is the queue that
stands, the least that waited over a while: a keyframe is as large as many pictures and fills every
queue for a moment. Nor does it count what waits on any line of that length, because an answer takes
its time: the least that waited lately.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mmoment_stream.push_figures import KBIT_PER_BYTE

LOWEST_KBPS = 100
WINDOW_S = 0.5
# In seconds of video beyond what always waits, and in bytes for videos of a low bitrate.
FULL_S, FULL_BYTES = 0.2, 16_000
EMPTY_S, EMPTY_BYTES = 0.05, 8_000
# With this much in the queue pictures are left out, to be live again before long.
CHOKED_S, CHOKED_BYTES = 0.4, 60_000
DRAINED_S, DRAINED_BYTES = 0.1, 8_000
# No line is longer. A longer one that is taken instead is believed bit by bit.
LONGEST_BASE_S, BASE_DRIFT_S = 0.5, 0.005
# Below what the network has taken, so that the queue empties too.
CUT = 0.85
LEAST_CUT = 0.3
# The queue of before has to drain before it says anything new.
CUT_EVERY_S = 1.5
# A server that stops reading looks like a slow network until it takes nothing at all.
UNCUT_S = 3.0
RAISE, RAISE_EVERY_S = 1.1, 2.0
# Around what the network could take the last time each step is likely one too many.
KNOWN_END_FROM, KNOWN_END_TO = 0.92, 1.15
RAISE_SLOWLY_EVERY_S = 8.0
# Well above what the video had before the first cut, a limit limits nothing.
RELEASE = 1.25


class BitrateControl:
    """Watches one network, over several connections. Used by one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limit_kbps = 0.0
        self._full_kbps = 0.0  # what the video had before it was limited
        self._end_kbps = 0.0  # what the network took when it was full the last time
        self._input_kbps = 0.0
        self._acted_s = float('-inf')
        self._cut_s = float('-inf')
        self._uncut_kbps = 0.0  # the limit before the last cut
        self._window: tuple[float, int, int] | None = None  # begin, sent and queued there
        self._standing_bytes = 0
        self._base_s: float | None = None  # of video that always waits

    @property
    def limit_kbps(self) -> int:
        """The most that the encoder should make; 0: no limit."""
        return round(self._limit_kbps)

    def begin(self) -> None:
        """A new connection: its queue is empty. The limit stays, the network is the same."""
        self._window = None
        self._base_s = None
        self._acted_s = self._clock()

    def is_choked(self, queued_bytes: int) -> bool:
        """Whether so much waits that pictures have to be left out."""
        return queued_bytes > self._bytes(CHOKED_BYTES, CHOKED_S)

    def is_drained(self, queued_bytes: int) -> bool:
        """Whether so little waits that sending may go on after that."""
        return queued_bytes < self._bytes(DRAINED_BYTES, DRAINED_S)

    def observe(self, sent_bytes: int, queued_bytes: int, input_kbps: float) -> None:
        """Look at the queue; to be called several times a second.

        sent_bytes: handed to this connection until now. queued_bytes: what of it still waits.
        input_kbps: what the encoder makes now.
        """
        now_s = self._clock()
        self._input_kbps = input_kbps
        if self._window is None:
            self._window = (now_s, sent_bytes, queued_bytes)
            self._standing_bytes = queued_bytes
        self._standing_bytes = min(self._standing_bytes, queued_bytes)
        began_s, began_sent, began_queued = self._window
        elapsed_s = now_s - began_s
        if elapsed_s < WINDOW_S:
            return
        taken_bytes = (sent_bytes - began_sent) - (queued_bytes - began_queued)
        self._judge(now_s, max(0.0, taken_bytes * KBIT_PER_BYTE / elapsed_s))
        self._window = (now_s, sent_bytes, queued_bytes)
        self._standing_bytes = queued_bytes

    def _judge(self, now_s: float, taken_kbps: float) -> None:
        self._learn_base()
        if self._standing_bytes and not taken_kbps:
            if now_s - self._cut_s < UNCUT_S:
                self._limit_kbps = self._uncut_kbps
            return
        waited_s = now_s - self._acted_s
        if self._standing_bytes > self._bytes(FULL_BYTES, FULL_S):
            # With a limit below what is taken the queue drains by itself.
            is_draining = 0.0 < self._limit_kbps <= CUT * taken_kbps
            if waited_s >= CUT_EVERY_S and not is_draining:
                self._acted_s = self._cut_s = now_s
                self._cut(taken_kbps)
        elif self._standing_bytes >= self._bytes(EMPTY_BYTES, EMPTY_S):
            return
        elif self._limit_kbps and waited_s >= self._raise_every_s():
            self._acted_s = now_s
            self._limit_kbps *= RAISE
            if self._limit_kbps > RELEASE * self._full_kbps:
                self._limit_kbps = 0.0

    def _raise_every_s(self) -> float:
        share = self._limit_kbps * RAISE / max(self._end_kbps, 1.0)
        is_near = KNOWN_END_FROM < share < KNOWN_END_TO
        return RAISE_SLOWLY_EVERY_S if is_near else RAISE_EVERY_S

    def _cut(self, taken_kbps: float) -> None:
        present_kbps = self._limit_kbps or self._input_kbps
        if not self._limit_kbps:
            self._full_kbps = self._input_kbps
        self._end_kbps, self._uncut_kbps = taken_kbps, self._limit_kbps
        wanted_kbps = min(CUT * taken_kbps, CUT * present_kbps)
        self._limit_kbps = max(LOWEST_KBPS, wanted_kbps, LEAST_CUT * present_kbps)

    def _learn_base(self) -> None:
        standing_s = self._standing_bytes / self._bytes_per_s
        known_s = LONGEST_BASE_S if self._base_s is None else self._base_s + BASE_DRIFT_S
        self._base_s = min(standing_s, known_s)

    def _bytes(self, least: int, seconds: float) -> float:
        return self._bytes_per_s * (self._base_s or 0.0) + max(least, self._bytes_per_s * seconds)

    @property
    def _bytes_per_s(self) -> float:
        # An encoder obeys at once, but its rate is known as a mean of some seconds.
        kbps = min(self._limit_kbps or self._input_kbps, self._input_kbps)
        return max(kbps, LOWEST_KBPS) / KBIT_PER_BYTE
