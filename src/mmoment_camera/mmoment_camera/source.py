"""What a picture source is: the one interface behind which every kind of camera stands.

A source is used by one thread: open it, read it, close it, throw it away. After a SourceError the
object is spent; a new attempt takes a new object (mmoment_camera.source_factory).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""A picture: height x width x 3, blue-green-red, 0..255, contiguous."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as a source delivers it.

    image: height x width x 3 uint8, blue-green-red; the receiver may keep and change it.
    monotonic_ns: capture time, CLOCK_MONOTONIC, as near to the sensor as the source allows.
    skipped: pictures that the source took and lost since the previous one, where it can tell.
    """

    image: Image
    monotonic_ns: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What is asked of a source; a network camera or a file keeps its own size and rate.

    width_px, height_px: picture size asked for.
    fps: pictures per second asked for.
    pixel_format: 'auto', 'MJPG' or 'YUYV'; only V4L2 devices listen.
    open_timeout_s: longest wait for a connection or a device.
    read_timeout_s: longest wait for one picture.
    rtsp_transport: 'tcp' or 'udp'.
    csi_pipeline: GStreamer elements that make raw pictures, without the caps; '' finds them.
    verify_tls: refuse rtsps:// and https:// cameras whose certificate nobody vouches for.
    """

    width_px: int = 1280
    height_px: int = 720
    fps: float = 30.0
    pixel_format: str = 'auto'
    open_timeout_s: float = 5.0
    read_timeout_s: float = 2.0
    rtsp_transport: str = 'tcp'
    csi_pipeline: str = ''
    verify_tls: bool = True


class PictureSource(ABC):
    """A camera, a file or a drawing that delivers pictures."""

    kind: str = ''
    """v4l2, csi, rtsp, http, file, pattern or demo."""

    def __init__(self, description: str, settings: SourceSettings) -> None:
        """Remember what to open.

        description: what a person calls the source, without credentials.
        """
        self.description = description
        self.settings = settings
        self.pixel_format = ''
        """Pixel or stream format as delivered: MJPG, YUYV, H264, BGR; known once open."""

    @abstractmethod
    def open(self) -> None:
        """Make the source ready to be read.

        Raises SourceError with a sentence that says what to do.
        """

    @abstractmethod
    def read(self) -> Picture:
        """Wait for the next picture, at most `settings.read_timeout_s` where that can be bounded.

        Raises SourceError when none came, or when the source has ended.
        """

    @abstractmethod
    def close(self) -> None:
        """Give everything back; safe after a failed open() and twice; never raises."""
