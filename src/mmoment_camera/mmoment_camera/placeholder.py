"""The picture that stands in for a camera that delivers nothing."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from mmoment_camera.source import Image

TITLE = 'NO LIVE PICTURE'
BACKGROUND = (40, 34, 30)
TITLE_COLOUR, TEXT_COLOUR = (80, 170, 255), (215, 215, 215)
STRIPE_COLOUR = (58, 50, 44)
FONT = cv2.FONT_HERSHEY_SIMPLEX
MARGIN = 0.05
TITLE_SHARE, TEXT_SHARE = 0.08, 0.042
LINE_SPACING = 1.7
SMALLEST_TEXT_PX = 7
# Hershey letters of size 1 are 22 pixels high.
FONT_PX = 22


def paint_placeholder(width_px: int, height_px: int, lines: list[str]) -> Image:
    """A picture, height x width x 3 uint8, that nobody takes for live, with these lines on it.

    Long lines are broken; letters that OpenCV cannot draw become question marks.
    """
    picture = _background(width_px, height_px).copy()
    left = round(width_px * MARGIN)
    room = width_px - 2 * left
    bottom = _write(
        picture, [TITLE], left, round(height_px * 0.12), room, TITLE_SHARE, TITLE_COLOUR
    )
    _write(picture, lines, left, bottom, room, TEXT_SHARE, TEXT_COLOUR)
    return picture


@functools.lru_cache(maxsize=2)
def _background(width_px: int, height_px: int) -> Image:
    """Stripes; drawn once for a size."""
    rows, columns = np.indices((height_px, width_px), sparse=True)
    is_stripe = (rows + columns) // max(8, height_px // 12) % 2
    return np.array([BACKGROUND, STRIPE_COLOUR], np.uint8)[is_stripe]


def _write(
    picture: Image,
    lines: list[str],
    left: int,
    top: int,
    room: int,
    share: float,
    colour: tuple[int, int, int],
) -> int:
    """Write lines one under another; returns where the next one would start."""
    height_px = max(SMALLEST_TEXT_PX, round(picture.shape[0] * share))
    scale = height_px / FONT_PX
    thickness = max(1, round(scale * 1.5))
    for line in lines:
        for piece in _broken(_drawable(line), room, scale, thickness):
            top += height_px
            cv2.putText(picture, piece, (left, top), FONT, scale, colour, thickness, cv2.LINE_AA)
            top += round(height_px * (LINE_SPACING - 1))
    return top


def _broken(line: str, room: int, scale: float, thickness: int) -> list[str]:
    """The line in pieces that fit, broken at blanks where there are any."""
    pieces: list[str] = []
    while line:
        fit = len(line)
        while fit > 1 and cv2.getTextSize(line[:fit], FONT, scale, thickness)[0][0] > room:
            fit -= 1
        if fit < len(line):
            blank = line.rfind(' ', 0, fit + 1)
            fit = blank if blank > 0 else fit
        pieces.append(line[:fit].rstrip())
        line = line[fit:].lstrip()
    return pieces


def _drawable(line: str) -> str:
    """Only what Hershey fonts have: printable ASCII."""
    return ''.join(letter if ' ' <= letter <= '~' else '?' for letter in line)
