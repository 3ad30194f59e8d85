"""How often waves and swipes are told, and how often where nobody makes one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

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
# Two men sign, each in two clips: a model that is to see nothing of one must see neither of his.
SIGNERS = {'milk': 'blond', 'no': 'dark', 'thanks': 'blond', 'yes': 'dark'}
# Every hand as it is, with every second and third picture, from each start, and all mirrored.
GUISES = 12


def movements(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Judge made-up movements and the hands of two men who sign."""
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
    progress('looking at two men who sign')
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
    hands_of: dict[str, list[Sequence[Sighting]]] = {}
    for man, (hands, _) in zip(SIGNERS.values(), clips, strict=True):
        hands_of.setdefault(man, []).extend(hands)
    unseen = sum(unseen_told(hands_of, man, made_up) for man in hands_of)
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
            f'{len(hands_of)} men who sign, in {len(clips)} clips: {sum(in_clips.values())} '
            f'movements told in {minutes:.1f} minutes of hands, of which '
            f'{minutes / GUISES * 60.0:.1f} s were recorded, the rest are the same at other rates '
            'and mirrored; the shipped model was fitted with these clips among others, '
            'false_per_minute_unseen is by models that saw nothing of the man',
            'waves and swipes were never recorded here: how often they are told rests on made-up '
            'hands alone, and how often nobody makes one on two men and on made-up hands',
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


def unseen_told(hands_of: Mapping[str, list], man: str, made_up: list) -> int:
    """Count what models would tell of a man's hands that were fitted without his clips."""
    others = [hand for other, hands in hands_of.items() if other != man for hand in hands]
    seen = real_candidates(others)
    candidates = real_candidates(hands_of[man])
    told = 0
    for waves, names in ((False, SWIPE_MEASURES), (True, WAVE_MEASURES)):
        mine = [one.measures for one in candidates if (one.name == WAVE) == waves]
        if mine:
            model = fit_movements(examples(made_up, seen, waves=waves), names)
            chances = chances_of(model, np.array(mine), names)
            told += int((chances >= MovementSettings().least_confidence).sum())
    return told
