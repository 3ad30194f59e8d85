"""Clips of cameras whose time is simulated: encoder, packets, recording and file are the real ones.

So a minute of video that drops every tenth picture takes as long as encoding it.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.capture_clips import stamp_us
from mmoment_camera.pattern import PatternPainter
from mmoment_stream.clip_finish import finish_clip
from mmoment_stream.clip_summary import ClipSummary
from mmoment_stream.encoder_backends import SOFTWARE
from mmoment_stream.encoder_choice import EncoderChooser
from mmoment_stream.encoder_parameters import EncoderParameters
from mmoment_stream.encoder_probe import openers
from mmoment_stream.encoder_prober import EncoderProber
from mmoment_stream.packet_ring import PacketRing
from mmoment_stream.picture_planes import Pixels
from mmoment_stream.recorder import ClipWish, Recorder, Recording
from mmoment_stream.video_encoder import VideoEncoder

SECOND_NS = 1_000_000_000
PREROLL_S = 5.0
# Five seconds before is half-way between two keyframes, which come every two seconds, and between
# two pictures.
ASKED_AFTER_S = 8.017
RING_S, RING_BYTES = PREROLL_S + 4.0, 64 * 2**20
DROPPED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class SimulatedClip:
    """A finished clip, and what it is to be. Times are CLOCK_MONOTONIC.

    sequences: of all packets that were encoded, by the stamp of their pictures.
    """

    path: Path
    summary: ClipSummary
    sequences: dict[int, int]
    wanted_ns: int
    ends_ns: int


@dataclass(frozen=True, slots=True)
class SimulatedPicture:
    """A picture as a frame ring hands it out."""

    sequence: int
    monotonic_ns: int
    image: Pixels = field(repr=False)
    live: bool = True

    def intact(self) -> bool:
        """Nobody writes over it."""
        return True


def simulated_clip(
    folder: Path, fps: int, seconds: float, size: tuple[int, int], seed: int
) -> SimulatedClip:
    """Record `seconds`, those before it was asked for included, of a camera that drops pictures.

    size: width and height, pixels. seed: of the chance by which they are dropped.
    """
    began_ns = time.monotonic_ns()
    asked_ns = began_ns + round(ASKED_AFTER_S * SECOND_NS)
    recorded, finished = folder / f'{fps}.recording.mp4', folder / f'{fps}.mp4'
    wish = ClipWish(
        media_id=f'{fps}',
        path=recorded,
        asked_ns=asked_ns,
        preroll_s=PREROLL_S,
        duration_s=seconds - PREROLL_S,
        longest_s=2 * seconds,
    )
    encoder = VideoEncoder(
        EncoderParameters(encoder=SOFTWARE, fps=float(fps)),
        EncoderChooser(openers(), EncoderProber()),
    )
    recorder = Recorder(PacketRing(RING_S, RING_BYTES), lambda: 1)
    recording: Recording | None = None
    sequences: dict[int, int] = {}
    for picture in _pictures(fps, size, seed, began_ns):
        if recording is None and picture.monotonic_ns > asked_ns:
            recording = recorder.begin(wish, 0.0)
        for packet in encoder.encode(picture, picture.monotonic_ns):
            sequences[stamp_us(packet.monotonic_ns)] = packet.sequence
            recorder.take(packet)
        if recording is not None and recording.reason:
            break
    encoder.release()
    assert recording is not None, 'the camera never ends'
    recording.finish()
    summary = finish_clip(recorded, finished)
    wanted_ns = asked_ns - round(PREROLL_S * SECOND_NS)
    return SimulatedClip(finished, summary, sequences, wanted_ns, recording.ends_ns)


def _pictures(
    fps: int, size: tuple[int, int], seed: int, began_ns: int
) -> Iterator[SimulatedPicture]:
    """Pictures without end at an even pace, some of them left out; the first one is there."""
    painter, chance = PatternPainter(*size), random.Random(seed)
    for number in itertools.count():
        if number == 0 or chance.random() >= DROPPED_SHARE:
            moment_ns = began_ns + number * SECOND_NS // fps
            yield SimulatedPicture(number, moment_ns, painter.paint(number, moment_ns))
