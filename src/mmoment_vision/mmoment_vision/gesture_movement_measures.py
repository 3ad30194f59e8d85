"""What can be measured of the way of a hand: its fast travels and its swings.

Lengths are in palm sizes, times those of the pictures; see `gesture_movements`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist, hypot, log
from statistics import median

from numpy.typing import ArrayLike

from mmoment_vision.gesture_features import FINGERS, WRIST, as_points, palm_size

# A swipe goes at least this far, and is not slower: an arm of a person who only reaches for
# something covers two palms in a second.
SWIPE_PALMS = 2.0
SWIPE_PALMS_PER_S = 4.0
# Between the first and the last tenth of its way.
SWIPE_LONGEST_S = 0.5
# A travel that began earlier has been judged.
FAST_MEMORY_S = 2.5 * SWIPE_LONGEST_S
# Cosine to the nearest axis: about 37 degrees; diagonals have no name.
SWIPE_AXIS = 0.8
# What is at least this share of the fastest belongs to the travel.
FAST_SHARE = 0.35
# The hand must be slower for so long after it. Longer than the turning of a waving hand takes.
SETTLE_S = 0.18
# Looked at before the travel; a hand seen for less than the least came into the picture with it.
BEFORE_S = 0.3
LEAST_BEFORE_S = 0.09

# Swings of a wave, of so many palms each at least: there and back twice.
WAVE_SWINGS = 4
SWING_PALMS = 0.4
SWING_LONGEST_S = 0.6
# The newest swing counts when it has come so far as the others, nearly.
SWING_DONE = 0.7
# The shortest against the longest.
EVEN_SWINGS = 0.3
# Mean cosine between the fingers and straight up: nobody waves with fingers down.
UPRIGHT = 0.3

# Reach of a finger, in palms, from which it counts as open.
OPEN_REACH = 0.35
# Mean of openness and probability of an open palm: three fingers of four alone are not enough.
LEAST_OPEN = 0.4

SWIPE_MEASURES = (
    'travel',
    'speed',
    'straightness',
    'axis',
    'openness',
    'open_palm',
    'before',
    'after',
    'palm_change',
)
WAVE_MEASURES = (
    'amplitude',
    'half_period',
    'even_time',
    'across',
    'drift',
    'openness',
    'open_palm',
)

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class HandSample:
    """What a picture says about the place of a hand, pixels and seconds.

    `centre`: of the palm; `tips`: mean of the four fingertips, which swing also where only the
    wrist turns; `palm`: its size; `openness`: 0..1, how far the four fingers are stretched;
    `upright`: -1..1, cosine between the fingers and straight up; `open_palm`: 0..1, probability of
    that gesture, which knows better than openness which fingers belong together.
    """

    time_s: float
    centre: Place
    tips: Place
    palm: float
    openness: float
    upright: float
    open_palm: float


def hand_sample(landmarks: ArrayLike, time_s: float, open_palm: float) -> HandSample:
    """Return the sample of a hand: 21 rows of x, y in pixels; ValueError if they are not that.

    `open_palm`: 0..1, probability that it shows an open palm.
    """
    points = as_points(landmarks)
    palm = palm_size(points)
    places: list[Place] = [(x, y) for x, y in points.tolist()]
    wrist = places[WRIST]
    reaches = [
        (dist(places[joints[3]], wrist) - dist(places[joints[1]], wrist)) / palm
        for joints in FINGERS.values()
    ]
    openness = sum(min(1.0, max(0.0, reach / OPEN_REACH)) for reach in reaches) / len(reaches)
    tips = _mean([places[joints[3]] for joints in FINGERS.values()])
    centre = _mean([places[joint] for joint in (WRIST, 5, 9, 13, 17)])
    upright = (wrist[1] - tips[1]) / max(dist(wrist, tips), 1e-6)
    return HandSample(time_s, centre, tips, palm, openness, upright, open_palm)


def speed(one: HandSample, other: HandSample) -> float:
    """Return how fast a palm went from one sample to a later one, in palms per second."""
    way = dist(one.centre, other.centre) / max(one.palm, other.palm)
    return way / (other.time_s - one.time_s)


def fast_travel(path: Sequence[HandSample], after_s: float) -> tuple[int, int] | None:
    """Numbers of the first and last sample of the fastest travel that has just come to its end.

    Looks only at what began after `after_s`.
    """
    steps = [speed(one, other) for one, other in pairwise(path)]
    oldest_s = max(after_s, path[-1].time_s - FAST_MEMORY_S)
    recent = [number for number in range(len(steps)) if path[number].time_s >= oldest_s]
    if not recent:
        return None
    fastest = max(recent, key=lambda number: steps[number])
    if steps[fastest] < SWIPE_PALMS_PER_S:
        return None
    least = FAST_SHARE * steps[fastest]
    first = last = fastest
    while first > recent[0] and steps[first - 1] >= least:
        first -= 1
    while last < recent[-1] and steps[last + 1] >= least:
        last += 1
    if path[-1].time_s - path[last + 1].time_s < SETTLE_S:
        return None
    return first, last + 1


def swipe_measures(path: list[HandSample], first: int, last: int) -> tuple[float, ...] | None:
    """Describe a fast travel; None if it is beyond the limits of a swipe."""
    part = path[first : last + 1]
    palm = median(sample.palm for sample in part)
    across = (part[-1].centre[0] - part[0].centre[0]) / palm
    along = (part[-1].centre[1] - part[0].centre[1]) / palm
    travel = hypot(across, along)
    way = _way(part) / palm
    middle_s = _time_at(part, 0.9) - _time_at(part, 0.1)
    pace = 0.8 * way / max(middle_s, 1e-3)
    axis = max(abs(across), abs(along)) / max(travel, 1e-6)
    if (
        travel < SWIPE_PALMS
        or pace < SWIPE_PALMS_PER_S
        or middle_s > SWIPE_LONGEST_S
        or axis < SWIPE_AXIS
    ):
        return None
    start_s = part[0].time_s
    before = [sample for sample in path[: first + 1] if sample.time_s >= start_s - BEFORE_S]
    after = path[last:]
    shown = path[first:]
    if not _is_open(shown):
        return None
    ends = [sample.palm for sample in (path[max(0, first - 1)], path[-1])]
    return (
        log(travel),
        log(pace),
        travel / way,
        axis,
        sum(sample.openness for sample in shown) / len(shown),
        sum(sample.open_palm for sample in shown) / len(shown),
        _rest(before, palm, pace),
        _rest(after, palm, pace),
        abs(log(ends[1] / ends[0])),
    )


def _is_open(part: Sequence[HandSample]) -> bool:
    open_share = sum(sample.openness + sample.open_palm for sample in part) / 2
    return open_share >= LEAST_OPEN * len(part)


def _rest(part: list[HandSample], palm: float, pace: float) -> float:
    """Speed before or after a travel as a share of its own; 1 if the hand was not seen then."""
    length_s = part[-1].time_s - part[0].time_s
    if length_s < LEAST_BEFORE_S:
        return 1.0
    return min(1.0, _way(part) / palm / length_s / pace)


def wave_measures(
    path: list[HandSample], turns: list[int], palm: float
) -> tuple[float, ...] | None:
    """Describe swings between turning points; None if beyond the limits of a wave."""
    xs = [path[turn].tips[0] / palm for turn in turns]
    times = [path[turn].time_s for turn in turns]
    swings = [abs(other - one) for one, other in pairwise(xs)]
    # The first swing may begin in a long rest and the last is not over: their times say little.
    lengths = [other - one for one, other in pairwise(times[1:-1])]
    if swings[-1] < SWING_DONE * sum(swings[:-1]) / len(swings[:-1]):
        return None
    part = path[turns[1] : turns[-1] + 1]
    if min(swings) < EVEN_SWINGS * max(swings) or not _is_open(part):
        return None
    if max(lengths) > SWING_LONGEST_S or times[-1] - times[-2] > SWING_LONGEST_S:
        return None
    if sum(sample.upright for sample in part) < UPRIGHT * len(part):
        return None
    height = max(sample.tips[1] for sample in part) - min(sample.tips[1] for sample in part)
    amplitude = sum(swings) / len(swings)
    lefts, rights = xs[0::2], xs[1::2]
    drift = max(max(lefts) - min(lefts), max(rights) - min(rights))
    return (
        log(amplitude),
        log(sum(lengths) / len(lengths)),
        min(lengths) / max(lengths),
        amplitude / (amplitude + height / palm),
        min(2.0, drift / amplitude),
        sum(sample.openness for sample in part) / len(part),
        sum(sample.open_palm for sample in part) / len(part),
    )


def turning_points(values: list[float], least: float) -> list[int]:
    """Numbers of the extremes between which a line goes up and down by `least` or more.

    The first is where the first such way begins, the last is the extreme reached by now.
    """
    low = high = 0
    turns: list[int] = []
    rising: bool | None = None
    for number, value in enumerate(values):
        if rising is None:
            low = number if value < values[low] else low
            high = number if value > values[high] else high
            if values[high] - values[low] >= least:
                rising = high > low
                turns = [low, high] if rising else [high, low]
        elif (value > values[turns[-1]]) == rising:
            turns[-1] = number
        elif abs(value - values[turns[-1]]) >= least:
            turns.append(number)
            rising = not rising
    return turns


def _way(part: Sequence[HandSample]) -> float:
    return sum(dist(a.centre, b.centre) for a, b in pairwise(part))


def _time_at(part: Sequence[HandSample], share: float) -> float:
    """When this share of the way was done, between the samples as if at a steady speed."""
    left = share * _way(part)
    for one, other in pairwise(part):
        step = dist(one.centre, other.centre)
        if step >= left > 0:
            return one.time_s + (other.time_s - one.time_s) * left / step
        left -= step
    return part[-1].time_s


def _mean(places: list[Place]) -> Place:
    return (
        sum(place[0] for place in places) / len(places),
        sum(place[1] for place in places) / len(places),
    )
