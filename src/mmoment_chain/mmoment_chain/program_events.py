"""What the camera registry says in the logs of a transaction.

An event is one `Program data:` line in base64: the first 8 bytes of SHA-256 over `event:` and its
name, then its fields, as Anchor writes them. Any program may log the same bytes, so only lines from
within this program's own calls count; the runtime says whose they are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from mmoment_chain.wallet import wallet_text

DISCRIMINATOR_BYTES = 8
DATA = 'Program data: '
# What programs write themselves stands behind `Program log: `, which has no address in its place.
BEGUN = re.compile(r'Program (\w{32,44}) invoke \[\d+\]$')
ENDED = re.compile(r'Program (\w{32,44}) (?:success$|failed)')


@dataclass(frozen=True, slots=True)
class CameraRegistered:
    """A camera's account was made."""

    camera: bytes
    owner: bytes
    device: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class CameraUpdated:
    """A camera was described anew, or switched."""

    camera: bytes
    is_active: bool
    has_closed_list: bool


@dataclass(frozen=True, slots=True)
class CameraClosed:
    """A camera was taken off the chain; this was the end of its log."""

    camera: bytes
    log_count: int
    log_head: bytes


@dataclass(frozen=True, slots=True)
class DeviceRotated:
    """Another key signs for a camera."""

    camera: bytes
    device: bytes


@dataclass(frozen=True, slots=True)
class AccessGranted:
    """Rights were granted, or changed."""

    camera: bytes
    subject: bytes
    rights: int
    expires_s: int  # 0: never


@dataclass(frozen=True, slots=True)
class AccessRevoked:
    """A grant was taken back."""

    camera: bytes
    subject: bytes


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A visit began."""

    camera: bytes
    subject: bytes
    visit: int
    checked_in_s: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """A visit is over."""

    camera: bytes
    subject: bytes
    visit: int
    checked_out_s: int
    reason: int


@dataclass(frozen=True, slots=True)
class LogAppended:
    """Records were added to the log of a camera."""

    camera: bytes
    first: int
    count: int
    log_head: bytes  # after them


@dataclass(frozen=True, slots=True)
class FaceSealed:
    """A face is complete."""

    face: bytes
    owner: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class FaceClosed:
    """A face was taken off the chain."""

    face: bytes
    owner: bytes


Event = (
    CameraRegistered | CameraUpdated | CameraClosed | DeviceRotated | AccessGranted | AccessRevoked
    | CheckedIn | CheckedOut | LogAppended | FaceSealed | FaceClosed
)  # fmt: skip
LAYOUTS: dict[type, struct.Struct] = {
    CameraRegistered: struct.Struct('<32s32s32sB'),
    CameraUpdated: struct.Struct('<32s??'),
    CameraClosed: struct.Struct('<32sQ32s'),
    DeviceRotated: struct.Struct('<32s32s'),
    AccessGranted: struct.Struct('<32s32sIq'),
    AccessRevoked: struct.Struct('<32s32s'),
    CheckedIn: struct.Struct('<32s32sQqq'),
    CheckedOut: struct.Struct('<32s32sQqB'),
    LogAppended: struct.Struct('<32sQQ32s'),
    FaceSealed: struct.Struct('<32s32s32s'),
    FaceClosed: struct.Struct('<32s32s'),
}


def discriminator(kind: type) -> bytes:
    """First 8 bytes of an event of that kind."""
    return hashlib.sha256(f'event:{kind.__name__}'.encode()).digest()[:DISCRIMINATOR_BYTES]


KINDS = {discriminator(kind): kind for kind in LAYOUTS}


def events(logs: Iterable[str], program: bytes) -> list[Event]:
    """Events in the logs of a transaction, in order. Nothing else in the logs matters."""
    found = (_event(line) for line in _data_lines(logs, wallet_text(program)))
    return [event for event in found if event is not None]


def _data_lines(logs: Iterable[str], program: str) -> Iterator[str]:
    """What the program logged itself, not what programs around it or below it did."""
    callers: list[str] = []
    for line in logs:
        if line.startswith(DATA):
            if callers[-1:] == [program]:
                yield line[len(DATA) :]
        elif begun := BEGUN.match(line):
            callers.append(begun[1])
        elif (ended := ENDED.match(line)) and callers[-1:] == [ended[1]]:
            callers.pop()


def _event(text: str) -> Event | None:
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    kind = KINDS.get(content[:DISCRIMINATOR_BYTES])
    body = content[DISCRIMINATOR_BYTES:]
    if kind is None or len(body) != LAYOUTS[kind].size:
        return None
    values = LAYOUTS[kind].unpack(body)
    return kind(**dict(zip((field.name for field in fields(kind)), values, strict=True)))
