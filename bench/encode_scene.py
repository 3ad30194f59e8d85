"""Pictures like those of a fixed camera, made up, so that no media is needed.

A still background with structure of all sizes, two people-sized patches that cross it, and the noise
of a sensor, which is what most of the bits go to.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

# Octaves of the background, pixels at 720p, and how strong each is.
OCTAVES = ((1.5, 14), (4, 18), (16, 26), (64, 34), (200, 40))
NOISE = 2.0
NOISE_PICTURES = 7
# Of the width, per picture.
STEP_SHARE = 1 / 160


def scene(width: int, height: int, count: int) -> list[Picture]:
    """`count` pictures, uint8 BGR."""
    chance = np.random.default_rng(1)
    scale = height / 720
    background = _texture(chance, width, height, scale) + 120
    people = [_texture(chance, width // 8, height * 3 // 5, scale) + level for level in (90, 150)]
    noise = [
        chance.normal(0, NOISE, (height, width, 3)).astype(np.float32)
        for _ in range(NOISE_PICTURES)
    ]
    return [
        _picture(background, people, noise[number % NOISE_PICTURES], number)
        for number in range(count)
    ]


def forth_and_back(count: int, number: int) -> int:
    """Which of `count` pictures is shown as the `number`-th, so that nothing ever jumps."""
    place = number % (2 * count - 2)
    return place if place < count else 2 * count - 2 - place


def _texture(
    chance: np.random.Generator, width: int, height: int, scale: float
) -> npt.NDArray[np.float32]:
    total = np.zeros((height, width, 3), np.float32)
    for size, strength in OCTAVES:
        step = max(1.0, size * scale)
        coarse = chance.standard_normal((int(height / step) + 2, int(width / step) + 2, 3))
        total += strength * cv2.resize(
            coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    return total


def _picture(
    background: npt.NDArray[np.float32],
    people: list[npt.NDArray[np.float32]],
    noise: npt.NDArray[np.float32],
    number: int,
) -> Picture:
    picture = background.copy()
    height, width = picture.shape[:2]
    for person, (begin, direction) in zip(people, ((0.1, 1), (0.8, -1)), strict=True):
        tall, wide = person.shape[:2]
        left = int(width * begin + direction * number * width * STEP_SHARE)
        left = min(max(left, 0), width - wide)
        picture[height - tall : height, left : left + wide] = person
    return np.clip(picture + noise, 0, 255).astype(np.uint8)
