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
MARGIN, TOP_MARGIN = 0.05, 0.12
TITLE_SHARE, TEXT_SHARE = 0.08, 0.042
LINE_SPACING = 1.7
# Below this Hershey letters cannot be told apart.
SMALLEST_TEXT_PX = 7
# Hershey letters of size 1 are 22 pixels high.
FONT_PX = 22


def paint_placeholder(width_px: int, height_px: int, lines: list[str]) -> Image:
    """A picture, height x width x 3 uint8, that nobody takes for live, with these lines on it.

    Long lines are broken, and many are written smaller; letters that OpenCV cannot draw become
    question marks.
    """
    picture = _background(width_px, height_px).copy()
    left, top = round(width_px * MARGIN), round(height_px * TOP_MARGIN)
    room = width_px - 2 * left
    title_px = max(SMALLEST_TEXT_PX, round(height_px * TITLE_SHARE))
    bottom = _write(picture, _broken([TITLE], room, title_px), left, top, title_px, TITLE_COLOUR)
    text_px = max(SMALLEST_TEXT_PX, round(height_px * TEXT_SHARE))
    pieces = _broken(lines, room, text_px)
    room_down = height_px * (1 - MARGIN) - bottom
    while len(pieces) * text_px * LINE_SPACING > room_down and text_px > SMALLEST_TEXT_PX:
        text_px -= 1
        pieces = _broken(lines, room, text_px)
    _write(picture, pieces, left, bottom, text_px, TEXT_COLOUR)
    return picture


@functools.lru_cache(maxsize=2)
def _background(width_px: int, height_px: int) -> Image:
    """Stripes; drawn once for a size."""
    rows, columns = np.indices((height_px, width_px), sparse=True)
    is_stripe = (rows + columns) // max(8, height_px // 12) % 2
    return np.array([BACKGROUND, STRIPE_COLOUR], np.uint8)[is_stripe]


def _write(
    picture: Image,
    pieces: list[str],
    left: int,
    top: int,
    text_px: int,
    colour: tuple[int, int, int],
) -> int:
    """Write one under another; returns where the next one would start."""
    scale, thickness = _pen(text_px)
    for piece in pieces:
        top += text_px
        cv2.putText(picture, piece, (left, top), FONT, scale, colour, thickness, cv2.LINE_AA)
        top += round(text_px * (LINE_SPACING - 1))
    return top


def _pen(text_px: int) -> tuple[float, int]:
    """OpenCV's scale and thickness for letters of this height."""
    scale = text_px / FONT_PX
    return scale, max(1, round(scale * 1.5))


def _broken(lines: list[str], room: int, text_px: int) -> list[str]:
    """The lines in pieces that fit, broken at blanks where there are any."""
    scale, thickness = _pen(text_px)
    pieces: list[str] = []
    for whole in lines:
        line = _drawable(whole)
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
