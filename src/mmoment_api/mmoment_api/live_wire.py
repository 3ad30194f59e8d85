"""What live views say over WebSocket, version 1.

The server sends binary messages with one picture each, and text messages in JSON; so does the
client, text only. Numbers are big-endian. A binary message:

| bytes | what |
|---|---|
| 0 | version, 1 |
| 1 | flags: 1 decoding can begin here, 2 live (else a placeholder: the camera delivers nothing) |
| 2-3 | 0 |
| 4-7 | number of the picture in this stream, modulo 2**32; a gap is always followed by a keyframe |
| 8-15 | number of the picture at the camera |
| 16-23 | capture time, nanoseconds of the camera's CLOCK_MONOTONIC |
| 24- | H.264: one access unit in Annex B, no B-frames. JPEG: a whole file |

Texts of the server have a `type`:

- `start`: before the first picture, and again whenever a decoder has to begin anew: `format` (`h264`
  or `jpeg`); with H.264 `codec` as in RFC 6381, `width` and `height` in pixels, `epoch`.
- `silent`: once a second while no pictures come: `part`, the node to blame, and `reason`.
- `clock`: answers the client's text of this type: `sent` as it came, `monotonic_us`, the camera's
  clock now. Half of the shortest round trip tells what the camera's clock shows now.

Texts of the client: `clock` with a number `sent`, and `keyframe`: it cannot decode any more.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
KEYFRAME, LIVE = 1, 2
SEQUENCES = 2**32
HEAD = struct.Struct('>BBxxIQQ')
SEQUENCE_PARAMETERS = 7
TYPE_BITS = 0x1F
START_CODE = b'\0\0\1'
# What every decoder of H.264 takes, for parameters that nobody can read: baseline, level 3.1.
PLAIN_CODEC = 'avc1.42E01F'


@dataclass(frozen=True, slots=True)
class VideoPacket:
    """One access unit of H.264 in Annex B; a keyframe begins with its parameter sets."""

    data: bytes = field(repr=False)
    keyframe: bool
    live: bool
    sequence: int  # 1 is the first of its encoder
    frame_sequence: int
    monotonic_ns: int  # capture time, CLOCK_MONOTONIC
    epoch: int  # another one: decode anew
    width: int  # pixels
    height: int  # pixels


def head(flags: int, sequence: int, frame_sequence: int, monotonic_ns: int) -> bytes:
    """The first bytes of a binary message."""
    return HEAD.pack(VERSION, flags, sequence % SEQUENCES, frame_sequence, monotonic_ns)


def video_message(packet: VideoPacket) -> bytes:
    """The binary message with this packet."""
    flags = KEYFRAME * packet.keyframe | LIVE * packet.live
    return head(flags, packet.sequence, packet.frame_sequence, packet.monotonic_ns) + packet.data


def jpeg_message(sequence: int, monotonic_ns: int, live: bool, jpeg: memoryview) -> bytes:
    """The binary message with this picture."""
    first = head(KEYFRAME | LIVE * live, sequence, sequence, monotonic_ns)
    return b''.join((first, jpeg))


def video_start(packet: VideoPacket) -> str:
    """What a decoder has to know before this keyframe."""
    return _text(
        'start',
        format='h264',
        codec=codec_of(packet.data),
        width=packet.width,
        height=packet.height,
        # More digits than numbers of JavaScript hold.
        epoch=str(packet.epoch),
    )


def jpeg_start() -> str:
    """The first text before pictures in JPEG."""
    return _text('start', format='jpeg')


def silent(part: str, reason: str) -> str:
    """That no pictures come, and why."""
    return _text('silent', part=part, reason=reason)


def clock_answer(sent: float, monotonic_ns: int) -> str:
    """The answer to a client that said `clock`."""
    return _text('clock', sent=sent, monotonic_us=monotonic_ns // 1000)


@dataclass(frozen=True, slots=True)
class ClientText:
    """What a client said; `sent` belongs to `clock`."""

    kind: str
    sent: float = 0.0


def read_client_text(text: str) -> ClientText | None:
    """What a client said; None: nothing that we understand."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kind = said.get('type') if isinstance(said, dict) else None
    if kind == 'keyframe':
        return ClientText(kind)
    if kind == 'clock':
        sent = said.get('sent')
        # True is a number, too; whatever is echoed has to be small.
        if isinstance(sent, int | float) and not isinstance(sent, bool) and abs(sent) < 2**53:
            return ClientText(kind, float(sent))
    return None


def codec_of(data: bytes) -> str:
    """Profile, constraints and level in the sequence parameters of an access unit (RFC 6381)."""
    found = data.find(START_CODE)
    while found >= 0:
        unit = data[found + len(START_CODE) : found + len(START_CODE) + 4]
        if len(unit) == 4 and unit[0] & TYPE_BITS == SEQUENCE_PARAMETERS:
            return f'avc1.{unit[1:].hex().upper()}'
        found = data.find(START_CODE, found + len(START_CODE))
    return PLAIN_CODEC


def _text(kind: str, **values: Any) -> str:
    return json.dumps({'type': kind, 'version': VERSION, **values}, separators=(',', ':'))
