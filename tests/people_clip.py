"""A short clip of two real people side by side, who sway a little."""

import math
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT = 960, 480
FPS = 15
PICTURES = 60
SWAY_PX = 24
# Of the photograph's height: a head with some room around it.
HEAD_SHARE = 0.8


def read_photo(path: Path, height: int = HEIGHT) -> np.ndarray:
    """A photograph, uint8 BGR, brought to a height."""
    picture = cv2.imread(str(path))
    scale = height / picture.shape[0]
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def write_people_clip(path: Path, left: Path, right: Path) -> None:
    """Write a clip with the person of one photograph in the left half, of another in the right."""
    halves = [_half(read_photo(photo)) for photo in (left, right)]
    with av.open(str(path), 'w') as container:
        # An encoder that every build of FFmpeg has
        stream = container.add_stream('mpeg4', rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        stream.bit_rate = 6_000_000
        for number in range(PICTURES):
            # There and back: nobody jumps where the clip begins anew
            shift = SWAY_PX * math.sin(math.tau * number / PICTURES)
            moved = [_shifted(half, shift) for half in halves]
            frame = av.VideoFrame.from_ndarray(np.hstack(moved), format='bgr24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _half(photo: np.ndarray) -> np.ndarray:
    """The middle of a photograph on a canvas of half the clip."""
    canvas = np.full((HEIGHT, WIDTH // 2, 3), 96, np.uint8)
    scaled = cv2.resize(photo, None, fx=HEAD_SHARE, fy=HEAD_SHARE, interpolation=cv2.INTER_AREA)
    height, width = scaled.shape[:2]
    cut = max(0, (width - canvas.shape[1]) // 2)
    scaled = scaled[:, cut : cut + canvas.shape[1]]
    x = (canvas.shape[1] - scaled.shape[1]) // 2
    y = HEIGHT - height
    canvas[y:, x : x + scaled.shape[1]] = scaled
    return canvas


def _shifted(half: np.ndarray, pixels: float) -> np.ndarray:
    matrix = np.array([[1, 0, pixels], [0, 1, 0]], np.float64)
    size = (half.shape[1], half.shape[0])
    return cv2.warpAffine(half, matrix, size, borderMode=cv2.BORDER_REPLICATE)
