"""Made-up movements of hands: waves, swipes, and what is neither, as landmarks over time.

A made-up hand of `gesture_synthesis` travels on a path of its own: with the profile of speed that
arms have, at a random size, rate and place, with noise that grows with speed, and with pictures
in which it is not found. Teaches `gesture_movement_training.py` and measures in `bench gesture`.
Pictures are not mirrored and the person faces the camera: x grows to the person's left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.gesture_features import palm_size
from mmoment_vision.gesture_movements import DOWN, LEFT, MOVEMENTS, RIGHT, UP, WAVE
from mmoment_vision.gesture_synthesis import SHAPES, synthetic_hand

Array = NDArray[np.float64]

TOWARDS = {LEFT: (1.0, 0.0), RIGHT: (-1.0, 0.0), UP: (0.0, -1.0), DOWN: (0.0, 1.0)}
STEP_S = 0.005
# What people do with their hands without meaning a movement of ours.
OTHERS = (
    'reach',
    'raise',
    'lower',
    'diagonal',
    'arc',
    'closed',
    'jerk',
    'through',
    'circle',
    'tremble',
    'nod',
    'talk',
    'there_and_back',
)


@dataclass(frozen=True, slots=True)
class MadeUpMovement:
    """A hand over time.

    `name`: one of `MOVEMENTS`, or empty; `kind`: that or one of `OTHERS`. `times_s`: (N,);
    `landmarks`: (N, 21, 2), pixels; `start_s`, `end_s`: when the movement is made.
    """

    name: str
    kind: str
    times_s: Array
    landmarks: Array
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _Path:
    """Place of the palm (N, 2) in palms and turn of the hand (N,) in radians every `STEP_S`.

    `since_s`, `until_s`: when the hand is in the picture.
    """

    places: Array
    turns: Array
    start_s: float
    end_s: float
    shape: str = 'open_palm'
    since_s: float = 0.0
    until_s: float = float('inf')


def made_up_movement(
    kind: str, random: np.random.Generator, rate_hz: float | None = None
) -> MadeUpMovement:
    """Make up a movement. `kind`: one of `MOVEMENTS` or `OTHERS`; `rate_hz`: 10 to 30 if None."""
    path = _PATHS[kind](random)
    rate_hz = rate_hz or float(random.uniform(10.0, 30.0))
    times = _picture_times(len(path.places) * STEP_S, rate_hz, random)
    times = times[(times >= path.since_s) & (times <= path.until_s)]
    numbers = np.minimum((times / STEP_S).astype(int), len(path.places) - 1)
    speeds = np.linalg.norm(np.gradient(path.places, STEP_S, axis=0), axis=1)
    hand = _upright_hand(path.shape, random)
    still, blurred = random.uniform(0.008, 0.03), random.uniform(0.0, 0.004)
    palm_px = float(np.exp(random.uniform(np.log(18.0), np.log(160.0))))
    landmarks = []
    for number in numbers:
        cosine, sine = np.cos(path.turns[number]), np.sin(path.turns[number])
        turned = hand @ np.array([[cosine, sine], [-sine, cosine]])
        noise = still + blurred * speeds[number]
        joint = random.normal(0.0, noise, 2) + random.normal(0.0, noise, (21, 2))
        landmarks.append((turned + path.places[number] + joint) * palm_px)
    name = kind if kind in MOVEMENTS else ''
    place = np.array([320.0, 240.0])
    moved = np.array(landmarks).reshape(-1, 21, 2) + place
    return MadeUpMovement(name, kind, times, moved, path.start_s, path.end_s)


def _picture_times(length_s: float, rate_hz: float, random: np.random.Generator) -> Array:
    """Times of the pictures in which the hand is found: they jitter, and some are missing."""
    times = np.arange(random.uniform(0.0, 1.0 / rate_hz), length_s, 1.0 / rate_hz)
    times += random.normal(0.0, 0.04 / rate_hz, len(times))
    lost = random.choice([0.0, 0.05, 0.2], p=[0.5, 0.3, 0.2])
    times = np.clip(times, 0.0, length_s)
    return np.asarray(times[random.random(len(times)) >= lost])


def _upright_hand(shape: str, random: np.random.Generator) -> Array:
    """A hand of palm size 1 about its palm, its fingers up, leaning a little."""
    hand = synthetic_hand(shape, random)
    middle = hand[[0, 5, 9, 13, 17]].mean(axis=0)
    axis = hand[9] - hand[0]
    angle = -np.arctan2(axis[0], -axis[1]) + random.normal(0.0, 0.25)
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = (hand - middle) @ np.array([[cosine, sine], [-sine, cosine]])
    return np.asarray(turned / palm_size(turned))


def _stroke(length_s: float) -> Array:
    """0 to 1 in a time, with the least jerk: Flash and Hogan, J. Neurosci. 5(7), 1985."""
    share = np.linspace(0.0, 1.0, max(2, round(length_s / STEP_S)))
    return np.asarray(share**3 * (10.0 - 15.0 * share + 6.0 * share**2))


def _still(length_s: float) -> Array:
    return np.zeros(max(1, round(length_s / STEP_S)))


def _wandering(count: int, random: np.random.Generator, palms: float = 0.15) -> Array:
    """A slow sway (N, 2), as of every hand that is held in the air."""
    times = np.arange(count) * STEP_S
    return np.stack(
        [
            sum(
                random.normal(0.0, palms) * np.sin(random.uniform(1.0, 5.0) * times + phase)
                for phase in random.uniform(0.0, 6.28, 3)
            )
            for _ in range(2)
        ],
        axis=1,
    )


def _one_stroke(
    random: np.random.Generator,
    direction: Array,
    palms: float,
    length_s: float,
    *,
    bend: float = 0.0,
    tilt: float = 0.0,
) -> _Path:
    """From rest to rest: along `direction`, with a bow of `bend` of the way, turning by `tilt`."""
    wait_s, rest_s = random.uniform(0.35, 1.0), random.uniform(0.5, 1.0)
    stroke = _stroke(length_s)
    share = np.concatenate([_still(wait_s), stroke, _still(rest_s) + 1.0])
    aside = np.array([-direction[1], direction[0]])
    bow = bend * np.sin(np.pi * share)
    places = palms * (share[:, None] * direction + bow[:, None] * aside)
    places = places + _wandering(len(places), random, 0.08)
    return _Path(places, tilt * share, wait_s, wait_s + length_s)


def _direction(random: np.random.Generator, degrees: float) -> Array:
    """One of the four axes, off by up to so many degrees."""
    axis = list(TOWARDS.values())[random.integers(4)]
    return _turned(np.array(axis), random.uniform(-degrees, degrees))


def _turned(direction: Array, degrees: float) -> Array:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]]) @ direction


def _swipe(name: str) -> Callable[[np.random.Generator], _Path]:
    def path(random: np.random.Generator) -> _Path:
        direction = _turned(np.array(TOWARDS[name]), random.uniform(-18.0, 18.0))
        palms = random.uniform(3.0, 8.0)
        length_s = random.uniform(0.18, min(0.55, palms / 6.0))
        bend, tilt = random.normal(0.0, 0.06), random.normal(0.0, 0.35)
        return _one_stroke(random, direction, palms, length_s, bend=bend, tilt=tilt)

    return path


def _wave(random: np.random.Generator) -> _Path:
    hertz, swings = random.uniform(1.1, 3.0), random.integers(6, 11)
    moving_s, wait_s = swings * 0.5 / hertz, random.uniform(0.3, 0.8)
    times = np.arange(round((moving_s + wait_s + 0.5) / STEP_S)) * STEP_S
    phase = np.clip((times - wait_s) / moving_s, 0.0, 1.0) * swings * np.pi
    # The whole forearm swings, or the wrist alone.
    turn = random.uniform(0.2, 0.6)
    swing = random.uniform(0.1, 1.4) if random.random() < 0.7 else random.uniform(0.0, 0.2)
    strength = np.sin(phase) * random.normal(1.0, 0.08)
    places = np.stack([swing * strength, 0.1 * swing * np.abs(strength)], axis=1)
    places = places + _wandering(len(places), random, 0.06)
    return _Path(places, turn * strength, wait_s, wait_s + moving_s)


def _reach(random: np.random.Generator) -> _Path:
    palms = random.uniform(2.0, 7.0)
    return _one_stroke(random, _direction(random, 45.0), palms, palms / random.uniform(1.0, 3.5))


def _raise(random: np.random.Generator) -> _Path:
    """A hand comes into the picture and stays."""
    direction = _turned(np.array((0.0, -1.0)), random.uniform(-40.0, 40.0))
    path = _one_stroke(random, direction, random.uniform(3.0, 8.0), random.uniform(0.25, 0.7))
    since_s = path.start_s + random.uniform(0.0, 0.4) * (path.end_s - path.start_s)
    return _Path(path.places, path.turns, path.start_s, path.end_s, since_s=since_s)


def _lower(random: np.random.Generator) -> _Path:
    """A hand sinks out of the picture, or to rest as what hands are at rest."""
    direction = _turned(np.array((0.0, 1.0)), random.uniform(-40.0, 40.0))
    path = _one_stroke(random, direction, random.uniform(3.0, 8.0), random.uniform(0.25, 0.7))
    if random.random() < 0.5:
        return _Path(path.places, path.turns, path.start_s, path.end_s, 'none')
    until_s = path.start_s + random.uniform(0.6, 1.1) * (path.end_s - path.start_s)
    return _Path(path.places, path.turns, path.start_s, path.end_s, until_s=until_s)


def _diagonal(random: np.random.Generator) -> _Path:
    direction = _turned(_direction(random, 0.0), random.uniform(33.0, 57.0))
    return _one_stroke(random, direction, random.uniform(3.0, 8.0), random.uniform(0.2, 0.5))


def _arc(random: np.random.Generator) -> _Path:
    bend = random.choice([-1.0, 1.0]) * random.uniform(0.35, 0.9)
    direction = _direction(random, 20.0)
    palms, length_s = random.uniform(2.5, 7.0), random.uniform(0.25, 0.6)
    return _one_stroke(random, direction, palms, length_s, bend=bend)


def _closed(random: np.random.Generator) -> _Path:
    """A stroke or a wave of a hand that is not open."""
    path = _PATHS[MOVEMENTS[random.integers(len(MOVEMENTS))]](random)
    shape = ('fist', 'point', 'peace', 'thumb', 'call_me', 'none')[random.integers(6)]
    return _Path(path.places, path.turns, path.start_s, path.end_s, shape)


def _jerk(random: np.random.Generator) -> _Path:
    return _one_stroke(
        random, _direction(random, 20.0), random.uniform(1.0, 2.2), random.uniform(0.1, 0.3)
    )


def _through(random: np.random.Generator) -> _Path:
    """A hand, of someone who walks or gestures, comes in fast and goes out fast."""
    path = _one_stroke(random, _direction(random, 20.0), random.uniform(4.0, 12.0), 0.6)
    length_s = path.end_s - path.start_s
    since_s = path.start_s + random.uniform(0.05, 0.25) * length_s
    until_s = path.end_s - random.uniform(0.05, 0.25) * length_s
    return _Path(path.places, path.turns, path.start_s, path.end_s, 'open_palm', since_s, until_s)


def _circle(random: np.random.Generator) -> _Path:
    times = np.arange(round(3.0 / STEP_S)) * STEP_S
    angle = random.choice([-1.0, 1.0]) * 2.0 * np.pi * random.uniform(0.6, 2.0) * times
    size = random.uniform(0.6, 2.5) * np.array([1.0, random.uniform(0.6, 1.0)])
    places = size * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _Path(places, 0.0 * times, 0.0, 3.0)


def _tremble(random: np.random.Generator) -> _Path:
    """Swings too small or too fast for a wave."""
    times = np.arange(round(2.5 / STEP_S)) * STEP_S
    sway = np.sin(2.0 * np.pi * random.uniform(2.0, 7.0) * times)
    places = _wandering(len(times), random)
    places[:, 0] += random.uniform(0.05, 0.2) * sway
    return _Path(places, 0.0 * times, 0.0, 2.5)


def _nod(random: np.random.Generator) -> _Path:
    """Swings up and down."""
    times = np.arange(round(2.5 / STEP_S)) * STEP_S
    sway = random.uniform(0.5, 2.5) * np.sin(2.0 * np.pi * random.uniform(0.8, 3.0) * times)
    axis = _turned(np.array([0.0, 1.0]), random.uniform(-40.0, 40.0))
    return _Path(sway[:, None] * axis + _wandering(len(times), random), 0.0 * times, 0.0, 2.5)


def _talk(random: np.random.Generator) -> _Path:
    """Hands that speak along: from place to place, some fast, in any shape."""
    places, turns = [np.zeros((1, 2))], [np.zeros(1)]
    for _ in range(random.integers(4, 9)):
        palms = random.uniform(0.3, 3.5)
        angle = random.uniform(0.0, 2.0 * np.pi)
        share = np.concatenate(
            [_stroke(palms / random.uniform(2.0, 9.0) + 0.1), _still(random.uniform(0.0, 0.3)) + 1]
        )
        step = palms * share[:, None] * np.array([np.cos(angle), np.sin(angle)])
        places.append(places[-1][-1] + step)
        turns.append(turns[-1][-1] + random.normal(0.0, 0.4) * share)
    shape = SHAPES[random.integers(len(SHAPES))]
    place = np.concatenate(places)
    return _Path(place, np.concatenate(turns), 0.0, len(place) * STEP_S, shape)


def _there_and_back(random: np.random.Generator) -> _Path:
    """One stroke and straight back: neither a wave nor a swipe that comes to rest."""
    palms, length_s = random.uniform(2.0, 6.0), random.uniform(0.2, 0.45)
    wait_s = random.uniform(0.3, 0.8)
    share = np.concatenate(
        [_still(wait_s), _stroke(length_s), 1.0 - _stroke(length_s), _still(0.6)]
    )
    places = palms * share[:, None] * _direction(random, 30.0)
    places = places + _wandering(len(places), random, 0.08)
    return _Path(places, 0.0 * share, wait_s, wait_s + 2.0 * length_s)


_PATHS: dict[str, Callable[[np.random.Generator], _Path]] = {
    WAVE: _wave,
    **{name: _swipe(name) for name in TOWARDS},
    'reach': _reach,
    'raise': _raise,
    'lower': _lower,
    'diagonal': _diagonal,
    'arc': _arc,
    'closed': _closed,
    'jerk': _jerk,
    'through': _through,
    'circle': _circle,
    'tremble': _tremble,
    'nod': _nod,
    'talk': _talk,
    'there_and_back': _there_and_back,
}
