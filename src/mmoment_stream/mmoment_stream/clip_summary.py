"""What a clip is, and how its file says when it was taken.

Times in the file are ticks of 1/90000 s since the first packet. When that was is in its metadata:
the fields of MP4 itself know whole seconds only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction

NS_PER_S = 1_000_000_000
TICKS_PER_S = 90_000
TIME_BASE = Fraction(1, TICKS_PER_S)
UTC_TAG = 'mmoment_first_utc_ns'
MONOTONIC_TAG = 'mmoment_first_monotonic_ns'


@dataclass(frozen=True, slots=True)
class ClipSummary:
    """What a clip is."""

    bytes: int
    packets: int
    dropped: int | None  # missing in between: the disk was too slow, or never came; None: unknown
    first_monotonic_ns: int
    last_monotonic_ns: int
    first_utc_ns: int
    duration_s: float  # from the first picture to the end of the last one
    width: int  # pixels
    height: int  # pixels
    fast_start: bool  # the index comes first: it plays before it is loaded whole


def time_tags(first_utc_ns: int, first_monotonic_ns: int) -> dict[str, str]:
    """Metadata that say when a clip begins."""
    moment = datetime.fromtimestamp(first_utc_ns // NS_PER_S, timezone.utc)
    return {
        'creation_time': moment.isoformat(),
        UTC_TAG: str(first_utc_ns),
        MONOTONIC_TAG: str(first_monotonic_ns),
    }


def tagged_times(metadata: Mapping[str, str]) -> tuple[int, int]:
    """UTC and monotonic time of the first packet, nanoseconds. Raises ValueError without them."""
    try:
        return int(metadata[UTC_TAG]), int(metadata[MONOTONIC_TAG])
    except KeyError as error:
        raise ValueError(f'it lacks the tag {error}') from error


def to_ticks(nanoseconds: int) -> int:
    """The nearest tick."""
    return (nanoseconds * TICKS_PER_S + NS_PER_S // 2) // NS_PER_S


def to_ns(ticks: int) -> int:
    """The nearest nanosecond."""
    return (ticks * NS_PER_S + TICKS_PER_S // 2) // TICKS_PER_S
