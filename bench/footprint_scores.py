"""How the footprint benchmark counts: what each stage made of the camera's pictures, and when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.whole_graph import quantile


@dataclass(frozen=True, slots=True)
class Arrived:
    """Something about one picture that has come; times are CLOCK_MONOTONIC, nanoseconds.

    `things`: how many faces or hands it tells of. `named`: how many of them it names.
    """

    captured_ns: int
    arrived_ns: int
    things: int = 0
    named: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How a stage kept up with the camera over a time.

    fps: pictures it had a result for, per second. delivered: the same as a share of those that the
    camera took, 0..1. things, named: means over its results. Times are from capture to result.
    """

    fps: float
    delivered: float
    things: float
    named: float
    p50_ms: float
    p99_ms: float
    longest_gap_ms: float  # between two results: a stage that starves may still be fast on average


def pace(results: Sequence[Arrived], pictures: Sequence[Arrived], seconds: float) -> Pace:
    """Hold the results of a stage against the pictures that the camera announced in that time.

    Results of other pictures do not count, and of two results for one picture only the first does;
    those that come after the time do, so that what is slow is not taken for missing.
    """
    taken = {picture.captured_ns for picture in pictures}
    first = {one.captured_ns: one for one in reversed(results) if one.captured_ns in taken}
    ages_ms = [(one.arrived_ns - one.captured_ns) / 1e6 for one in first.values()]
    times_ms = sorted(one.arrived_ns / 1e6 for one in first.values())
    gaps_ms = [later - sooner for sooner, later in pairwise(times_ms)]
    return Pace(
        fps=round(len(first) / seconds, 2),
        delivered=round(len(first) / len(taken), 4) if taken else math.nan,
        things=_mean([one.things for one in first.values()]),
        named=_mean([one.named for one in first.values()]),
        p50_ms=quantile(ages_ms, 0.5),
        p99_ms=quantile(ages_ms, 0.99),
        longest_gap_ms=round(max(gaps_ms, default=math.nan), 1),
    )


def rate_of(counts: Sequence[tuple[int, float]]) -> float:
    """How fast a counter rises, per second, by (time in ns, count); NaN before two counts."""
    if len(counts) < 2 or counts[-1][0] <= counts[0][0]:
        return math.nan
    (began_ns, first), (ended_ns, last) = counts[0], counts[-1]
    return round((last - first) * 1e9 / (ended_ns - began_ns), 2)


def _mean(numbers: Sequence[int]) -> float:
    return round(sum(numbers) / len(numbers), 3) if numbers else math.nan
