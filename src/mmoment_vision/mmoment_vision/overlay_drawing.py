"""Draw faces, hands, gestures and a status line into a picture. Works in place and keeps nothing.

Sizes follow the height of the picture, so that it reads the same at 480, 720 and 1080 lines.
Labels stand on small translucent plates; only the pixels under a plate are blended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]
Colour = tuple[int, int, int]

# Blue, green, red.
WHITE: Colour = (245, 245, 245)
INK: Colour = (28, 24, 20)
NAMED: Colour = (140, 226, 96)
ANONYMOUS: Colour = (236, 228, 214)
ACCENT: Colour = (255, 196, 84)
PALM: Colour = (214, 206, 196)
FINGERS: tuple[Colour, ...] = (
    (110, 190, 255),
    (150, 228, 150),
    (240, 214, 130),
    (250, 170, 150),
    (225, 150, 235),
)
FONT = cv2.FONT_HERSHEY_DUPLEX
REFERENCE_HEIGHT = 720
# Below this the letters run into each other.
SMALLEST_SCALE = 0.62
TEXT_SCALE = 0.52
PLATE_OPACITY = 0.66
CORNER_SHARE = 0.24
# cv2 takes fractions of a pixel as whole numbers of 1/8.
SHIFT = 3

PALM_BONES = ((0, 1), (0, 5), (5, 9), (9, 13), (13, 17), (0, 17))
FINGER_BONES = tuple(
    tuple((joint, joint + 1) for joint in range(first, first + 3)) for first in (1, 5, 9, 13, 17)
)
FINGER_JOINTS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))


@dataclass(frozen=True, slots=True)
class Layers:
    """What to draw."""

    faces: bool = True
    face_landmarks: bool = False
    hands: bool = True
    gestures: bool = True
    status: bool = True


@dataclass(frozen=True, slots=True)
class DrawnFace:
    """A face to draw; pixels of the picture. `landmarks`: (5, 2) or None. `score`: 0..1."""

    track_id: int
    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: Points | None = None
    identity: str = ''


@dataclass(frozen=True, slots=True)
class DrawnHand:
    """A hand to draw; `landmarks`: (21, 2 or more), pixels of the picture.

    `gesture` is empty for none; `is_held`: it has begun and not ended.
    """

    track_id: int
    landmarks: Points
    handedness: str = ''
    gesture: str = ''
    confidence: float = 0.0
    is_held: bool = False


def draw_overlay(
    picture: Picture,
    faces: Sequence[DrawnFace] = (),
    hands: Sequence[DrawnHand] = (),
    status: str = '',
    layers: Layers | None = None,
) -> None:
    """Draw into `picture`, uint8 of shape (height, width, 3), BGR, in place."""
    shown = layers or Layers()
    scale = max(SMALLEST_SCALE, picture.shape[0] / REFERENCE_HEIGHT)
    if shown.hands:
        for hand in hands:
            _draw_hand(picture, hand, scale)
    for face in faces:
        if shown.faces:
            _draw_face(picture, face, scale)
        if shown.face_landmarks and face.landmarks is not None:
            _draw_face_landmarks(picture, face, scale)
    if shown.gestures:
        for hand in hands:
            if hand.gesture:
                _draw_gesture(picture, hand, scale)
    if shown.status and status:
        _draw_status(picture, status, scale)


def short_identity(identity: str) -> str:
    """Shorten a wallet address as wallets do; other names stay."""
    if len(identity) >= 32 and ' ' not in identity:
        return f'{identity[:4]}..{identity[-4:]}'
    return identity


def _draw_face(picture: Picture, face: DrawnFace, scale: float) -> None:
    colour = NAMED if face.identity else ANONYMOUS
    left, top = face.x, face.y
    right, bottom = face.x + face.width, face.y + face.height
    arm = CORNER_SHARE * min(face.width, face.height)
    corners = [
        [(x + dx * arm, y), (x, y), (x, y + dy * arm)]
        for x, dx in ((left, 1.0), (right, -1.0))
        for y, dy in ((top, 1.0), (bottom, -1.0))
    ]
    lines = [_fixed(np.array(corner)) for corner in corners]
    width = max(1, round(2 * scale))
    cv2.polylines(picture, lines, False, INK, width + 2, cv2.LINE_AA, SHIFT)
    cv2.polylines(picture, lines, False, colour, width, cv2.LINE_AA, SHIFT)
    name = short_identity(face.identity) if face.identity else f'#{face.track_id}'
    text = f'{name}  {_percent(face.score)}'
    _draw_plate(picture, text, (left, top - 5 * scale), scale, colour, above=True)


def _draw_face_landmarks(picture: Picture, face: DrawnFace, scale: float) -> None:
    assert face.landmarks is not None
    _draw_dots(picture, face.landmarks, ACCENT, 2.2 * scale)


def _draw_hand(picture: Picture, hand: DrawnHand, scale: float) -> None:
    points = hand.landmarks[:, :2]
    # A far hand is a few dozen pixels high: thick strokes would cover it.
    size = float(np.ptp(points, axis=0).max())
    scale = min(scale, max(0.5, size / 130.0))
    width = max(1, round(2.4 * scale))
    outline = width + (2 if scale >= SMALLEST_SCALE else 1)
    groups = [(PALM, PALM_BONES), *zip(FINGERS, FINGER_BONES, strict=True)]
    bones = {colour: [_fixed(points[list(bone)]) for bone in group] for colour, group in groups}
    every = [line for lines in bones.values() for line in lines]
    cv2.polylines(picture, every, False, INK, outline, cv2.LINE_AA, SHIFT)
    for colour, lines in bones.items():
        cv2.polylines(picture, lines, False, colour, width, cv2.LINE_AA, SHIFT)
    _draw_dots(picture, points[:1], PALM, 3.4 * scale)
    for colour, joints in zip(FINGERS, FINGER_JOINTS, strict=True):
        _draw_dots(picture, points[list(joints)], colour, 3.2 * scale)


def _draw_dots(picture: Picture, points: Points, colour: Colour, radius: float) -> None:
    one = 1 << SHIFT
    for x, y in points[:, :2]:
        centre = (round(float(x) * one), round(float(y) * one))
        if radius >= 2.0:
            cv2.circle(picture, centre, round((radius + 1) * one), INK, -1, cv2.LINE_AA, SHIFT)
        cv2.circle(picture, centre, round(radius * one), colour, -1, cv2.LINE_AA, SHIFT)


def _draw_gesture(picture: Picture, hand: DrawnHand, scale: float) -> None:
    points = hand.landmarks[:, :2]
    low = points.min(axis=0)
    middle = float(points[:, 0].mean())
    text = f'{hand.gesture.replace("_", " ")}  {_percent(hand.confidence)}'
    width = _text_size(text, scale)[0] + 2 * _padding(scale)
    where = (middle - width / 2, float(low[1]) - 12 * scale)
    plate = ACCENT if hand.is_held else None
    colour = INK if hand.is_held else ACCENT
    left, _, right, bottom = _draw_plate(
        picture, text, where, scale, colour, above=True, plate=plate
    )
    if not hand.is_held:
        end = left + round((right - left) * min(1.0, max(0.0, hand.confidence)))
        cv2.line(picture, (left, bottom), (end, bottom), ACCENT, max(1, round(2 * scale)))


def _draw_status(picture: Picture, text: str, scale: float) -> None:
    margin = 12 * scale
    where = (margin, picture.shape[0] - margin)
    _draw_plate(picture, text, where, scale * 0.92, WHITE, above=True)


def _draw_plate(
    picture: Picture,
    text: str,
    where: tuple[float, float],
    scale: float,
    colour: Colour,
    *,
    above: bool,
    plate: Colour | None = None,
) -> tuple[int, int, int, int]:
    """Write text on a plate whose lower (`above`) or upper left corner is `where`.

    The plate is moved into the picture. Returns its left, upper, right and lower edge, pixels.
    """
    height, width = picture.shape[:2]
    (text_width, text_height), padding = _text_size(text, scale), _padding(scale)
    box_width, box_height = text_width + 2 * padding, text_height + 2 * padding
    left = int(min(max(0.0, where[0]), max(0, width - box_width)))
    wanted_top = where[1] - box_height if above else where[1]
    top = int(min(max(0.0, wanted_top), max(0, height - box_height)))
    right, bottom = min(width, left + box_width), min(height, top + box_height)
    under = picture[top:bottom, left:right]
    covered = under.copy()
    _fill_rounded(covered, plate or INK, radius=max(2, round(4 * scale)))
    opacity = PLATE_OPACITY if plate is None else 0.92
    cv2.addWeighted(covered, opacity, under, 1.0 - opacity, 0.0, dst=under)
    baseline = (left + padding, top + padding + text_height)
    size, thickness = TEXT_SCALE * scale, _text_thickness(scale)
    cv2.putText(picture, _ascii(text), baseline, FONT, size, colour, thickness, cv2.LINE_AA)
    return left, top, right, bottom


def _fill_rounded(tile: Picture, colour: Colour, radius: int) -> None:
    height, width = tile.shape[:2]
    radius = min(radius, height // 2, width // 2)
    cv2.rectangle(tile, (radius, 0), (width - 1 - radius, height - 1), colour, -1)
    cv2.rectangle(tile, (0, radius), (width - 1, height - 1 - radius), colour, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(tile, (x, y), radius, colour, -1, cv2.LINE_AA)


def _percent(share: float) -> str:
    """Never 100 %: no model of ours is that sure."""
    return f'{min(99, round(100 * share))}%'


def _text_size(text: str, scale: float) -> tuple[int, int]:
    thickness = _text_thickness(scale)
    (width, _), _ = cv2.getTextSize(_ascii(text), FONT, TEXT_SCALE * scale, thickness)
    # One height for all texts: plates with and without high letters line up.
    (_, height), _ = cv2.getTextSize('Ag', FONT, TEXT_SCALE * scale, thickness)
    return int(width), int(height)


def _text_thickness(scale: float) -> int:
    return max(1, round(0.85 * scale))


def _padding(scale: float) -> int:
    return max(3, round(6 * scale))


def _ascii(text: str) -> str:
    """The letters of cv2 are ASCII only."""
    return text.encode('ascii', 'replace').decode('ascii')


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.round(points * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2)
