"""Parameters of encoder_node."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_node.parameters import parameter
from mmoment_stream.encoder_choice import AUTO, CHOICES

PRESETS = ('ultrafast', 'superfast', 'veryfast', 'faster')


@dataclass(frozen=True, slots=True)
class EncoderParameters:
    """How both channels are encoded. Only size, encoder, preset and threads begin a new epoch."""

    encoder: str = parameter(
        AUTO,
        'H.264 encoder; auto: the first hardware encoder that passes a trial, else libx264. Another '
        'one that does not work is replaced by libx264, and encoder_status says why',
        choices=CHOICES,
    )
    maximum_height: int = parameter(
        0,
        'Larger pictures are made smaller, with the same shape; 0: as they come',
        unit='px',
        minimum=0,
        maximum=16384,
    )
    fps: float = parameter(
        30.0, 'Encode at most this many pictures a second', unit='Hz', minimum=1.0, maximum=120.0
    )
    bitrate_kbps: int = parameter(
        0,
        'Kilobits a second on average; 0: what suits size and rate, 2500 for 1280x720 at 30 Hz. '
        'Fewer are made while somebody asks for fewer, such as a push to a slow network',
        unit='kbit/s',
        minimum=0,
        maximum=100_000,
    )
    keyframe_interval_s: float = parameter(
        2.0,
        'Viewers can join, and clips begin, at a keyframe; they come this often, and when asked for',
        unit='s',
        minimum=0.5,
        maximum=10.0,
    )
    preset: str = parameter(
        'superfast',
        'How hard libx264 tries; superfast has the quality of veryfast at two thirds of the work',
        choices=PRESETS,
    )
    threads: int = parameter(
        0,
        'Threads of libx264; 0: one, and two for pictures larger than 1280x720',
        minimum=0,
        maximum=16,
    )
