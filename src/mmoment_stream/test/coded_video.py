"""Coded pictures for tests: packets as an encoder gives them, and what a file of them shows.

Every picture has its number in its pixels (mmoment_camera.pattern), so that a test sees by decoding
which pictures a clip has and in which order.
"""

from __future__ import annotations

import dataclasses
import functools
import random
from fractions import Fraction

import av
import cv2

from mmoment_camera.pattern import PatternPainter, read_number
from mmoment_stream.video_packet import VideoPacket

SECOND_NS = 1_000_000_000
START_NS = 5_000 * SECOND_NS
"""Monotonic time of the first picture."""
UTC_AHEAD_NS = 1_700_000_000 * SECOND_NS
WIDTH, HEIGHT = 320, 180
TICKS_PER_S = 90_000


@functools.lru_cache(maxsize=8)
def coded_at(moments_ns, gop=30, epoch=7, size=(WIDTH, HEIGHT)):
    """A packet for each moment (a tuple), a keyframe in every `gop`; the first picture is number 0."""
    width, height = size
    encoder = av.CodecContext.create('libx264', 'w')
    encoder.width, encoder.height, encoder.pix_fmt = width, height, 'yuv420p'
    encoder.time_base = Fraction(1, TICKS_PER_S)
    encoder.options = {
        'preset': 'ultrafast',
        'tune': 'zerolatency',
        'x264-params': f'keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1:annexb=1',
    }
    painter = PatternPainter(width, height)
    packets = []
    for number, moment_ns in enumerate(moments_ns):
        planes = cv2.cvtColor(painter.paint(number, moment_ns), cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes, format='yuv420p')
        frame.pts, frame.time_base = number, encoder.time_base
        (coded,) = encoder.encode(frame)
        packets.append(
            VideoPacket(
                data=bytes(coded),
                monotonic_ns=moment_ns,
                utc_ns=moment_ns + UTC_AHEAD_NS,
                sequence=number + 1,
                frame_sequence=number,
                epoch=epoch,
                keyframe=coded.is_keyframe,
                live=True,
                width=width,
                height=height,
            )
        )
    return packets


def coded(count, fps=30, **more):
    """`count` packets at an even pace."""
    return coded_at(tuple(START_NS + n * SECOND_NS // fps for n in range(count)), **more)


def coded_with_gaps(seconds, fps, seed):
    """Every tenth picture, by chance, never reached the encoder; the first one did."""
    chance = random.Random(seed)
    numbers = [n for n in range(seconds * fps) if n == 0 or chance.random() > 0.1]
    return coded_at(tuple(START_NS + n * SECOND_NS // fps for n in numbers))


def later(packets, by_ns):
    """The same packets, taken later."""
    return [
        dataclasses.replace(
            packet, monotonic_ns=packet.monotonic_ns + by_ns, utc_ns=packet.utc_ns + by_ns
        )
        for packet in packets
    ]


def shown(path):
    """Numbers of the pictures that a player shows, in order; None for one that cannot be read."""
    with av.open(str(path)) as container:
        return [read_number(frame.to_ndarray(format='gray')) for frame in container.decode(video=0)]


def moments(path):
    """When each picture begins and how long it lasts, in seconds, as the file says."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [
            (float(packet.pts * packet.time_base), float(packet.duration * packet.time_base))
            for packet in packets
        ]
