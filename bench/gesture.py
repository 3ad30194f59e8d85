"""How often gestures are named rightly, and whether their confidence can be believed.

Recorded landmarks are judged in five folds by models that saw neither them nor near-duplicates.
Pictures are of other persons than the recordings; the shipped model has seen none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench.media import media_folder
from bench.runner import BenchResult
from mmoment_vision.gesture_rules import Gesture, classify_hand
from mmoment_vision.gesture_synthesis import SHAPES, synthetic_hand
from mmoment_vision.gesture_training import calibration_error, cross_validate, read_landmarks
from mmoment_vision.hand_landmarks import HandLandmarker

SUMMARY = 'Gestures: accuracy on recorded hands, on pictures, on turned pictures; calibration'
COMPARED_WITH = {
    'accuracy_landmarks': 'gesture of 1,196 recorded hands, five folds (aim: 0.97 or more)',
    'accuracy_images': 'open fingers shown in 50 pictures, hands found (aim: 0.95 or more)',
    'accuracy_rotated': 'the same pictures turned by up to 60 degrees either way',
    'accuracy_full_circle': 'the same pictures turned by 105, 150, 195, 240 and 285 degrees',
    'accuracy_made_up': 'made-up hands of a jointed model, all seven shapes and none',
    'ece': 'expected calibration error over recorded hands and pictures; 0 is honest',
    'ece_images': 'the same over pictures, upright and turned; one person mostly',
    'found_images': 'share of the pictures in which MediaPipe finds the hand',
    'found_rotated': 'share of the turned pictures in which MediaPipe finds the hand',
}
GESTURE_OF_FINGERS = {'0': 'fist', '1': 'point', '2': 'peace', '3': '', '5': 'open_palm'}
MODERATE_TURNS = (-60, -40, -20, 20, 40, 60)
WIDE_TURNS = (105, 150, 195, 240, 285)
QUICK_SCALE = 0.5
MADE_UP_PER_SHAPE = 200
MADE_UP_SEED = 20_260

Judged = tuple[str, Gesture | None]


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Judge recorded hands, pictures and made-up hands."""
    folder = media_folder() / 'hands'
    progress('judging recorded hands in five folds')
    landmarks, shapes = read_landmarks(folder / 'landmarks.csv')
    crossed, _ = cross_validate(landmarks, shapes, QUICK_SCALE if quick else 1.0)
    landmarker = HandLandmarker(is_stream=False)
    progress('looking at pictures')
    upright = judge_pictures(folder, landmarker, (0,))
    moderate = judge_pictures(folder, landmarker, MODERATE_TURNS[:: 2 if quick else 1])
    wide = judge_pictures(folder, landmarker, WIDE_TURNS[:: 2 if quick else 1])
    landmarker.close()
    progress('judging made-up hands')
    made_up = judge_made_up(MADE_UP_PER_SHAPE // (4 if quick else 1))
    pictures = [*upright, *moderate, *wide]
    confidence, right = confidence_and_truth(pictures)
    named = crossed.probabilities.argmax(axis=1) == shapes
    metrics = {
        'accuracy_landmarks': crossed.accuracy,
        'accuracy_images': accuracy(upright),
        'accuracy_rotated': accuracy(moderate),
        'accuracy_full_circle': accuracy(wide),
        'accuracy_made_up': accuracy(made_up),
        'ece': calibration_error(
            np.concatenate([crossed.probabilities.max(axis=1), confidence_of(upright)]),
            np.concatenate([named, confidence_and_truth(upright)[1]]),
        ),
        'ece_landmarks': crossed.calibration_error,
        'ece_images': calibration_error(confidence, right),
        'found_images': found(upright),
        'found_rotated': found([*moderate, *wide]),
    }
    return BenchResult(
        metrics=metrics,
        samples=len(shapes) + len(pictures) + len(made_up),
        notes=[
            f'recorded hands: {crossed.groups} groups of near-duplicates, no group in two folds',
            'recorded hands judged as: ' + confusion(shapes, crossed.probabilities),
            'hands put together from fingers of unseen recorded ones, named rightly: '
            + ', '.join(f'{name} {share:.3f}' for name, share in crossed.composites.items()),
            'pictures judged wrongly: ' + (mistakes(pictures) or 'none'),
            'three open fingers count as no gesture; such pictures decided which hands without '
            'a gesture the made-up ones include',
            'thumbs up and down are tested on made-up and composite hands only: none were recorded',
        ],
    )


def judge_pictures(
    folder: Path, landmarker: HandLandmarker, turns: tuple[int, ...]
) -> list[Judged]:
    """Return what each picture shows and what was seen, None without a hand."""
    judged: list[Judged] = []
    for path in sorted(folder.glob('*-fingers-*.jpg')):
        picture = cv2.imread(str(path))
        for degrees in turns:
            hands = landmarker.detect(turned_picture(picture, degrees))
            gesture = classify_hand(hands[0].landmarks) if hands else None
            judged.append((GESTURE_OF_FINGERS[path.name[0]], gesture))
    return judged


def turned_picture(picture: np.ndarray, degrees: int) -> np.ndarray:
    """Turn a picture about its middle, on a canvas that holds it whole."""
    if degrees == 0:
        return picture
    height, width = picture.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def judge_made_up(per_shape: int) -> list[Judged]:
    """Judge hands of the jointed model that no training has seen; thumbs point up or down."""
    random = np.random.default_rng(MADE_UP_SEED)
    judged: list[Judged] = []
    for shape in SHAPES:
        for number in range(per_shape):
            hand, name = synthetic_hand(shape, random), '' if shape == 'none' else shape
            if shape == 'thumb':
                name = ('thumbs_up', 'thumbs_down')[number % 2]
                leaning = random.uniform(-30.0, 30.0)
                hand = with_thumb_at(hand, leaning if name == 'thumbs_up' else 180.0 + leaning)
            judged.append((name, classify_hand(hand)))
    return judged


def with_thumb_at(hand: np.ndarray, degrees: float) -> np.ndarray:
    """Turn a hand until its thumb points `degrees` from straight up."""
    thumb = hand[4] - hand[2]
    turn = np.radians(degrees) - np.arctan2(thumb[0], -thumb[1])
    cosine, sine = np.cos(turn), np.sin(turn)
    return hand @ np.array([[cosine, -sine], [sine, cosine]]).T


def accuracy(judged: list[Judged]) -> float:
    """Share named rightly of those where a hand was found."""
    return float(np.mean([name == seen.name for name, seen in judged if seen is not None]))


def found(judged: list[Judged]) -> float:
    """Share in which a hand was found."""
    return float(np.mean([seen is not None for _, seen in judged]))


def confidence_of(judged: list[Judged]) -> list[float]:
    """Confidence of each gesture seen."""
    return [seen.confidence for _, seen in judged if seen is not None]


def confidence_and_truth(judged: list[Judged]) -> tuple[list[float], list[bool]]:
    """Confidence of each gesture seen, and whether it was right."""
    return confidence_of(judged), [name == seen.name for name, seen in judged if seen is not None]


def confusion(shapes: np.ndarray, probabilities: np.ndarray) -> str:
    """Tell for each recorded shape what its hands were taken for."""
    lines = []
    for shape in np.unique(shapes):
        taken = np.bincount(probabilities[shapes == shape].argmax(axis=1), minlength=len(SHAPES))
        parts = [f'{SHAPES[other]} {taken[other]}' for other in np.argsort(-taken) if taken[other]]
        lines.append(f'{SHAPES[shape]} as {", ".join(parts)}')
    return '; '.join(lines)


def mistakes(judged: list[Judged]) -> str:
    """Count each mistake."""
    wrong = [
        f'{name or "none"} as {seen.name or "none"}'
        for name, seen in judged
        if seen is not None and name != seen.name
    ]
    return ', '.join(f'{text} {wrong.count(text)}' for text in sorted(set(wrong)))
