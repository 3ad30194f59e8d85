"""An encoded picture on its way from the encoder to whoever keeps or sends it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class VideoPacket:
    """One access unit of H.264 in Annex B, without B-frames: decoding order is display order.

    A keyframe begins with its parameter sets. Packets of another `epoch` have other settings.
    """

    data: bytes = field(repr=False)
    monotonic_ns: int  # capture time, CLOCK_MONOTONIC
    utc_ns: int  # capture time on the wall, since 1970
    sequence: int  # 1 is the first of its encoder
    frame_sequence: int  # number of the picture
    epoch: int
    keyframe: bool
    live: bool  # false: a placeholder, the camera delivered nothing
    width: int  # pixels
    height: int  # pixels
