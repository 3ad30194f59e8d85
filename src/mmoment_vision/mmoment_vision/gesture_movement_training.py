"""Fit the movement model: `python -m mmoment_vision.gesture_movement_training FOLDER`.

Made-up movements (`gesture_movement_synthesis`) teach what is meant and what is not; the hands in
the clips of FOLDER, of two men who sign, are real and mean none of our movements. Two logistic
functions, for swipes and for waves, by Newton's method. With `--write` the result replaces
`gesture_movement_model.py`; the same folder and seed give the same file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.gesture_movement_measures import SWIPE_MEASURES, WAVE_MEASURES, hand_sample
from mmoment_vision.gesture_movement_synthesis import OTHERS, MadeUpMovement, made_up_movement
from mmoment_vision.gesture_movements import MOVEMENTS, OPEN_PALM, WAVE, Candidate, HandPath
from mmoment_vision.gesture_rules import gesture_probabilities
from mmoment_vision.gesture_training import calibration_error
from mmoment_vision.hand_landmarks import HandLandmarker
from mmoment_vision.hand_tracking import HandTracker

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Model = dict[str, float]
# Pictures of one hand: times and landmarks (21, 2).
Sighting = tuple[float, Array]

SEED = 11
PER_MOVEMENT = 500
PER_OTHER = 250
WEIGHT_DECAY = 1e-3
NEWTON_STEPS = 30
# A candidate in a real clip counts as much as this many made-up ones: they are few, and real.
REAL_WEIGHT = 10.0
# A wave may be told some swings before the hand rests, and any of its swings be the last.
LATE_S = 0.25


@dataclass(frozen=True, slots=True)
class MovementExamples:
    """Candidates and the truth: `measures` (N, M), `meant` (N,), `weights` (N,)."""

    measures: Array
    meant: Flags
    weights: Array


def candidates_of(sightings: Sequence[Sighting], is_mirrored: bool = False) -> list[Candidate]:
    """Return what one hand may have been doing in these pictures."""
    path = HandPath(is_mirrored)
    found: list[Candidate] = []
    for time_s, landmarks in sightings:
        open_palm = gesture_probabilities(landmarks)[OPEN_PALM]
        found += path.add(hand_sample(landmarks, time_s, open_palm))
    return found


def made_up_candidates(
    random: np.random.Generator, scale: float = 1.0
) -> Iterator[tuple[Candidate, bool]]:
    """Yield candidates of made-up movements and whether each is meant."""
    counts = dict.fromkeys(MOVEMENTS, PER_MOVEMENT) | dict.fromkeys(OTHERS, PER_OTHER)
    for kind, count in counts.items():
        for _ in range(max(5, int(count * scale))):
            movement = made_up_movement(kind, random)
            sightings = list(zip(movement.times_s, movement.landmarks, strict=True))
            for candidate in candidates_of(sightings):
                yield candidate, is_meant(candidate, movement)


def is_meant(candidate: Candidate, movement: MadeUpMovement) -> bool:
    """Whether a candidate is the movement that was made up."""
    middle_s = (candidate.start_s + candidate.end_s) / 2
    is_then = movement.start_s - LATE_S <= middle_s <= movement.end_s + LATE_S
    return candidate.name == movement.name and is_then


def clip_hands(path: Path) -> tuple[list[list[Sighting]], float]:
    """Return what each hand in a clip does, and the length of the clip in seconds."""
    clip = cv2.VideoCapture(str(path))
    rate_hz = clip.get(cv2.CAP_PROP_FPS)
    landmarker, tracker = HandLandmarker(), HandTracker()
    hands: dict[int, list[Sighting]] = {}
    count = 0
    while True:
        is_read, picture = clip.read()
        if not is_read:
            break
        found = landmarker.detect(np.asarray(picture, np.uint8))
        for tracked in tracker.update(found, count / rate_hz):
            landmarks = tracked.hand.landmarks[:, :2].astype(np.float64)
            hands.setdefault(tracked.track_id, []).append((count / rate_hz, landmarks))
        count += 1
    clip.release()
    landmarker.close()
    return list(hands.values()), count / rate_hz


def guises(sightings: Sequence[Sighting]) -> Iterator[list[Sighting]]:
    """Yield a real hand as it is, with every second and third picture only, and each mirrored."""
    for step in (1, 2, 3):
        for first in range(step):
            part = list(sightings)[first::step]
            yield part
            yield [(time_s, landmarks * np.array([-1.0, 1.0])) for time_s, landmarks in part]


def real_candidates(hands: Sequence[Sequence[Sighting]]) -> list[Candidate]:
    """Return all candidates of real hands, in all their guises."""
    return [c for hand in hands for guise in guises(hand) for c in candidates_of(guise)]


def examples(
    made_up: Sequence[tuple[Candidate, bool]], real: Sequence[Candidate], *, waves: bool
) -> MovementExamples:
    """Put together the candidates for waves, or those for swipes."""
    rows = [(one.measures, meant, 1.0) for one, meant in made_up if (one.name == WAVE) == waves]
    rows += [(one.measures, False, REAL_WEIGHT) for one in real if (one.name == WAVE) == waves]
    return MovementExamples(
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
    )


def fit_movements(data: MovementExamples, names: Sequence[str]) -> Model:
    """Fit logistic regression by Newton's method; returns a coefficient per measure and `bias`."""
    mean, scale = data.measures.mean(axis=0), data.measures.std(axis=0) + 1e-6
    inputs = np.hstack([(data.measures - mean) / scale, np.ones((len(data.measures), 1))])
    importance = data.weights / data.weights.sum()
    decay = np.full(inputs.shape[1], WEIGHT_DECAY)
    decay[-1] = 1e-9
    weights = np.zeros(inputs.shape[1])
    for _ in range(NEWTON_STEPS):
        chances = 1.0 / (1.0 + np.exp(-inputs @ weights))
        slope = inputs.T @ ((chances - data.meant) * importance) + decay * weights
        bend = (inputs * (importance * chances * (1.0 - chances))[:, None]).T @ inputs
        step = np.linalg.solve(bend + np.diag(decay), slope)
        weights -= step * min(1.0, 3.0 / max(np.abs(step).max(), 1e-12))
    plain = weights[:-1] / scale
    model = {name: float(value) for name, value in zip(names, plain, strict=True)}
    return model | {'bias': float(weights[-1] - (plain * mean).sum())}


def chances_of(model: Model, measures: Array, names: Sequence[str]) -> Array:
    """Return the probability of each row of measures."""
    scores = measures @ np.array([model[name] for name in names]) + model['bias']
    return np.asarray(1.0 / (1.0 + np.exp(-scores)))


def model_source(swipe: Model, wave: Model, summary: str) -> str:
    """Return the text of `gesture_movement_model.py`."""
    tables = [
        ''.join(f'    {name!r}: {value:.4f},\n' for name, value in model.items())
        for model in (swipe, wave)
    ]
    return MODEL_TEMPLATE.format(summary=summary, swipe=tables[0], wave=tables[1])


MODEL_TEMPLATE = '''"""Coefficients of the movement model, by `gesture_movement_training.py`; not to be edited.

{summary}
"""

from __future__ import annotations

# What each measure adds to the logarithm of the odds that a swipe is meant.
SWIPE = {{
{swipe}}}
# The same for a wave.
WAVE = {{
{wave}}}
'''


def _tested(made_up: Sequence[tuple[Candidate, bool]], model: Model, *, waves: bool) -> str:
    data = examples(made_up, [], waves=waves)
    chances = chances_of(model, data.measures, WAVE_MEASURES if waves else SWIPE_MEASURES)
    named = chances >= 0.5
    right = float((named == data.meant).mean())
    error = calibration_error(np.maximum(chances, 1.0 - chances), named == data.meant)
    return f'{right:.3f} of {len(named)} judged rightly, expected calibration error {error:.3f}'


def main(arguments: list[str] | None = None) -> int:
    """Fit, print the figures on unseen made-up movements; write the model if asked."""
    parser = argparse.ArgumentParser(description='Fit the movement model.')
    parser.add_argument('folder', type=Path, help='folder with clips of hands that mean nothing')
    parser.add_argument('--write', action='store_true', help='replace gesture_movement_model.py')
    options = parser.parse_args(arguments)
    clips = [clip_hands(path) for path in sorted(options.folder.glob('*.mkv'))]
    real = real_candidates([hand for hands, _ in clips for hand in hands])
    made_up = list(made_up_candidates(np.random.default_rng(SEED)))
    unseen = list(made_up_candidates(np.random.default_rng(SEED + 1), 0.4))
    swipe = fit_movements(examples(made_up, real, waves=False), SWIPE_MEASURES)
    wave = fit_movements(examples(made_up, real, waves=True), WAVE_MEASURES)
    summary = (
        f'From {len(made_up)} candidates in made-up movements and {len(real)} in '
        f'{sum(length_s for _, length_s in clips):.1f} s\nof clips. Of unseen made-up candidates:\n'
        f'swipes: {_tested(unseen, swipe, waves=False)};\n'
        f'waves: {_tested(unseen, wave, waves=True)}.'
    )
    print(summary)
    if options.write:
        target = Path(__file__).with_name('gesture_movement_model.py')
        target.write_text(model_source(swipe, wave, summary))
        print(f'wrote {target.name}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
