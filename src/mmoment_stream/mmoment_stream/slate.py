"""A picture that says the camera is away, as packets like those of the encoder.

It does not change, so it is encoded once, and its few packets are sent again and again.
"""

from __future__ import annotations

import functools

from mmoment_camera.placeholder import paint_placeholder
from mmoment_stream.encoder_backends import (
    SOFTWARE,
    TICKS_PER_S,
    AccessUnit,
    EncoderError,
    EncoderSettings,
    PyavEncoder,
)
from mmoment_stream.h264 import parameter_sets
from mmoment_stream.picture_planes import PlaneMaker
from mmoment_stream.push_target import PushError, VideoFormat
from mmoment_stream.video_packet import VideoPacket

FPS = 5
KEYFRAME_INTERVAL_S = 2
KBPS = 1000
PRESET = 'ultrafast'
LINES = ('The camera is away.', 'This goes on by itself when it is back.')
EPOCH = -1
"""Encoders have none below zero."""


class Slate:
    """Endless packets of one size."""

    def __init__(self, width: int, height: int) -> None:
        """width, height: in pixels, even. Raises PushError: no_video."""
        self._units = _coded(width, height)
        self._sequence = 0
        sets = parameter_sets(self._units[0].data)
        assert sets is not None
        kbps = sum(len(unit.data) for unit in self._units) * 8e-3 / KEYFRAME_INTERVAL_S
        self.format = VideoFormat(width, height, sets, fps=FPS, kbps=kbps)
        self.begin()

    def begin(self) -> None:
        """Let the next packet be a keyframe."""
        self._place = 0

    def packet(self, monotonic_ns: int, utc_ns: int = 0) -> VideoPacket:
        """The next one, to be shown at that time."""
        place, self._place = self._place, (self._place + 1) % len(self._units)
        self._sequence += 1
        return VideoPacket(
            data=self._units[place].data,
            monotonic_ns=monotonic_ns,
            utc_ns=utc_ns,
            sequence=self._sequence,
            frame_sequence=self._sequence,
            epoch=EPOCH,
            keyframe=place == 0,
            live=False,
            width=self.format.width,
            height=self.format.height,
        )


@functools.lru_cache(maxsize=2)
def _coded(width: int, height: int) -> tuple[AccessUnit, ...]:
    """The pictures from one keyframe to the next."""
    settings = EncoderSettings(width, height, FPS, KBPS, KEYFRAME_INTERVAL_S, PRESET)
    try:
        encoder = PyavEncoder(SOFTWARE, settings)
        planes = PlaneMaker(width, height).make(paint_placeholder(width, height, list(LINES)))
        units = []
        for number in range(settings.keyframe_interval):
            pts = number * TICKS_PER_S // FPS
            units += encoder.encode(planes, pts, force_keyframe=number == 0)
        encoder.close()
    except EncoderError as error:
        raise PushError('no_video', str(error)) from error
    return tuple(units)
