"""The `demo` source: a real face that moves, for a machine without a camera.

The face is NASA's public-domain portrait of Eileen Collins, which the scikit-image wheel carries;
the file is read from the installed package, which is not imported.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import cv2
import numpy as np

from mmoment_camera.errors import SourceUnusable
from mmoment_camera.pacing import NumberedPacer
from mmoment_camera.source import Image, Picture, PictureSource, SourceSettings

PORTRAIT_IN_SCIKIT_IMAGE = Path('data', 'astronaut.png')
# Head and shoulders in the 512x512 portrait: left, top, right, bottom.
CARD_PX = (60, 0, 400, 340)
CARD_BORDER_PX = 6
BORDER_COLOUR = (225, 225, 225)
# The card's height as a share of the picture's height: mean, and how far it swings.
CARD_SHARE, CARD_SHARE_SWING = 0.62, 0.10
# Periods that have no small common multiple, so that the path does not repeat soon.
PERIOD_ACROSS_S, PERIOD_DOWN_S, PERIOD_SIZE_S, PERIOD_TILT_S = 11.0, 7.0, 17.0, 13.0
TILT_SWING_DEGREES = 4.0
# How much of the free room at the sides the card uses.
ROOM_USED = 0.9


def find_portrait() -> Path | None:
    """The portrait file of the installed scikit-image, or None."""
    found = importlib.util.find_spec('skimage')
    if found is None or found.origin is None:
        return None
    portrait = Path(found.origin).parent / PORTRAIT_IN_SCIKIT_IMAGE
    return portrait if portrait.is_file() else None


def load_portrait() -> Image | None:
    """The portrait, height x width x 3 uint8, blue-green-red; None where it is not installed."""
    path = find_portrait()
    if path is None:
        return None
    # Through PyAV: OpenCV's PNG reader complains on stderr about this file's colour profile.
    import av

    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format='bgr24')


class DemoPainter:
    """Draws the portrait as a card that moves, swells and tilts smoothly over a background."""

    def __init__(self, portrait: Image, width_px: int, height_px: int) -> None:
        """Prepare card and background.

        portrait: height x width x 3 uint8, blue-green-red.
        """
        left, top, right, bottom = CARD_PX
        card = np.ascontiguousarray(portrait[top:bottom, left:right])
        edge = CARD_BORDER_PX
        self._card = cv2.copyMakeBorder(
            card, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=BORDER_COLOUR
        )
        self._width, self._height = width_px, height_px
        self._background = _paint_background(width_px, height_px)

    def paint(self, time_s: float) -> Image:
        """A new picture, height x width x 3 uint8, as it looks at this time."""
        picture = self._background.copy()
        matrix = self.placement(time_s)
        card_height, card_width = self._card.shape[:2]
        corners = np.array([[0, 0, 1], [card_width, 0, 1], [0, card_height, 1]])
        reach = np.vstack([corners, [card_width, card_height, 1]]) @ matrix.T
        left, top = np.maximum(np.floor(reach.min(0)).astype(int), 0)
        right, bottom = np.ceil(reach.max(0)).astype(int) + 1
        # Only the part that the card covers is warped: a tenth of the time of the whole picture.
        part = picture[top : min(bottom, self._height), left : min(right, self._width)]
        matrix[:, 2] -= (left, top)
        cv2.warpAffine(
            self._card,
            matrix,
            (part.shape[1], part.shape[0]),
            dst=part,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        return picture

    def placement(self, time_s: float) -> np.ndarray:
        """The 2x3 matrix that takes card pixels to picture pixels at this time."""
        card_height, card_width = self._card.shape[:2]
        share = CARD_SHARE + CARD_SHARE_SWING * math.sin(math.tau * time_s / PERIOD_SIZE_S)
        scale = min(share * self._height / card_height, share * self._width / card_width)
        tilt = TILT_SWING_DEGREES * math.sin(math.tau * time_s / PERIOD_TILT_S)
        matrix = cv2.getRotationMatrix2D((card_width / 2, card_height / 2), tilt, scale)
        room_across = ROOM_USED * max(0.0, self._width - scale * card_width) / 2
        room_down = ROOM_USED * max(0.0, self._height - scale * card_height) / 2
        across = self._width / 2 + room_across * math.sin(math.tau * time_s / PERIOD_ACROSS_S)
        down = self._height / 2 + room_down * math.sin(math.tau * time_s / PERIOD_DOWN_S)
        matrix[:, 2] += (across - card_width / 2, down - card_height / 2)
        return matrix


def _paint_background(width_px: int, height_px: int) -> Image:
    """A quiet two-way gradient."""
    down = np.linspace(0, 1, height_px)[:, None, None]
    across = np.linspace(0, 1, width_px)[None, :, None]
    start = np.array([70, 52, 40], np.float64)
    return np.clip(start + down * [30, 40, 20] + across * [20, 10, 40], 0, 255).astype(np.uint8)


class DemoSource(PictureSource):
    """The moving portrait at the size and rate asked for."""

    kind = 'demo'

    def __init__(self, settings: SourceSettings) -> None:
        """Remember size and rate."""
        super().__init__('demo', settings)
        self.pixel_format = 'BGR'
        self._painter: DemoPainter | None = None
        self._pacer = NumberedPacer(settings.fps)

    def open(self) -> None:
        """Load the portrait.

        Raises SourceUnusable where scikit-image is not installed.
        """
        portrait = load_portrait()
        if portrait is None:
            raise SourceUnusable(
                'The demo picture is part of scikit-image, which is not installed: run '
                '`pip install --no-deps scikit-image`, or choose the source `pattern`'
            )
        self._painter = DemoPainter(portrait, self.settings.width_px, self.settings.height_px)

    def read(self) -> Picture:
        """The next picture, when it is due."""
        assert self._painter is not None, 'read() before open()'
        number, due_ns, missed = self._pacer.wait()
        seconds = (number - 1) / self.settings.fps
        return Picture(self._painter.paint(seconds), due_ns, skipped=missed)

    def close(self) -> None:
        """Nothing is held."""
