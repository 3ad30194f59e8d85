"""How often waves and swipes are told, and how often where nobody makes one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bench.media import media_folder
from bench.runner import BenchResult
from mmoment_vision.gesture_movement_measures import SWIPE_MEASURES, WAVE_MEASURES
from mmoment_vision.gesture_movement_synthesis import OTHERS, MadeUpMovement, made_up_movement
from mmoment_vision.gesture_movement_training import (
    Sighting,
    chances_of,
    clip_hands,
    examples,
    fit_movements,
    guises,
    made_up_candidates,
    real_candidates,
)
from mmoment_vision.gesture_movements import (
    MOVEMENTS,
    OPEN_PALM,
    WAVE,
    MovementDetector,
    MovementSettings,
    probability,
)
from mmoment_vision.gesture_rules import gesture_probabilities
from mmoment_vision.gesture_training import calibration_error

SEED = 20_261
PER_KIND = 200
QUICK_PER_KIND = 20
# Made-up candidates of which the models are fitted that have not seen a clip.
UNSEEN_SCALE = 0.4
QUICK_UNSEEN_SCALE = 0.05
SIGNERS = ('milk', 'no', 'thanks', 'yes')
# Every hand as it is, with every second and third picture, from each start, and all mirrored.
GUISES = 12


def movements(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Judge made-up movements and the hands of a person who signs."""
    progress('judging made-up movements')
    random = np.random.default_rng(SEED)
    count = QUICK_PER_KIND if quick else PER_KIND
    told = {
        kind: [told_in(made_up_movement(kind, random)) for _ in range(count)]
        for kind in (*MOVEMENTS, *OTHERS)
    }
    hits = {kind: float(np.mean([kind in one for one in told[kind]])) for kind in MOVEMENTS}
    misnamed = [bool(set(one) - {kind}) for kind in MOVEMENTS for one in told[kind]]
    false = {kind: float(np.mean([bool(one) for one in told[kind]])) for kind in OTHERS}
    progress('looking at a person who signs')
    clips = [clip_hands(media_folder() / 'clips' / f'{name}.mkv') for name in SIGNERS]
    minutes = GUISES * sum(length_s for _, length_s in clips) / 60.0
    in_clips = Counter(
        name
        for hands, _ in clips
        for hand in hands
        for guise in guises(hand)
        for name in told_of(guise)
    )
    scale = QUICK_UNSEEN_SCALE if quick else UNSEEN_SCALE
    made_up = list(made_up_candidates(np.random.default_rng(SEED + 1), scale))
    unseen = sum(unseen_told([h for h, _ in clips], number, made_up) for number in range(4))
    metrics = {
        'movements_told': float(np.mean(list(hits.values()))),
        'movements_misnamed': float(np.mean(misnamed)),
        'movements_false': float(np.mean(list(false.values()))),
        'ece_movements': calibration_error(
            [probability(one) for one, _ in made_up], [meant for _, meant in made_up]
        ),
        'false_per_minute': sum(in_clips.values()) / minutes,
        'false_per_minute_unseen': unseen / minutes,
    }
    return BenchResult(
        metrics=metrics,
        samples=count * len(told),
        notes=[
            'movements told: ' + ', '.join(f'{name} {share:.3f}' for name, share in hits.items()),
            'other doings taken for a movement: '
            + ', '.join(f'{name} {share:.3f}' for name, share in false.items() if share),
            f'a person who signs: {sum(in_clips.values())} movements told in {minutes:.1f} '
            f'minutes of hands, of which {minutes / GUISES * 60.0:.1f} s were recorded, the rest '
            'are the same at other rates and mirrored',
        ],
    )


def told_in(movement: MadeUpMovement) -> list[str]:
    """Return the movements told while one is made up."""
    return told_of(list(zip(movement.times_s, movement.landmarks, strict=True)))


def told_of(sightings: Sequence[Sighting]) -> list[str]:
    """Return the movements told of one hand."""
    detector = MovementDetector()
    return [
        movement.name
        for time_s, landmarks in sightings
        for movement in detector.update(
            1, landmarks, time_s, gesture_probabilities(landmarks)[OPEN_PALM]
        )
    ]


def unseen_told(clips: list, number: int, made_up: list) -> int:
    """Count what models would tell of a clip that were fitted without it."""
    others = [hand for other, hands in enumerate(clips) if other != number for hand in hands]
    seen = real_candidates(others)
    candidates = real_candidates(clips[number])
    told = 0
    for waves, names in ((False, SWIPE_MEASURES), (True, WAVE_MEASURES)):
        mine = [one.measures for one in candidates if (one.name == WAVE) == waves]
        if mine:
            model = fit_movements(examples(made_up, seen, waves=waves), names)
            chances = chances_of(model, np.array(mine), names)
            told += int((chances >= MovementSettings().least_confidence).sum())
    return told
