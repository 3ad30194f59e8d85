"""Pictures as encoders take them: I420, of even size, limited range, colours of BT.601.

I420 is one plane of brightness and two of colour with half the width and height. OpenCV makes it
in a tenth of the time that FFmpeg's own conversion takes, and always in limited range of BT.601,
which the encoders write into the stream.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from mmoment_stream.errors import StreamError

Pixels = npt.NDArray[np.uint8]
Planes = npt.NDArray[np.uint8]
"""Shape (height * 3 // 2, width), contiguous: the rows of Y, then those of U, then those of V."""

SMALLEST_PX = 16
"""Of either side; no encoder of ours takes less than one block."""
NO_COLOUR = 128
# Up to here every pixel of the source counts with linear interpolation, at a fifth of the time.
LINEAR_UP_TO = 2.0


class PictureTooSmall(StreamError):
    """The picture has fewer pixels than an encoder takes."""


def video_size(picture: Pixels, maximum_height: int = 0) -> tuple[int, int]:
    """Width and height of the video for pictures like this one, both even.

    maximum_height: larger pictures are made smaller, with the same shape; 0: no limit. Raises
    `PictureTooSmall`.
    """
    height, width = picture.shape[:2]
    if 0 < maximum_height < height:
        width, height = round(width * maximum_height / height), maximum_height
    width, height = width & ~1, height & ~1
    if min(width, height) < SMALLEST_PX:
        raise PictureTooSmall(
            f'a video of {width}x{height} cannot be encoded: each side must have at least '
            f'{SMALLEST_PX} pixels'
        )
    return width, height


class PlaneMaker:
    """Makes planes for a video of one size, of pictures of any size, coloured or grey."""

    def __init__(self, width: int, height: int, buffers: int = 1) -> None:
        """width, height: of the video, even. buffers: planes are good for so many pictures."""
        self.width, self.height = width, height
        self._buffers: Iterator[Planes] = itertools.cycle(
            [_empty(width, height) for _ in range(buffers)]
        )
        self._unscaled = np.empty((0, 0), np.uint8)

    def make(self, picture: Pixels) -> Planes:
        """The planes of a uint8 picture of shape (height, width, 3), BGR, or (height, width).

        An odd last row or column is left out. They are overwritten as many pictures later as there
        are buffers.
        """
        height, width = (side & ~1 for side in picture.shape[:2])
        planes = next(self._buffers)
        if (width, height) == (self.width, self.height):
            _convert(picture[:height, :width], planes)
            return planes
        if self._unscaled.shape != (height * 3 // 2, width):
            self._unscaled = _empty(width, height)
        _convert(picture[:height, :width], self._unscaled)
        factor = height / self.height
        method = cv2.INTER_LINEAR if factor < LINEAR_UP_TO else cv2.INTER_AREA
        for source, target in zip(split(self._unscaled), split(planes), strict=True):
            cv2.resize(source, target.shape[::-1], dst=target, interpolation=method)
        return planes


def split(planes: Planes) -> tuple[Planes, Planes, Planes]:
    """Views of Y, shape (height, width), and of U and V, each of half of that."""
    width = planes.shape[1]
    height = planes.shape[0] * 2 // 3
    flat = planes.reshape(-1)
    brightness, colours = flat[: width * height], flat[width * height :]
    first, second = colours.reshape(2, height // 2, width // 2)
    return brightness.reshape(height, width), first, second


def _empty(width: int, height: int) -> Planes:
    return np.empty((height * 3 // 2, width), np.uint8)


def _convert(picture: Pixels, planes: Planes) -> None:
    if picture.ndim == 3:
        cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420, dst=planes)
        return
    height = picture.shape[0]
    cv2.LUT(picture, _GREY_AS_BRIGHTNESS, dst=planes[:height])
    planes[height:] = NO_COLOUR


def _grey_as_brightness() -> Pixels:
    """What the conversion of colours makes of each grey."""
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
    planes: Planes = cv2.cvtColor(np.dstack([greys] * 3), cv2.COLOR_BGR2YUV_I420)
    return planes[:16].reshape(256)


_GREY_AS_BRIGHTNESS = _grey_as_brightness()
