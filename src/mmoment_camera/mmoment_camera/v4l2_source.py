"""The `v4l2` source: a camera that the Linux kernel knows, read through OpenCV."""

from __future__ import annotations

import time
from typing import cast

import cv2

from mmoment_camera import v4l2_device
from mmoment_camera.errors import SourceError
from mmoment_camera.source import Image, Picture, PictureSource, SourceSettings
from mmoment_camera.units import MILLISECOND_NS, SECOND_NS

# Two buffers: one being filled, one being read. More only hold old pictures, one halves the rate.
BUFFERS = 2
# Beyond this the driver's stamp is not of this clock.
LARGEST_STAMP_AGE_NS = 2 * SECOND_NS
# Broken pictures come when a camera starts and with bad cables; this many in a row are a fault.
GARBAGE_LIMIT = 10
GREY_DIMENSIONS = 2


class V4l2Source(PictureSource):
    """A device of the kernel; it can be unplugged, stall, or belong to somebody else."""

    kind = 'v4l2'

    def __init__(self, path: str, settings: SourceSettings) -> None:
        """Remember the device.

        path: /dev/videoN.
        """
        super().__init__(path, settings)
        self._path = path
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Open the device with the pixel format that suits size and rate.

        Raises SourceError where it is missing, busy, forbidden or no camera.
        """
        settings = self.settings
        offer = v4l2_device.query(self._path, settings.width_px, settings.height_px)
        wanted = settings.pixel_format
        if wanted == 'auto':
            wanted = v4l2_device.choose_pixel_format(
                offer.rates, settings.width_px, settings.height_px, settings.fps
            )
        capture = cv2.VideoCapture(self._path, cv2.CAP_V4L2)
        self._capture = capture
        if not capture.isOpened():
            raise SourceError(f'{self._path} is used by another program: end that one')
        if wanted:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wanted))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px)
        capture.set(cv2.CAP_PROP_FPS, settings.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, BUFFERS)
        code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        self.pixel_format = code.to_bytes(4, 'little').decode('latin-1').strip('\0 ')

    def read(self) -> Picture:
        """The next picture, stamped by the driver.

        Waits with OpenCV's poll, which keeps its time-out to the millisecond; OpenCV's own read
        waits ten seconds. Raises SourceError on silence, when unplugged, and on lasting garbage.
        """
        capture = self._capture
        assert capture is not None, 'read() before open()'
        timeout_ns = round(self.settings.read_timeout_s * SECOND_NS)
        for garbage in range(GARBAGE_LIMIT):
            try:
                is_ready, _ = cv2.VideoCapture.waitAny([capture], timeout_ns)
                if not is_ready:
                    raise SourceError(
                        f'{self._path} sent no picture for {self.settings.read_timeout_s:g} s'
                    )
                is_read, image = capture.read()
            except cv2.error as reason:
                raise SourceError(f'{self._path} has been unplugged or has failed') from reason
            now_ns = time.monotonic_ns()
            if is_read and image is not None:
                if image.ndim == GREY_DIMENSIONS:
                    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
                stamp_ns = self._stamp_ns(capture, now_ns)
                return Picture(cast(Image, image), stamp_ns, skipped=garbage)
        raise SourceError(f'{self._path} sends broken pictures: check the cable')

    def _stamp_ns(self, capture: cv2.VideoCapture, now_ns: int) -> int:
        """The driver's capture time, where it is of the monotonic clock; else the time of arrival."""
        stamp_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * MILLISECOND_NS)
        return stamp_ns if 0 <= now_ns - stamp_ns <= LARGEST_STAMP_AGE_NS else now_ns

    def close(self) -> None:
        """Give the device back."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()
