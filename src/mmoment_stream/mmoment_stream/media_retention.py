"""Which photos and clips go to make room: the oldest first, never a favourite nor the newest one.

Room on the disk is a limit of another kind: others fill the disk too. Where all that may go would
not make enough room, nothing goes for it, and that is told.
"""

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
# Nobody has seen what is younger yet: it does not go because others fill the disk.
YOUNG_MS = 3_600_000
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """How much is kept, photos and clips together. 0: no limit.

    only_uploaded: what is not in the remote store yet is not deleted, except for room on the disk
    where what is uploaded is not enough. For where there is a remote store.
    """

    age_days: float = 0.0
    count: int = 0
    bytes: int = 0
    free_bytes: int = 0  # so much room is left on the disk
    only_uploaded: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What must go."""

    candidates: tuple[Candidate, ...] = ()  # oldest first
    lacking_bytes: int = 0  # of room on the disk that cannot be made, for which nothing goes


def to_delete(
    oldest: Iterable[Candidate],
    totals: Totals,
    limits: RetentionLimits,
    now_ms: int,
    free_bytes: int,
) -> Choice:
    """Choose those that must go.

    oldest: those that may go, oldest first; no more of them are taken than needed. totals: of all,
    favourites included. now_ms: the time on the wall; 0: not known. free_bytes: room on the disk.
    """
    before_ms = now_ms - limits.age_days * DAY_MS if limits.age_days and now_ms else 0
    over_count = totals.count - limits.count if limits.count else 0
    over_bytes = totals.bytes - limits.bytes if limits.bytes else 0
    following = iter(oldest)
    chosen, left = [], []
    for candidate in following:
        is_old = FIRST_TRUE_MS <= candidate.started_ms < before_ms
        is_too_much = over_count > 0 or over_bytes > 0 or is_old
        if is_too_much and (candidate.is_uploaded or not limits.only_uploaded):
            chosen.append(candidate)
            over_count -= 1
            over_bytes -= candidate.bytes
        else:
            left.append(candidate)
            if not is_too_much and candidate.started_ms >= FIRST_TRUE_MS:
                break
    lacking_bytes = limits.free_bytes - free_bytes - sum(each.bytes for each in chosen)
    if not limits.free_bytes or lacking_bytes <= 0:
        return Choice(tuple(chosen))
    more, lacking_bytes = _for_room((*left, *following), limits, now_ms, lacking_bytes)
    ordered = sorted((*chosen, *more), key=lambda each: (each.started_ms, each.media_id))
    return Choice(tuple(ordered), lacking_bytes)


def _for_room(
    candidates: Iterable[Candidate], limits: RetentionLimits, now_ms: int, lacking_bytes: int
) -> tuple[list[Candidate], int]:
    """Those that make so much room on the disk, or none; and how much cannot be made."""
    # Where the time is not known, nothing is known to be old enough.
    may_go = [each for each in candidates if each.started_ms <= now_ms - YOUNG_MS]
    if limits.only_uploaded:
        may_go.sort(key=lambda each: not each.is_uploaded)
    chosen = []
    for candidate in may_go:
        chosen.append(candidate)
        lacking_bytes -= candidate.bytes
        if lacking_bytes <= 0:
            return chosen, 0
    return [], lacking_bytes


class MediaRetention:
    """Deletes what must go. To be called by one thread, such as once a minute and after each clip."""

    def __init__(self, library: MediaLibrary, store: Store) -> None:
        self._library = library
        self._store = store
        self._offset_ms = self._clock_offset_ms()
        self._doubt_until_s = 0.0
        self.problem = ''
        """What keeps `step` from making room on the disk; empty: nothing."""

    def step(self, limits: RetentionLimits) -> list[MediaRecord]:
        """Delete what must go; returns it. Raises Refused, StoreError or OSError."""
        free_bytes = self._library.folder.free_bytes() if limits.free_bytes else 0
        now_ms = self._trusted_ms()
        with self._store.reading() as query:
            choice = to_delete(
                media_records.oldest(query),
                media_records.totals(query),
                limits,
                now_ms,
                free_bytes,
            )
        self.problem = _problem(choice.lacking_bytes)
        gone = []
        for first in range(0, len(choice.candidates), AT_ONCE):
            chosen = choice.candidates[first : first + AT_ONCE]
            gone += self._library.retire(candidate.media_id for candidate in chosen)
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


def _problem(lacking_bytes: int) -> str:
    if not lacking_bytes:
        return ''
    return (
        f'the disk is filled by something else: even without every photo and clip older than an '
        f'hour, favourites aside, {-(-lacking_bytes // MIB)} MiB are lacking, so that none of them '
        'was deleted for room; free the disk, or ask for less room (free_mib)'
    )
