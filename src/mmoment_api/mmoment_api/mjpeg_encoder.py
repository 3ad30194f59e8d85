"""Makes JPEG parts of pictures: one per picture and size, whoever looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_api.mjpeg_rungs import NATIVE_PX

BOUNDARY = 'mmoment-frame'
CONTENT_TYPE = f'multipart/x-mixed-replace; boundary={BOUNDARY}'
# The delimiter is sent behind each part, not before it: some browsers show a part only then.
OPENING = f'--{BOUNDARY}\r\n'.encode()
DELIMITER = f'\r\n--{BOUNDARY}\r\n'.encode()

# Encoding and scaling run in one thread per channel; more would only take cores from the models.
cv2.setNumThreads(1)

Image = NDArray[np.uint8]


class Picture(Protocol):
    """A picture in a frame ring, as `FrameSubscriber` hands it out."""

    sequence: int
    monotonic_ns: int
    live: bool

    @property
    def image(self) -> Image:
        """BGR or grey, height first."""

    def intact(self) -> bool:
        """False if the picture was overwritten while it was read."""


@dataclass(frozen=True, slots=True)
class Part:
    """One picture, ready to be sent: headers of `head_bytes`, JPEG and the delimiter behind it."""

    sequence: int
    monotonic_ns: int
    data: bytes
    head_bytes: int
    live: bool

    @property
    def jpeg(self) -> memoryview:
        """The JPEG file alone; not copied."""
        return memoryview(self.data)[self.head_bytes : -len(DELIMITER)]


def encode_part(picture: Picture, width_px: int, quality: int) -> Part | None:
    """One part, at most `width_px` wide (NATIVE_PX: as it is); None if the picture was overwritten.

    Measured at 720p and 1080p on noisy pictures, `cv2.imencode` needs 2.1 and 5.1 ms, libjpeg-turbo
    through its own binding 2.5 and 5.5 ms from BGR. From I420 planes it would be as fast, but those
    are limited range and JPEG is full range.
    """
    image: Any = picture.image
    height, width = image.shape[:2]
    if NATIVE_PX < width_px < width:
        size = (width_px, max(1, round(height * width_px / width)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    is_encoded, jpeg = cv2.imencode('.jpg', image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not is_encoded or not picture.intact():
        return None
    head = (
        'Content-Type: image/jpeg\r\n'
        f'Content-Length: {jpeg.size}\r\n'
        f'X-Sequence: {picture.sequence}\r\n'
        f'X-Capture-Monotonic-Ns: {picture.monotonic_ns}\r\n'
        f'X-Live: {int(picture.live)}\r\n\r\n'
    ).encode()
    data = b''.join((head, jpeg.data, DELIMITER))
    return Part(picture.sequence, picture.monotonic_ns, data, len(head), picture.live)
