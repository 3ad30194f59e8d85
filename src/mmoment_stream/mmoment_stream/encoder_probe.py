"""Finds out whether encoders work, by encoding with them and looking at what comes out.

A program of its own, because drivers hang and crash:

    python -m mmoment_stream.encoder_probe NAME[,NAME...] WIDTH HEIGHT FPS

prints a line of JSON for each name as soon as it is known. That an encoder is in a list says
nothing, nor that it opens: it has to give every picture back, in order, the next keyframe when it
is asked for, and nothing much later.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import av
import av.logging
import numpy as np
from av.video.codeccontext import VideoCodecContext

from mmoment_stream.encoder_backends import (
    AccessUnit,
    EncoderBackend,
    EncoderError,
    EncoderSettings,
    Opener,
    pyav_openers,
)
from mmoment_stream.encoder_pipe import pipe_openers
from mmoment_stream.h264 import is_keyframe, parameter_sets
from mmoment_stream.picture_planes import NO_COLOUR, Planes, split

PICTURES = 12
FORCED_AT = 6
# Programs and drivers may need that long for their first picture.
START_S = 5.0
# An encoder that keeps more than that to itself is of no use for a live picture.
HELD_BACK_AT_MOST = 2
RECOGNISED_DB = 25.0
BITRATE_KBPS = 4000
KEYFRAME_INTERVAL_S = 2.0
TICKS_PER_PICTURE = 3000


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was found out about an encoder."""

    name: str
    usable: bool
    reason: str = ''  # why it is not usable
    ms_per_picture: float = 0.0


def openers() -> dict[str, Opener]:
    """All encoders there may be, by name."""
    return {**pyav_openers(), **pipe_openers()}


def try_encoder(name: str, settings: EncoderSettings, known: Mapping[str, Opener]) -> ProbeResult:
    """Encode some pictures and look at them; `known` has the encoders by name."""
    if name not in known:
        return ProbeResult(name, False, f'unknown; there are: {", ".join(known)}')
    with av.logging.Capture(local=False) as log:
        try:
            backend = known[name](settings)
            try:
                return _judge(backend, settings)
            finally:
                backend.close()
        except EncoderError as error:
            said = [text.strip().rstrip('.') for level, _, text in log if level <= av.logging.ERROR]
            return ProbeResult(name, False, '; '.join(dict.fromkeys(said)) or error.fault)


def _judge(backend: EncoderBackend, settings: EncoderSettings) -> ProbeResult:
    began_s = time.monotonic()
    units: list[AccessUnit] = []
    encode_s, number = 0.0, 0
    while number < PICTURES or (_is_behind(units, number) and time.monotonic() < began_s + START_S):
        picture = _picture(settings, number)
        encode_s -= time.monotonic()
        pts, is_forced = number * TICKS_PER_PICTURE, number == FORCED_AT
        units += backend.encode(picture, pts, force_keyframe=is_forced)
        encode_s += time.monotonic()
        number += 1
        if _is_behind(units, number):
            time.sleep(1.0 / settings.fps)
    if _is_behind(units, number):
        fault = f'gave {len(units)} pictures for {number}'
    else:
        fault = _fault_of_units(units, must_force=backend.forces_keyframes)
        fault = fault or _fault_of_pictures(units, settings)
    return ProbeResult(backend.name, not fault, fault, round(encode_s * 1000 / number, 2))


def _is_behind(units: Sequence[AccessUnit], number: int) -> bool:
    return len(units) < number - HELD_BACK_AT_MOST


def _picture(settings: EncoderSettings, number: int) -> Planes:
    """A slope of brightness with a bright square that moves, without colours."""
    planes = np.full((settings.height * 3 // 2, settings.width), NO_COLOUR, np.uint8)
    brightness, _, _ = split(planes)
    brightness[:] = np.linspace(32, 160, settings.width, dtype=np.uint8)
    side = settings.height // 4
    left = number % PICTURES * ((settings.width - side) // PICTURES)
    brightness[side : 2 * side, left : left + side] = 220
    return planes


def _fault_of_units(units: Sequence[AccessUnit], *, must_force: bool) -> str:
    """What is wrong with the stream as such; empty: nothing."""
    if any(unit.pts != number * TICKS_PER_PICTURE for number, unit in enumerate(units)):
        return 'gave pictures in another order'
    if not is_keyframe(units[0].data) or parameter_sets(units[0].data) is None:
        return 'does not begin with a keyframe and its parameter sets'
    if must_force and not is_keyframe(units[FORCED_AT].data):
        return 'gives no keyframe when asked for one'
    return ''


def _fault_of_pictures(units: Sequence[AccessUnit], settings: EncoderSettings) -> str:
    """What is wrong with the pictures in the stream; empty: nothing."""
    decoder = av.CodecContext.create('h264', 'r')
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    size = settings.width, settings.height
    for number, unit in enumerate(units):
        try:
            frames = decoder.decode(av.Packet(unit.data))
        except (av.FFmpegError, ValueError) as error:
            return f'gives what cannot be decoded: {error}'
        if len(frames) != 1:
            return 'gives pictures that only others make whole'
        if (frames[0].width, frames[0].height) != size:
            return f'makes {frames[0].width}x{frames[0].height} of {size[0]}x{size[1]}'
        decoded = np.asarray(frames[0].to_ndarray(format='yuv420p'), np.uint8)
        likeness_db = _likeness_db(_picture(settings, number), decoded)
        if likeness_db < RECOGNISED_DB:
            return f'gives pictures that one cannot recognise (PSNR {likeness_db:.0f} dB)'
    return ''


def _likeness_db(first: Planes, second: Planes) -> float:
    """Peak signal-to-noise ratio."""
    error = np.square(first.astype(np.float32) - second).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def main(arguments: Sequence[str]) -> int:
    """Try what is asked for; returns 2 when that is not understood."""
    try:
        names, width, height, fps = (
            arguments[0].split(','),
            int(arguments[1]),
            int(arguments[2]),
            float(arguments[3]),
        )
    except (IndexError, ValueError):
        print(__doc__, file=sys.stderr)
        return 2
    # Drivers print what they like.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    # Only then do FFmpeg's errors say what its encoders complain of.
    av.logging.set_level(av.logging.ERROR)
    settings = EncoderSettings(width, height, fps, BITRATE_KBPS, KEYFRAME_INTERVAL_S)
    known = openers()
    for name in names:
        result = try_encoder(name, settings, known)
        print(json.dumps(dataclasses.asdict(result)), file=answers, flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
