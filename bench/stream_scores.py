"""What is true of a pulled stream, and how a push came through a fault, by what was seen of both."""

from __future__ import annotations

import itertools
import math
import statistics
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.stream_puller import PulledPicture
from bench.whole_graph import quantile
from mmoment_node.recovery import RecoveryState

# Of a wrong configuration, FAILED is a pause as well.
PAUSED = (RecoveryState.WAITING_TO_RETRY, RecoveryState.FAILED)
# Of the end of a time, to say how late pictures are when all has settled.
SETTLED_S = 3.0
NS_PER_S = 10**9
# Marks have microseconds.
ROUNDING_NS = 2000


@dataclass(frozen=True, slots=True)
class Moment:
    """What the camera said of one push at one time (CLOCK_MONOTONIC, s)."""

    at_s: float
    state: int
    error_code: str = ''
    slate: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How soon a fault has to be noticed, and how late after its pauses the push may be live again."""

    notice_s: float
    late_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fault that a push came through, or not (recover_s is NaN).

    notice_s: from its cause. recover_s: from its end until the push is live again. picture_s: from its
    end until a viewer has a picture that was taken after it. waited_s: of recover_s, in pauses
    between attempts. codes: the errors that were told.
    """

    name: str
    notice_s: float
    recover_s: float
    picture_s: float
    waited_s: float = 0.0
    codes: tuple[str, ...] = ()

    @property
    def recovered(self) -> bool:
        """Whether the push was live again by itself, and showed the camera."""
        return math.isfinite(self.recover_s) and math.isfinite(self.picture_s)

    @property
    def late_s(self) -> float:
        """Of recover_s, what no pause accounts for."""
        return self.recover_s - self.waited_s

    def complaints(self, limits: Limits, codes: Collection[str] = ()) -> list[str]:
        """In what it is worse than it must be; codes: one of these has to be told, where any is given."""
        told = []
        if not self.notice_s <= limits.notice_s:
            told.append(f'noticed after {self.notice_s:.2f} s, at most {limits.notice_s:g}')
        if not self.recovered:
            told.append('not live again by itself')
        elif not self.late_s <= limits.late_s:
            told.append(
                f'live {self.late_s:.2f} s later than its pauses say, at most {limits.late_s:g}'
            )
        if codes and not set(codes) & set(self.codes):
            told.append(f'told {", ".join(self.codes) or "no error"}, not {" or ".join(codes)}')
        return [f'{self.name}: {text}' for text in told]


def waited_s(moments: Sequence[Moment], since_s: float, until_s: float) -> float:
    """How much of this time the push spent in pauses between attempts."""
    total = 0.0
    ends = [moment.at_s for moment in moments[1:]] + [math.inf]
    for moment, end_s in zip(moments, ends, strict=True):
        if moment.state in PAUSED:
            total += max(0.0, min(end_s, until_s) - max(moment.at_s, since_s))
    return total


def codes_since(moments: Sequence[Moment], since_s: float) -> tuple[str, ...]:
    """The errors that were told since then, each once, in their order."""
    told = (moment.error_code for moment in moments if moment.at_s >= since_s)
    return tuple(dict.fromkeys(code for code in told if code))


@dataclass(frozen=True, slots=True)
class Continuity:
    """What came of the packets that were encoded, between the first and the last that was pulled.

    missing: encoded, and never pulled. doubled: pulled again, or out of order. unreadable: pulled,
    but without a mark. not_encoded: numbers of pictures that camera or encoder left out.
    """

    pictures: int
    missing: int
    doubled: int
    unreadable: int
    not_encoded: int


def continuity(pulled: Sequence[PulledPicture], encoded_ns: Sequence[int]) -> Continuity:
    """Hold pulled pictures against the packets. encoded_ns: their capture times, in order.

    A picture belongs to the first packet that was not captured before its mark was painted: a network
    camera paints a moment earlier. Raises RuntimeError where there is none.
    """
    marked = [picture for picture in pulled if picture.mark is not None]
    places = [bisect_left(encoded_ns, picture.taken_ns - ROUNDING_NS) for picture in marked]
    if not places or max(places) == len(encoded_ns) or _is_far(marked[0], encoded_ns[places[0]]):
        raise RuntimeError(f'{len(marked)} pictures were pulled that belong to no packets')
    numbers = [picture.mark.number for picture in marked if picture.mark is not None]
    forward = sum(later > earlier for earlier, later in itertools.pairwise(numbers))
    # Counted, not looked for one by one: a busy network camera is not late by the same time always.
    missing = max(0, places[-1] - places[0] + 1 - len(set(numbers)))
    span = numbers[-1] - numbers[0] + 1
    return Continuity(
        pictures=len(marked),
        missing=missing,
        doubled=len(marked) - 1 - forward,
        unreadable=len(pulled) - len(marked),
        not_encoded=max(0, span - len(set(numbers)) - missing),
    )


def _is_far(picture: PulledPicture, captured_ns: int) -> bool:
    return captured_ns - picture.taken_ns > NS_PER_S


@dataclass(frozen=True, slots=True)
class Lag:
    """How late pictures were, s. final: when all has settled; gap: the longest time without one."""

    worst_s: float
    final_s: float
    gap_s: float


def lag(pulled: Sequence[PulledPicture], since_ns: int, until_ns: int) -> Lag:
    """How late the pictures were that were decoded in that time."""
    within = [picture for picture in pulled if since_ns <= picture.decoded_ns < until_ns]
    marked = [picture for picture in within if picture.mark is not None]
    settled_ns = until_ns - int(SETTLED_S * NS_PER_S)
    settled = [picture.age_ms for picture in marked if picture.decoded_ns >= settled_ns]
    times_ns = [since_ns, *(picture.decoded_ns for picture in marked), until_ns]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times_ns)]
    return Lag(
        worst_s=max((picture.age_ms for picture in marked), default=math.nan) / 1e3,
        final_s=statistics.median(settled) / 1e3 if settled else math.nan,
        gap_s=max(gaps) / NS_PER_S,
    )


def recover_p95_s(outcomes: Sequence[Outcome]) -> float:
    """Of all faults, the time to be live again; infinite, so null, where too many did not recover."""
    times = [one.recover_s if one.recovered else math.inf for one in outcomes]
    return quantile(times, 0.95)


def worst(values: Sequence[float]) -> float:
    """The largest, rounded to milliseconds; NaN where one is."""
    return math.nan if any(map(math.isnan, values)) else round(max(values), 3)
