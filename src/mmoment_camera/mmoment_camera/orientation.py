"""Turns and mirrors pictures of cameras that are mounted otherwise."""

from __future__ import annotations

import cv2

from mmoment_camera.source import Image

ROTATIONS = {
    0: None,
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
FLIPS = {'none': None, 'horizontal': 1, 'vertical': 0}


def orient(image: Image, rotation: int, flip: str) -> Image:
    """The picture turned clockwise by `rotation` degrees, then mirrored; itself where neither.

    rotation: 0, 90, 180 or 270. flip: 'none', 'horizontal' (left-right) or 'vertical'.
    """
    turn, mirror = ROTATIONS[rotation], FLIPS[flip]
    if turn is not None:
        image = cv2.rotate(image, turn)  # type: ignore[assignment]
    if mirror is not None:
        image = cv2.flip(image, mirror)  # type: ignore[assignment]
    return image


def oriented_size(width_px: int, height_px: int, rotation: int) -> tuple[int, int]:
    """Width and height of a turned picture."""
    return (height_px, width_px) if rotation in (90, 270) else (width_px, height_px)
