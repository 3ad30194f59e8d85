"""Draw faces, hands, gestures, feedback and a status line into a picture, in place.

Keeps nothing. Sizes follow the height of the picture, so that it reads the same at 480, 720 and
1080 lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import Picture
from mmoment_vision.overlay_plates import (
    INK,
    Colour,
    draw_plate,
    plate_padding,
    plate_size,
    text_size,
    wrapped,
)

Points = NDArray[np.float32]

# Blue, green, red.
WHITE: Colour = (245, 245, 245)
NAMED: Colour = (140, 226, 96)
ANONYMOUS: Colour = (236, 228, 214)
ACCENT: Colour = (255, 196, 84)
PALM: Colour = (214, 206, 196)
UNFILLED: Colour = (128, 120, 112)
FINGERS: tuple[Colour, ...] = (
    (110, 190, 255),
    (150, 228, 150),
    (240, 214, 130),
    (250, 170, 150),
    (225, 150, 235),
)
REFERENCE_HEIGHT = 720
# Below this the letters run into each other.
SMALLEST_SCALE = 0.62
CORNER_SHARE = 0.24
# The ring of an enrolment leaves the face free: its axes over the sides of the face box.
RING_SHARE = 1.5
# Instructions are read from a few steps away, and must leave the face free.
INSTRUCTION_SCALE = 1.35
MOST_INSTRUCTION_LINES = 3
STATUS_SCALE = 0.92
MARGIN = 12
# cv2 takes fractions of a pixel as whole numbers of 1/8.
SHIFT = 3

PALM_BONES = ((0, 1), (0, 5), (5, 9), (9, 13), (13, 17), (0, 17))
FINGER_BONES = tuple(
    tuple((joint, joint + 1) for joint in range(first, first + 3)) for first in (1, 5, 9, 13, 17)
)
DONE, REFUSED, SEEN = 'done', 'refused', 'seen'
FINGER_JOINTS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))


@dataclass(frozen=True, slots=True)
class Layers:
    """What to draw."""

    faces: bool = True
    face_landmarks: bool = False
    hands: bool = True
    gestures: bool = True
    status: bool = True
    similarity: bool = True
    enrolment: bool = True


@dataclass(frozen=True, slots=True)
class DrawnFace:
    """A face to draw; pixels of the picture. `landmarks`: (5, 2) or None. `score`: 0..1.

    `identity` is empty for whoever is not known by name; `similarity`, -1..1, is that to the named.
    """

    track_id: int
    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: Points | None = None
    identity: str = ''
    similarity: float = 0.0


@dataclass(frozen=True, slots=True)
class DrawnHand:
    """A hand to draw; `landmarks`: (21, 2 or more), pixels of the picture.

    `gesture` is empty for none; `hold_progress`: 0..1 on the way to its begin; `is_held`: it has
    begun and not ended.
    """

    track_id: int
    landmarks: Points
    handedness: str = ''
    gesture: str = ''
    confidence: float = 0.0
    is_held: bool = False
    hold_progress: float = 0.0


@dataclass(frozen=True, slots=True)
class DrawnEnrolment:
    """An enrolment under way: whose face (0: none), what the person is to do, progress 0..1."""

    track_id: int
    instruction: str
    progress: float


@dataclass(frozen=True, slots=True)
class DrawnNote:
    """A word for a person, below a hand or a face: middle of the plate's upper edge, pixels.

    `tone`: `DONE`, `REFUSED` or `SEEN`. `row`: how many notes stand above it at the same place.
    """

    text: str
    tone: str
    x: float
    y: float
    row: int = 0


def draw_overlay(
    picture: Picture,
    faces: Sequence[DrawnFace] = (),
    hands: Sequence[DrawnHand] = (),
    status: str = '',
    layers: Layers | None = None,
    *,
    enrolment: DrawnEnrolment | None = None,
    notes: Sequence[DrawnNote] = (),
) -> None:
    """Draw into `picture`, uint8 of shape (height, width, 3), BGR, in place."""
    shown = layers or Layers()
    scale = max(SMALLEST_SCALE, picture.shape[0] / REFERENCE_HEIGHT)
    if not shown.enrolment:
        enrolment = None
    if shown.hands:
        for hand in hands:
            _draw_hand(picture, hand, scale)
    for face in faces:
        is_enrolling = enrolment is not None and face.track_id == enrolment.track_id
        if enrolment is not None and is_enrolling:
            _draw_ring(picture, face, enrolment.progress, scale)
        elif shown.faces:
            _draw_corners(picture, face, scale)
        if shown.faces:
            _draw_name(picture, face, scale, shown.similarity, above_ring=is_enrolling)
        if shown.face_landmarks and face.landmarks is not None:
            _draw_face_landmarks(picture, face, scale)
    if shown.gestures:
        for hand in hands:
            if hand.gesture:
                _draw_gesture(picture, hand, scale)
        for note in notes:
            _draw_note(picture, note, scale)
    if shown.status and status:
        _draw_status(picture, status, scale)
    if enrolment is not None:
        _draw_instruction(picture, enrolment, scale)


def short_identity(identity: str) -> str:
    """Shorten a wallet address as wallets do; other names stay."""
    if len(identity) >= 32 and ' ' not in identity:
        return f'{identity[:4]}..{identity[-4:]}'
    return identity


def _draw_corners(picture: Picture, face: DrawnFace, scale: float) -> None:
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


def _draw_name(
    picture: Picture,
    face: DrawnFace,
    scale: float,
    with_similarity: bool,
    *,
    above_ring: bool,
) -> None:
    colour = NAMED if face.identity else ANONYMOUS
    top = face.y - (RING_SHARE - 1) / 2 * face.height if above_ring else face.y
    text = f'#{face.track_id}  {_percent(face.score)}'
    if face.identity:
        text = short_identity(face.identity)
        # Never 1: no picture of a face is the face.
        text += f' {min(0.99, face.similarity):.2f}' if with_similarity else ''
    left = face.x
    if above_ring:
        left += (face.width - plate_size([text], scale)[0]) / 2
        top -= 3 * scale
    draw_plate(picture, text, (left, top - 5 * scale), scale, colour, above=True)


def _draw_ring(picture: Picture, face: DrawnFace, progress: float, scale: float) -> None:
    """How far the enrolment of this face is: an arc that closes around it, clockwise."""
    centre = (face.x + face.width / 2, face.y + face.height / 2)
    axes = (RING_SHARE * face.width / 2, RING_SHARE * face.height / 2)
    _draw_arc(picture, centre, axes, progress, max(2, round(5 * scale)))


def _draw_arc(
    picture: Picture,
    centre: tuple[float, float],
    axes: tuple[float, float],
    progress: float,
    width: int,
) -> None:
    """A dark ring that fills with colour from the top, clockwise; `axes`: half of each, pixels."""
    one = 1 << SHIFT
    middle = (round(centre[0] * one), round(centre[1] * one))
    half = (round(axes[0] * one), round(axes[1] * one))
    cv2.ellipse(picture, middle, half, 0, 0, 360, INK, width + 2, cv2.LINE_AA, SHIFT)
    cv2.ellipse(picture, middle, half, 0, 0, 360, UNFILLED, max(1, width // 2), cv2.LINE_AA, SHIFT)
    end = 360 * min(1.0, max(0.0, progress))
    if end > 0:
        cv2.ellipse(picture, middle, half, 0, -90, end - 90, ACCENT, width, cv2.LINE_AA, SHIFT)


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
    is_filling = not hand.is_held and hand.hold_progress > 0
    radius = (plate_size([''], scale)[1] - plate_padding(scale)) / 2
    # Room for the ring is kept while the gesture is held: the text would jump aside.
    room = round(2 * radius + 1.5 * plate_padding(scale))
    where = (middle - plate_size([text], scale, room)[0] / 2, float(low[1]) - MARGIN * scale)
    plate = ACCENT if hand.is_held else None
    colour = INK if hand.is_held else ACCENT
    left, top, _, bottom = draw_plate(
        picture, text, where, scale, colour, above=True, plate=plate, room=room
    )
    centre = (left + plate_padding(scale) + radius, (top + bottom) / 2)
    if hand.is_held:
        _draw_dots(picture, np.array([centre], np.float32), INK, radius * 0.5)
    elif is_filling:
        width = max(2, round(3 * scale))
        _draw_arc(picture, centre, (radius, radius), hand.hold_progress, width)


def _draw_note(picture: Picture, note: DrawnNote, scale: float) -> None:
    is_done = note.tone == DONE
    plate = {DONE: NAMED, SEEN: ACCENT}.get(note.tone)
    size = text_size('', scale)[1]
    room = size + plate_padding(scale) if is_done else 0
    width, height = plate_size([note.text], scale, room)
    where = (note.x - width / 2, note.y + MARGIN * scale + note.row * (height + 4 * scale))
    colour = INK if plate else WHITE
    left, top, _, bottom = draw_plate(
        picture, note.text, where, scale, colour, above=False, plate=plate, room=room
    )
    if is_done:
        corner = np.array([left + plate_padding(scale), (top + bottom - size) / 2])
        tick = corner + size * np.array([(0.05, 0.55), (0.38, 0.88), (0.95, 0.12)])
        width = max(2, round(2.4 * scale))
        cv2.polylines(picture, [_fixed(tick)], False, INK, width, cv2.LINE_AA, SHIFT)


def _draw_status(picture: Picture, text: str, scale: float) -> None:
    margin = MARGIN * scale
    where = (margin, picture.shape[0] - margin)
    draw_plate(picture, text, where, scale * STATUS_SCALE, WHITE, above=True)


def _draw_instruction(picture: Picture, enrolment: DrawnEnrolment, scale: float) -> None:
    """What to do, bottom centre above the status line, over a bar of the progress."""
    height, width = picture.shape[:2]
    margin, size = MARGIN * scale, INSTRUCTION_SCALE * scale
    text_width = width - 2 * margin - 2 * plate_padding(size)
    lines = wrapped(enrolment.instruction, size, text_width, MOST_INSTRUCTION_LINES)
    if not lines:
        return
    status_height = plate_size([''], scale * STATUS_SCALE)[1]
    where = ((width - plate_size(lines, size)[0]) / 2, height - 2 * margin - status_height)
    left, _, right, bottom = draw_plate(picture, lines, where, size, WHITE, above=True)
    end = left + round((right - left) * min(1.0, max(0.0, enrolment.progress)))
    if end > left:
        thick = max(2, round(4 * scale))
        cv2.rectangle(picture, (left, bottom), (end - 1, bottom + thick), ACCENT, cv2.FILLED)


def _percent(share: float) -> str:
    """Never 100 %: no model of ours is that sure."""
    return f'{min(99, round(100 * share))}%'


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.round(points * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2)
