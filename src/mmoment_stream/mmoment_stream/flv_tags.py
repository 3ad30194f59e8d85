"""Bodies of the FLV tags that carry H.264 and silence, as RTMP has them in its messages.

Sources: Adobe Flash Video File Format 10.1, annex E; ISO 14496-15, 5.2.4 (the record with the
parameter sets); ISO 14496-3, 1.6.2.1 and 4.4.2.1 (AAC).
"""

from __future__ import annotations

import struct

from mmoment_stream import amf0
from mmoment_stream.h264 import ParameterSets, nal_units
from mmoment_stream.push_target import VideoFormat

AVC, AAC = 7, 10
KEYFRAME, INTER_FRAME = 0x10, 0x20
HEADER, UNITS = 0, 1
# Capture order is display order: no picture is shown later than it is decoded.
NO_DELAY = b'\0\0\0'
LENGTH_BYTES = 4

SILENCE_RATE_HZ = 44_100
SILENCE_SAMPLES = 1024
"""In one frame of AAC."""
# After a pause, silence is caught up with no further back than this: 1.2 s.
MOST_SILENT_FRAMES = 50
# AAC, 44 kHz, 16 bits, stereo: AAC always says so, and tells the truth in its header.
AAC_SOUND = 0xAF
# Audio object type 2 (low complexity), 44.1 kHz, two channels.
SILENCE_HEADER = bytes((AAC_SOUND, HEADER, 0x12, 0x10))
# A channel pair that shares a window of no bands: gain 0, nothing else, then the end.
SILENCE = bytes((AAC_SOUND, UNITS, 0x21, 0x00, 0x00, 0x00, 0x00, 0x1C))


def video_header(sets: ParameterSets) -> bytes:
    """What a decoder must know before the first picture, as an AVC sequence header."""
    profile = sets.sequence[1:4]
    return b''.join(
        (
            bytes((KEYFRAME | AVC, HEADER)),
            NO_DELAY,
            b'\x01',
            profile,
            # Lengths of four bytes; one set of each kind.
            bytes((0xFC | LENGTH_BYTES - 1, 0xE0 | 1)),
            struct.pack('>H', len(sets.sequence)),
            sets.sequence,
            b'\x01',
            struct.pack('>H', len(sets.picture)),
            sets.picture,
        )
    )


def video_body(data: bytes, *, keyframe: bool) -> bytes:
    """An access unit of Annex B with lengths in place of start codes; its units are not touched."""
    parts = [bytes(((KEYFRAME if keyframe else INTER_FRAME) | AVC, UNITS)), NO_DELAY]
    for unit in nal_units(data):
        parts.append(len(unit).to_bytes(LENGTH_BYTES, 'big'))
        parts.append(unit)
    return b''.join(parts)


def metadata(video: VideoFormat, *, silent_audio: bool) -> bytes:
    """Tells players and the server what comes; the body of a data message."""
    facts = amf0.EcmaArray(
        width=video.width,
        height=video.height,
        framerate=video.fps,
        videocodecid=AVC,
        encoder='Mmoment',
    )
    if video.kbps:
        facts['videodatarate'] = video.kbps
    if silent_audio:
        facts.update(
            audiocodecid=AAC,
            audiosamplerate=SILENCE_RATE_HZ,
            audiosamplesize=16,
            audiochannels=2,
            stereo=True,
        )
    return amf0.encode('@setDataFrame', 'onMetaData', facts)


class Silence:
    """When the frames of a silent track are due."""

    def __init__(self) -> None:
        self._count = 0

    def due(self, time_ms: int, most: int = MOST_SILENT_FRAMES) -> list[int]:
        """Times (ms) of the frames up to a moment that were not asked for before.

        If more than `most` are due, a gap is left before the last ones.
        """
        end = time_ms * SILENCE_RATE_HZ // (1000 * SILENCE_SAMPLES) + 1
        begin = max(self._count, end - most)
        self._count = max(self._count, end)
        return [n * 1000 * SILENCE_SAMPLES // SILENCE_RATE_HZ for n in range(begin, end)]
