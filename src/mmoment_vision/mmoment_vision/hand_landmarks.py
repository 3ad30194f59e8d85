"""Find hands in a picture and the 21 landmarks of each, with MediaPipe Hands.

The models come inside the mediapipe package: nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.hand_model_log import chatter_removed

Landmarks = NDArray[np.float32]
Picture = NDArray[np.uint8]

# The palm detector looks at 192 pixels and the landmark model at 224 around a hand: beyond this
# the longer side adds cost and hardly detail.
LONGEST_SIDE_PX = 960
# Two finds whose landmarks lie this close, in sizes of the hand, are one hand found twice.
SAME_HAND = 0.25
BACKEND = 'mediapipe-hands'
UNKNOWN, LEFT, RIGHT = 'unknown', 'left', 'right'


@dataclass(frozen=True, slots=True)
class DetectedHand:
    """A hand in a picture.

    `landmarks`: (21, 3) float32; x, y in pixels of the picture, z the depth against the wrist in
    pixels, smaller is nearer. `handedness`: the person's own hand, `left` or `right`.
    `handedness_score`: 0..1.
    """

    landmarks: Landmarks
    handedness: str
    handedness_score: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left edge, upper edge, width and height around the landmarks, pixels."""
        low = self.landmarks[:, :2].min(axis=0)
        size = self.landmarks[:, :2].max(axis=0) - low
        return float(low[0]), float(low[1]), float(size[0]), float(size[1])


class HandLandmarker:
    """Hands of one stream of pictures; not for use by two threads at once.

    `maximum_hands`: how many are followed; while fewer are in sight, the palm detector runs on
    every picture. `minimum_detection`, `minimum_tracking`: 0..1, MediaPipe's thresholds.
    `is_stream`: pictures follow each other; false looks for hands anew in each. `is_mirrored`:
    pictures are mirrored like a selfie. Raises ImportError where mediapipe is missing.
    """

    def __init__(
        self,
        *,
        maximum_hands: int = 2,
        minimum_detection: float = 0.5,
        minimum_tracking: float = 0.5,
        model_complexity: int = 1,
        is_stream: bool = True,
        is_mirrored: bool = False,
        longest_side_px: int = LONGEST_SIDE_PX,
    ) -> None:
        self._is_mirrored = is_mirrored
        self._longest_side_px = longest_side_px
        self._buffers: dict[str, Picture] = {}
        self._rgb: Picture = np.zeros((1, 1, 3), np.uint8)
        self._size = (1, 1)
        with chatter_removed():
            # Takes half a second: only who looks for hands pays for it.
            from mediapipe.python.solutions.hands import Hands

            self._model: Any = Hands(
                static_image_mode=not is_stream,
                max_num_hands=maximum_hands,
                model_complexity=model_complexity,
                min_detection_confidence=minimum_detection,
                min_tracking_confidence=minimum_tracking,
            )
            self._warm_up()

    def detect(self, picture: Picture) -> list[DetectedHand]:
        """Return the hands in a picture, uint8 of shape (height, width, 3), BGR."""
        self.take(picture)
        return self.find()

    def take(self, picture: Picture) -> None:
        """Take what is needed of a picture: from here on it may change, see `find`."""
        self._size = (picture.shape[1], picture.shape[0])
        self._rgb = self._prepared(picture)

    def find(self) -> list[DetectedHand]:
        """Return the hands in the picture taken last."""
        width, height = self._size
        found = self._model.process(self._rgb)
        if not found.multi_hand_landmarks:
            return []
        hands = [
            self._hand(marks.landmark, classified.classification[0], width, height)
            for marks, classified in zip(
                found.multi_hand_landmarks, found.multi_handedness, strict=True
            )
        ]
        return without_doubles(hands)

    def close(self) -> None:
        """Free the models."""
        if self._model is not None:
            self._model.close()
            self._model = None

    def _prepared(self, picture: Picture) -> Picture:
        """Return the picture as MediaPipe wants it: RGB, not larger than useful."""
        height, width = picture.shape[:2]
        scale = self._longest_side_px / max(height, width)
        if scale < 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            picture = self._into('small', picture, size)
            height, width = picture.shape[:2]
        rgb = self._buffer('rgb', height, width)
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=rgb)
        return rgb

    def _into(self, name: str, picture: Picture, size: tuple[int, int]) -> Picture:
        small = self._buffer(name, size[1], size[0])
        cv2.resize(picture, size, dst=small, interpolation=cv2.INTER_LINEAR)
        return small

    def _buffer(self, name: str, height: int, width: int) -> Picture:
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape[:2] != (height, width):
            buffer = self._buffers[name] = np.empty((height, width, 3), np.uint8)
        return buffer

    def _hand(self, marks: Iterable[Any], hand: Any, width: int, height: int) -> DetectedHand:
        landmarks = np.array([(mark.x, mark.y, mark.z) for mark in marks], np.float32)
        landmarks *= np.array([width, height, width], np.float32)
        return DetectedHand(
            landmarks, own_hand(hand.label, self._is_mirrored), min(1.0, float(hand.score))
        )

    def _warm_up(self) -> None:
        """Run every model once, so that the first real hand is neither slow nor chatty."""
        palm = drawn_palm()
        self._model.process(palm)
        # Nothing of it may be followed into the first real picture.
        self._model.process(np.zeros_like(palm))


def own_hand(label: str, is_mirrored: bool) -> str:
    """Translate MediaPipe's label into the person's own hand.

    MediaPipe names hands as if every picture were mirrored; in pictures as a camera takes them
    its `Left` is the person's right hand.
    """
    is_left = (label == 'Left') == is_mirrored
    return LEFT if is_left else RIGHT


def without_doubles(hands: list[DetectedHand]) -> list[DetectedHand]:
    """Drop the less certain of two finds of the same hand."""
    kept: list[DetectedHand] = []
    for hand in sorted(hands, key=lambda one: -one.handedness_score):
        if not any(_is_same_hand(hand, other) for other in kept):
            kept.append(hand)
    return kept


def _is_same_hand(hand: DetectedHand, other: DetectedHand) -> bool:
    apart = np.linalg.norm(hand.landmarks[:, :2] - other.landmarks[:, :2], axis=1).mean()
    return bool(apart < SAME_HAND * max(*hand.box[2:], *other.box[2:]))


def drawn_palm(size_px: int = 192) -> Picture:
    """A drawing that the palm detector takes for a hand: RGB, square, `size_px` on a side."""
    picture = np.full((size_px, size_px, 3), (200, 190, 180), np.uint8)
    skin, crease = (205, 160, 135), (175, 125, 105)
    palm = [(104, 240), (90, 190), (88, 140), (124, 125), (160, 136), (178, 155), (165, 205)]
    strokes = [
        ((98, 140), (82, 62), 22),
        ((124, 132), (122, 45), 22),
        ((148, 138), (162, 58), 21),
        ((168, 155), (196, 90), 18),
        ((100, 205), (58, 155), 24),
        ((58, 155), (40, 128), 21),
        ((128, 240), (128, 256), 50),
    ]
    creases = [((100, 150), (112, 205)), ((92, 170), (160, 165)), ((96, 158), (165, 150))]
    scale = size_px / 256

    def at(point: tuple[int, int]) -> tuple[int, int]:
        return int(point[0] * scale), int(point[1] * scale)

    outline = np.array([at(point) for point in [*palm, (152, 240)]])
    cv2.fillConvexPoly(picture, outline, skin, cv2.LINE_AA)
    for start, end, width in strokes:
        cv2.line(picture, at(start), at(end), skin, int(width * scale), cv2.LINE_AA)
    for start, end in creases:
        cv2.line(picture, at(start), at(end), crease, 2, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (5, 5), 0), np.uint8)
