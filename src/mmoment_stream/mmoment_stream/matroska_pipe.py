"""H.264 and silence as a Matroska stream without an end, for a program that reads it from a pipe.

A reader knows all about the tracks before the first picture, and each picture has its time: neither
is so for bare H.264. Sources: RFC 8794 (EBML), RFC 9559 (Matroska), ISO/IEC 14496-15, 5.3.3.1
(the record with the parameter sets).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from mmoment_stream import flv_tags
from mmoment_stream.push_target import VideoFormat

VIDEO_TRACK, AUDIO_TRACK = 1, 2
VIDEO_KIND, AUDIO_KIND = 1, 2
IS_KEYFRAME = 0x80
NS_PER_MS = 1_000_000
UNKNOWN_LENGTH = b'\x01' + b'\xff' * 7
# FLV puts so many bytes of its own before what MP4 and Matroska have too.
FLV_VIDEO_HEAD_BYTES, FLV_AUDIO_HEAD_BYTES = 5, 2


def header(video: VideoFormat, *, silent_audio: bool) -> bytes:
    """What comes first, with all that a reader needs before it does something."""
    entries = [_video_entry(video)]
    if silent_audio:
        entries.append(_audio_entry())
    document = _master(
        0x1A45DFA3,
        _number(0x4286, 1),
        _number(0x42F7, 1),
        _number(0x42F2, 4),
        _number(0x42F3, 8),
        _element(0x4282, b'matroska'),
        _number(0x4287, 4),
        _number(0x4285, 2),
    )
    information = _master(
        0x1549A966,
        _number(0x2AD7B1, NS_PER_MS),
        _element(0x4D80, b'Mmoment'),
        _element(0x5741, b'Mmoment'),
    )
    segment = _id(0x18538067) + UNKNOWN_LENGTH
    tracks = _master(0x1654AE6B, *entries)
    # By an empty cluster a reader sees that there are no more tracks.
    return document + segment + information + tracks + _master(0x1F43B675, _number(0xE7, 0))


def picture(data: bytes, time_ms: int, *, keyframe: bool) -> bytes:
    """An access unit of Annex B, as a cluster of its own: a reader need not wait for more."""
    body = flv_tags.video_body(data, keyframe=keyframe)[FLV_VIDEO_HEAD_BYTES:]
    return _cluster(VIDEO_TRACK, body, time_ms, is_keyframe=keyframe)


def silence(time_ms: int) -> bytes:
    """One frame of the silent track."""
    body = flv_tags.SILENCE[FLV_AUDIO_HEAD_BYTES:]
    return _cluster(AUDIO_TRACK, body, time_ms, is_keyframe=True)


def _video_entry(video: VideoFormat) -> bytes:
    record = flv_tags.video_header(video.sets)[FLV_VIDEO_HEAD_BYTES:]
    size = _master(0xE0, _number(0xB0, video.width), _number(0xBA, video.height))
    return _master(
        0xAE,
        *_track(VIDEO_TRACK, VIDEO_KIND, b'V_MPEG4/ISO/AVC', record),
        _number(0x23E383, round(1e9 / video.fps)),
        size,
    )


def _audio_entry() -> bytes:
    record = flv_tags.SILENCE_HEADER[FLV_AUDIO_HEAD_BYTES:]
    rate = _element(0xB5, struct.pack('>d', flv_tags.SILENCE_RATE_HZ))
    sound = _master(0xE1, rate, _number(0x9F, 2))
    return _master(0xAE, *_track(AUDIO_TRACK, AUDIO_KIND, b'A_AAC', record), sound)


def _track(number: int, kind: int, codec: bytes, record: bytes) -> Iterable[bytes]:
    return (
        _number(0xD7, number),
        _number(0x73C5, number),
        _number(0x83, kind),
        _number(0x9C, 0),
        _element(0x86, codec),
        _element(0x63A2, record),
    )


def _cluster(track: int, body: bytes, time_ms: int, *, is_keyframe: bool) -> bytes:
    flags = IS_KEYFRAME if is_keyframe else 0
    # Track and flags; the time of the block is that of its cluster.
    block = struct.pack('>BhB', 0x80 | track, 0, flags) + body
    return _master(0x1F43B675, _number(0xE7, time_ms), _element(0xA3, block))


def _master(name: int, *parts: bytes) -> bytes:
    return _element(name, b''.join(parts))


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), 'big'))


def _element(name: int, body: bytes) -> bytes:
    # Eight bytes of length: the first bit says so.
    return _id(name) + struct.pack('>Q', len(body) | 1 << 56) + body


def _id(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, 'big')
