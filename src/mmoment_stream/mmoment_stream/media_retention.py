"""Which photos and clips go to make room: the oldest first, never a favourite nor the newest one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mmoment_chain import media_records
from mmoment_chain.media_records import Candidate, MediaRecord, Totals
from mmoment_chain.store import Store
from mmoment_stream.media_library import MediaLibrary

DAY_MS = 86_400_000
# In one transaction: others write in between, and the reserve of the folder is enough for it.
AT_ONCE = 20
# 2024-01-01. What is dated before comes from a clock that was not set: its age is not known.
FIRST_TRUE_MS = 1_704_067_200_000
# A clock that was set is not believed at once: what it makes old would be gone for good.
TOLERANCE_MS = 60_000
DOUBT_S = 3600.0


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """How much is kept, photos and clips together. 0: no limit."""

    age_days: float = 0.0
    count: int = 0
    bytes: int = 0
    free_bytes: int = 0  # so much room is left on the disk


def to_delete(
    oldest: Iterable[Candidate],
    totals: Totals,
    limits: RetentionLimits,
    now_ms: int,
    free_bytes: int,
) -> list[Candidate]:
    """Those that must go, oldest first.

    oldest: those that may go, oldest first; no more of them are taken than needed. totals: of all,
    favourites included. now_ms: the time on the wall; 0: not known. free_bytes: room on the disk.
    """
    before_ms = now_ms - limits.age_days * DAY_MS if limits.age_days and now_ms else 0
    over_count = totals.count - limits.count if limits.count else 0
    over_bytes = totals.bytes - limits.bytes if limits.bytes else 0
    over_bytes = max(over_bytes, limits.free_bytes - free_bytes)
    chosen = []
    for candidate in oldest:
        is_old = FIRST_TRUE_MS <= candidate.started_ms < before_ms
        if over_count > 0 or over_bytes > 0 or is_old:
            chosen.append(candidate)
            over_count -= 1
            over_bytes -= candidate.bytes
        elif candidate.started_ms >= FIRST_TRUE_MS:
            break
    return chosen


class MediaRetention:
    """Deletes what must go. To be called by one thread, such as once a minute and after each clip."""

    def __init__(self, library: MediaLibrary, store: Store) -> None:
        self._library = library
        self._store = store
        self._offset_ms = self._clock_offset_ms()
        self._doubt_until_s = 0.0

    def step(self, limits: RetentionLimits) -> list[MediaRecord]:
        """Delete what must go; returns it. Raises Refused, StoreError or OSError."""
        free_bytes = self._library.folder.free_bytes() if limits.free_bytes else 0
        now_ms = self._trusted_ms()
        with self._store.reading() as query:
            chosen = to_delete(
                media_records.oldest(query),
                media_records.totals(query),
                limits,
                now_ms,
                free_bytes,
            )
        gone = []
        for first in range(0, len(chosen), AT_ONCE):
            ids = [candidate.media_id for candidate in chosen[first : first + AT_ONCE]]
            gone += self._library.retire(ids)
        return gone

    def _trusted_ms(self) -> int:
        """The time on the wall; 0 for a while after the clock was set."""
        clock, offset_ms = self._store.clock, self._clock_offset_ms()
        if abs(offset_ms - self._offset_ms) > TOLERANCE_MS:
            self._offset_ms = offset_ms
            self._doubt_until_s = clock.elapsed_s() + DOUBT_S
        return 0 if clock.elapsed_s() < self._doubt_until_s else clock.utc_ms()

    def _clock_offset_ms(self) -> int:
        clock = self._store.clock
        return clock.utc_ms() - round(clock.elapsed_s() * 1000)
