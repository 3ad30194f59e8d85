"""Hands for tests: made-up ones, and the real ones of the test media."""

import csv
from pathlib import Path

import numpy as np

from mmoment_vision.gesture_synthesis import synthetic_hand
from mmoment_vision.hand_landmarks import DetectedHand

# What the pictures of the media folder show, by the number of open fingers.
GESTURE_OF_FINGERS = {'0': 'fist', '1': 'point', '2': 'peace', '3': '', '5': 'open_palm'}


def made_up(shape: str, seed: int = 0, count: int = 1) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [synthetic_hand(shape, random) for _ in range(count)]


def recorded(media: Path) -> list[tuple[str, np.ndarray]]:
    with (media / 'hands' / 'landmarks.csv').open(newline='') as lines:
        rows = list(csv.reader(lines))[1:]
    return [(row[0], np.array(row[1:], float).reshape(21, 2)) for row in rows]


def turned(landmarks: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return landmarks[:, :2] @ matrix.T


def thumb_hand(up_degrees: float) -> np.ndarray:
    """A fist whose thumb stands out, turned until the thumb points that far from straight up."""
    hand = made_up('thumb', seed=3)[0]
    thumb = hand[4] - hand[2]
    now = np.degrees(np.arctan2(thumb[0], -thumb[1]))
    return turned(hand, up_degrees - now)


def detected(
    centre: tuple[float, float] = (300.0, 200.0),
    size: float = 60.0,
    handedness: str = 'right',
    score: float = 0.95,
) -> DetectedHand:
    """An open palm about `centre`, `size` pixels from wrist to middle knuckle."""
    hand = made_up('open_palm', seed=1)[0]
    palm = np.linalg.norm(hand[9] - hand[0])
    middle = hand[[0, 5, 9, 13, 17]].mean(axis=0)
    points = (hand - middle) / palm * size + centre
    landmarks = np.hstack([points, np.zeros((21, 1))]).astype(np.float32)
    return DetectedHand(landmarks, handedness, score)
