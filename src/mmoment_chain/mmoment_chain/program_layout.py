"""What the camera registry keeps on the chain, read from the bytes of its accounts.

The layout is that of program/accounts.h: little-endian, without gaps. Each account begins with a tag
(the first 8 bytes of SHA-256 over `account:` and its name) and the version of the layout. Times are
seconds since 1970 by the chain's clock, unless a field says otherwise. Keys are 32 bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from mmoment_chain import rights as words
from mmoment_chain.errors import ChainError

KEY_BYTES = 32
TAG_BYTES = 8
LAYOUT = 1
RECORD_KINDS = 8
RECORDS_AT_MOST = 20
"""Log records in one transaction: more do not fit into its 1232 bytes."""
FACE_AT_MOST_BYTES = 8192
NO_HEAD = bytes(KEY_BYTES)
"""Head of a log without records."""
NAME_BYTES, MODEL_BYTES, ADDRESS_BYTES = 64, 32, 128

CAMERA = struct.Struct('<8s5B3x32s32s32s32sqqQIIIxxxxQQ32s8Qq3B5x64s32s128s')
SESSION = struct.Struct('<8s4B4x32s32s32sQqqqq')
SESSION_CAMERA_AT = struct.calcsize('<8s4B4x')
"""Where in it the camera's address begins; servers of the chain find accounts by such places."""
GRANT = struct.Struct('<8sBB6x32s32s32sIxxxxqq')
FACE = struct.Struct('<8s4BI32s32s32sq')
RECORD = struct.Struct('<BQ32s')
NUMBER = struct.Struct('<Q')


class LayoutError(ChainError):
    """These bytes are no account of that kind, or one of a layout that this program does not read."""


class Mode(IntEnum):
    """What the chain shows of visits; for good, once a camera is registered."""

    PRIVATE = 0  # counts and times: each visit has a subject of its own that names nobody
    PUBLIC = 1  # the subject of a visit is the wallet, which signs the check-in


class RecordKind(IntEnum):
    """Kinds of log records; the chain counts each."""

    SESSION = 0
    CONSENT = 1
    FACE = 2
    MEDIA = 3
    GRANT = 4
    STREAM = 5
    CAMERA = 6
    OTHER = 7


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that is registered."""

    id: bytes  # the device key it was registered with; its address comes of it
    owner: bytes
    device: bytes  # the key that signs for it now
    payer: bytes  # gets the rent back
    mode: Mode
    is_active: bool  # takes check-ins
    has_closed_list: bool  # only who has a grant may check in
    registered_s: int
    changed_s: int
    features: int  # bits, meaning given by the operator
    present: int  # open sessions
    sessions: int  # session accounts
    grants: int  # grant accounts
    visits: int  # ever
    log_count: int
    log_head: bytes
    log_counts: tuple[int, ...]  # by RecordKind
    log_s: int  # when the last record came
    name: str
    model: str
    address: str  # of its service, for people

    @classmethod
    def from_bytes(cls, data: bytes) -> Camera:
        """Read an account. Raises LayoutError."""
        (
            _, _, _, active, mode, closed_list, first_device, owner, device, payer,
            registered_s, changed_s, features, present, sessions, grants, visits, log_count,
            log_head, *log_counts, log_s, name_length, model_length, address_length,
            name, model, address,
        ) = _fields(CAMERA, 'Camera', data)  # fmt: skip
        if mode not in iter(Mode):
            raise LayoutError(f'this camera is in mode {mode}, which is not known here')
        return cls(
            id=first_device,
            owner=owner,
            device=device,
            payer=payer,
            mode=Mode(mode),
            is_active=bool(active),
            has_closed_list=bool(closed_list),
            registered_s=registered_s,
            changed_s=changed_s,
            features=features,
            present=present,
            sessions=sessions,
            grants=grants,
            visits=visits,
            log_count=log_count,
            log_head=log_head,
            log_counts=tuple(log_counts),
            log_s=log_s,
            name=_text(name, name_length),
            model=_text(model, model_length),
            address=_text(address, address_length),
        )


@dataclass(frozen=True, slots=True)
class ChainSession:
    """Visits of one subject to one camera: the last of them."""

    is_present: bool
    reason: int  # of the last check-out, by the operator's table
    camera: bytes
    subject: bytes
    payer: bytes
    visit: int  # number of the last, from 1
    checked_in_s: int  # by the device's clock
    checked_out_s: int  # by the device's clock; 0: not yet
    expires_s: int
    recorded_s: int

    @classmethod
    def from_bytes(cls, data: bytes) -> ChainSession:
        """Read an account. Raises LayoutError."""
        _, _, _, present, reason, *row = _fields(SESSION, 'Session', data)
        return cls(bool(present), reason, *row)


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do at a camera."""

    camera: bytes
    subject: bytes
    payer: bytes
    rights: frozenset[str]
    granted_s: int
    expires_s: int  # 0: never

    @classmethod
    def from_bytes(cls, data: bytes) -> Grant:
        """Read an account. Raises LayoutError."""
        _, _, _, camera, subject, payer, bits, *times = _fields(GRANT, 'Grant', data)
        return cls(camera, subject, payer, rights_of(bits), *times)

    def holds(self, now_s: float) -> bool:
        """Whether it is not over at that time."""
        return self.expires_s == 0 or self.expires_s > now_s


@dataclass(frozen=True, slots=True)
class ChainFace:
    """A face template of a wallet, sealed by its owner; the chain knows bytes only."""

    is_sealed: bool  # complete, and fixed
    number: int
    owner: bytes
    payer: bytes
    digest: bytes  # SHA-256 that the content must have
    sealed_s: int
    content: bytes  # zeros where nothing is written yet

    @classmethod
    def from_bytes(cls, data: bytes) -> ChainFace:
        """Read an account. Raises LayoutError, also for a sealed one whose content is not its own."""
        row = _fields(FACE, 'Face', data)
        _, _, _, sealed, number, size, owner, payer, digest, sealed_s = row
        content = data[FACE.size : FACE.size + size]
        if len(content) != size or (sealed and hashlib.sha256(content).digest() != digest):
            raise LayoutError('this face is damaged')
        return cls(bool(sealed), number, owner, payer, digest, sealed_s, content)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record of the log: a kind, eight bytes of the camera's own, for a time, and a digest."""

    kind: RecordKind
    at: int  # unsigned, 64 bits
    digest: bytes

    def to_bytes(self) -> bytes:
        """As the program takes it: 41 bytes. Raises ValueError for what it would not take."""
        if len(self.digest) != KEY_BYTES or not 0 <= self.at < 1 << 64:
            raise ValueError('a record is a kind, 64 bits and a digest of 32 bytes')
        return RECORD.pack(self.kind, self.at, self.digest)


def next_head(head: bytes, number: int, record: LogRecord) -> bytes:
    """Head of the log after record `number`: SHA-256 over the head before, the number, the record."""
    return hashlib.sha256(head + NUMBER.pack(number) + record.to_bytes()).digest()


def tag(name: str) -> bytes:
    """First 8 bytes of an account of this kind: Camera, Session, Grant or Face."""
    return hashlib.sha256(f'account:{name}'.encode()).digest()[:TAG_BYTES]


def rights_bits(rights: Iterable[str]) -> int:
    """Rights as a grant holds them. Refused 'unknown_right'."""
    return sum(1 << words.RIGHTS.index(right) for right in words.checked(rights))


def rights_of(bits: int) -> frozenset[str]:
    """Rights that a grant holds, in words; bits without a word say nothing."""
    return frozenset(word for place, word in enumerate(words.RIGHTS) if bits >> place & 1)


def _fields(layout: struct.Struct, name: str, data: bytes) -> tuple:
    if len(data) < layout.size or data[:TAG_BYTES] != tag(name):
        raise LayoutError(f'this is no account of kind {name}')
    if data[TAG_BYTES] != LAYOUT:
        raise LayoutError(f'this account has layout {data[TAG_BYTES]}: only {LAYOUT} is known here')
    return layout.unpack_from(data)


def _text(field: bytes, length: int) -> str:
    # Whoever registers a camera may write what they like.
    return field[:length].decode('utf-8', errors='replace')
