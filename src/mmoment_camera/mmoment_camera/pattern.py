"""Numbered pictures whose number and capture time can be read back from the pixels.

A strip at the lower edge carries 80 bits as black and white cells: 32 bits picture number, 32 bits
capture time (microseconds of CLOCK_MONOTONIC, modulo 2**32, about 71 minutes), 16 bits CRC-CCITT
over both. Three rows of 27 cells, most significant bit first, row by row; the first cell is always
white, and the CRC decides whether a reading counts. Cells are placed by fractions of the picture,
so a mark survives scaling (to about 160 pixels in width), JPEG and video compression.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

import cv2
import numpy as np

from mmoment_camera.source import Image

ROWS = 3
COLUMNS = 27
STRIP_LEFT, STRIP_RIGHT = 0.04, 0.96
STRIP_TOP, STRIP_BOTTOM = 0.86, 0.98
# The middle part of a cell that is read: its edges suffer from scaling and compression.
CELL_CORE = 0.5
LEAST_CONTRAST = 48
BLACK, WHITE = 16, 235
NUMBER_BYTES = 4
MICROSECOND_NS = 1_000
STAMP_MODULUS_US = 2**32
BALL_PERIOD = 90
TEXT_SCALE_PER_PX = 1 / 360


@dataclass(frozen=True, slots=True)
class Mark:
    """What a pattern picture says about itself.

    number: picture number, modulo 2**32.
    capture_us: capture time, microseconds of CLOCK_MONOTONIC, modulo 2**32.
    """

    number: int
    capture_us: int

    def age_ms(self, now_ns: int) -> float:
        """Milliseconds from capture to `now_ns` (CLOCK_MONOTONIC), right below 71 minutes."""
        return ((now_ns // MICROSECOND_NS - self.capture_us) % STAMP_MODULUS_US) / 1000


class PatternPainter:
    """Draws pattern pictures of one size; the still part is drawn once."""

    def __init__(self, width_px: int, height_px: int) -> None:
        """Prepare pictures of this size."""
        self._width = width_px
        self._height = height_px
        self._left, self._right = round(width_px * STRIP_LEFT), round(width_px * STRIP_RIGHT)
        self._top, self._bottom = round(height_px * STRIP_TOP), round(height_px * STRIP_BOTTOM)
        self._background = self._paint_background()

    def _paint_background(self) -> Image:
        """Colour bars above a grey ramp, with a dark frame for the strip."""
        picture = np.empty((self._height, self._width, 3), np.uint8)
        bars = np.array(
            [[(byte >> bit & 1) * 160 + 40 for bit in (0, 2, 1)] for byte in range(7, -1, -1)],
            np.uint8,
        )
        columns = np.arange(self._width) * len(bars) // self._width
        picture[:] = bars[columns]
        ramp = np.linspace(0, 255, self._width).astype(np.uint8)
        picture[round(self._height * 0.6) :] = ramp[:, None]
        margin = max(2, self._height // 90)
        picture[self._top - margin :] = BLACK
        return picture

    def paint(self, number: int, monotonic_ns: int) -> Image:
        """A new picture, height x width x 3 uint8, that carries the number and the time."""
        picture = self._background.copy()
        radius = max(2, self._height // 16)
        along = abs(number % BALL_PERIOD * 2 / BALL_PERIOD - 1)
        centre = (round(radius + along * (self._width - 2 * radius)), round(self._height * 0.3))
        cv2.circle(picture, centre, radius, (255, 255, 255), -1)
        scale = self._height * TEXT_SCALE_PER_PX
        origin = (round(self._width * STRIP_LEFT), round(self._height * 0.75))
        thickness = max(1, round(scale * 2))
        cv2.putText(
            picture,
            f'{number:08d}',
            origin,
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            (255, 255, 255),
            thickness,
        )
        self._paint_strip(picture, number, monotonic_ns)
        return picture

    def _paint_strip(self, picture: Image, number: int, monotonic_ns: int) -> None:
        """Draw the cells."""
        cells = encode_cells(number, monotonic_ns // MICROSECOND_NS)
        size = (self._right - self._left, self._bottom - self._top)
        strip = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST)
        picture[self._top : self._bottom, self._left : self._right] = strip[:, :, None]


def encode_cells(number: int, capture_us: int) -> Image:
    """The mark as ROWS x COLUMNS uint8, BLACK or WHITE."""
    body = (number % 2**32).to_bytes(NUMBER_BYTES, 'big')
    body += (capture_us % STAMP_MODULUS_US).to_bytes(NUMBER_BYTES, 'big')
    body += binascii.crc_hqx(body, 0xFFFF).to_bytes(2, 'big')
    bits = np.concatenate(([1], np.unpackbits(np.frombuffer(body, np.uint8))))
    return np.where(bits.reshape(ROWS, COLUMNS) > 0, WHITE, BLACK).astype(np.uint8)


def read_mark(image: Image) -> Mark | None:
    """The mark of a picture (height x width, or height x width x channels, uint8), or None."""
    height, width = image.shape[:2]
    cells = np.empty((ROWS, COLUMNS), np.float64)
    row_px = height * (STRIP_BOTTOM - STRIP_TOP) / ROWS
    column_px = width * (STRIP_RIGHT - STRIP_LEFT) / COLUMNS
    if row_px < 1 or column_px < 1:
        return None
    for row in range(ROWS):
        top, bottom = _core(height * STRIP_TOP + row * row_px, row_px)
        band = image[top:bottom].reshape(bottom - top, width, -1).mean((0, 2))
        for column in range(COLUMNS):
            left, right = _core(width * STRIP_LEFT + column * column_px, column_px)
            cells[row, column] = band[left:right].mean()
    darkest, brightest = cells.min(), cells.max()
    if brightest - darkest < LEAST_CONTRAST:
        return None
    bits = (cells > (darkest + brightest) / 2).astype(np.uint8).ravel()
    data = np.packbits(bits[1:]).tobytes()
    body, check = data[: 2 * NUMBER_BYTES], data[2 * NUMBER_BYTES :]
    if bits[0] != 1 or binascii.crc_hqx(body, 0xFFFF).to_bytes(2, 'big') != check:
        return None
    return Mark(
        int.from_bytes(body[:NUMBER_BYTES], 'big'), int.from_bytes(body[NUMBER_BYTES:], 'big')
    )


def read_number(image: Image) -> int | None:
    """The number of a pattern picture, or None where no whole mark can be read."""
    mark = read_mark(image)
    return None if mark is None else mark.number


def _core(start: float, size: float) -> tuple[int, int]:
    """First and one-past-last pixel of the middle of a cell; at least one pixel."""
    first = round(start + size * (1 - CELL_CORE) / 2)
    return first, max(first + 1, round(start + size * (1 + CELL_CORE) / 2))
