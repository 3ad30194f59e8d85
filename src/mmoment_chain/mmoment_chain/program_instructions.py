"""Instructions of the camera registry: one function for each.

`program` is the program's address, `camera` that of the camera's account; the other addresses are
found from them. Keys are 32 bytes, times seconds since 1970. Data is encoded as Anchor does: the
first 8 bytes of SHA-256 over `global:` and the name, then the arguments in Borsh. The accounts, in
this order, are those of program/mmoment_camera.json. ValueError for what the program would refuse
as no value at all.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from mmoment_chain.program_addresses import (
    camera_address,
    face_address,
    grant_address,
    session_address,
)
from mmoment_chain.program_layout import (
    ADDRESS_BYTES,
    FACE_AT_MOST_BYTES,
    KEY_BYTES,
    MODEL_BYTES,
    NAME_BYTES,
    RECORDS_AT_MOST,
    LogRecord,
    Mode,
)

DISCRIMINATOR_BYTES = 8
SYSTEM_PROGRAM = bytes(KEY_BYTES)
FACE_PART_BYTES = 800
"""Of a face, in one transaction with compute budget, priority fee and a payer of its own."""


@dataclass(frozen=True, slots=True)
class Description:
    """What people see of a camera."""

    name: str  # not empty; 64 bytes at most
    model: str = ''  # 32 bytes at most
    address: str = ''  # of its service; 128 bytes at most
    features: int = 0  # 64 bits
    has_closed_list: bool = False

    def to_bytes(self) -> bytes:
        """In Borsh. Raises ValueError for what is too long, or no name."""
        if not self.name:
            raise ValueError('a camera has a name')
        return b''.join(
            (
                _text('name', self.name, NAME_BYTES),
                _text('model', self.model, MODEL_BYTES),
                _text('address', self.address, ADDRESS_BYTES),
                _packed('<QB', self.features, self.has_closed_list),
            )
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """A check-in."""

    subject: bytes
    number: int  # from 1, one more for each visit while the session's account exists
    checked_in_s: int
    expires_s: int


def register_camera(
    program: bytes, *, device: bytes, owner: bytes, payer: bytes, mode: Mode, about: Description
) -> Instruction:
    """Make the camera's account. Device, owner and payer sign."""
    camera = _writable(camera_address(program, device))
    accounts = [camera, _signer(device), _signer(owner), _payer(payer), _read(SYSTEM_PROGRAM)]
    return _made(program, 'register_camera', accounts, bytes([mode]), about.to_bytes())


def update_camera(program: bytes, camera: bytes, owner: bytes, about: Description) -> Instruction:
    """Say something else of a camera."""
    return _made(program, 'update_camera', [_writable(camera), _signer(owner)], about.to_bytes())


def set_active(program: bytes, camera: bytes, owner: bytes, is_active: bool) -> Instruction:
    """Take check-ins, or no more of them."""
    return _made(program, 'set_active', [_writable(camera), _signer(owner)], bytes([is_active]))


def rotate_device(program: bytes, camera: bytes, owner: bytes, device: bytes) -> Instruction:
    """Let another key sign for the camera; that key signs this, the one before need not."""
    return _made(program, 'rotate_device', [_writable(camera), _signer(owner), _signer(device)])


def close_camera(program: bytes, camera: bytes, owner: bytes, paid_by: bytes) -> Instruction:
    """Take a camera off the chain that has no sessions and grants any more."""
    accounts = [_writable(camera), _signer(owner), _writable(paid_by)]
    return _made(program, 'close_camera', accounts)


def grant(
    program: bytes, camera: bytes, owner: bytes, payer: bytes,
    *, subject: bytes, rights: int, expires_s: int = 0,
) -> Instruction:  # fmt: skip
    """Grant rights (bits), or change what was granted; 0 for no end."""
    made = _writable(grant_address(program, camera, _key(subject)))
    accounts = [_writable(camera), made, _signer(owner), _payer(payer), _read(SYSTEM_PROGRAM)]
    return _made(program, 'grant', accounts, subject, _packed('<Iq', rights, expires_s))


def revoke(
    program: bytes, camera: bytes, owner: bytes, *, subject: bytes, paid_by: bytes
) -> Instruction:
    """Take back what was granted; the rent goes to who paid it."""
    closed = _writable(grant_address(program, camera, subject))
    accounts = [_writable(camera), closed, _signer(owner), _writable(paid_by)]
    return _made(program, 'revoke', accounts)


def check_in(
    program: bytes, camera: bytes, device: bytes, payer: bytes, visit: Visit,
    *, person: bytes | None = None, granted_to: bytes | None = None,
) -> Instruction:  # fmt: skip
    """Begin a visit. person: signs, in public mode. granted_to: subject of the grant, if it needs one."""
    granted = grant_address(program, camera, granted_to) if granted_to is not None else program
    accounts = [
        _writable(camera),
        _writable(session_address(program, camera, _key(visit.subject))),
        _signer(device),
        _payer(payer),
        _read(SYSTEM_PROGRAM),
        _read(program) if person is None else _signer(person),
        _read(granted),
    ]
    times = _packed('<Qqq', visit.number, visit.checked_in_s, visit.expires_s)
    return _made(program, 'check_in', accounts, visit.subject, times)


def check_out(
    program: bytes, camera: bytes, signer: bytes,
    *, subject: bytes, number: int, checked_out_s: int, reason: int = 0,
) -> Instruction:  # fmt: skip
    """End a visit. signer: the device or, in public mode, the person."""
    session = _writable(session_address(program, camera, subject))
    accounts = [_writable(camera), session, _signer(signer)]
    return _made(program, 'check_out', accounts, _packed('<QqB', number, checked_out_s, reason))


def close_session(
    program: bytes, camera: bytes, signer: bytes, *, subject: bytes, paid_by: bytes
) -> Instruction:
    """Close the account of visits that are over. signer: device, owner or, in public mode, person."""
    session = _writable(session_address(program, camera, subject))
    accounts = [_writable(camera), session, _signer(signer), _writable(paid_by)]
    return _made(program, 'close_session', accounts)


def append_log(
    program: bytes, camera: bytes, device: bytes, first: int, records: Sequence[LogRecord]
) -> Instruction:
    """Add records to the log; the first of them has number `first`, from 1. At most 20."""
    if not 0 < len(records) <= RECORDS_AT_MOST:
        raise ValueError(f'1 to {RECORDS_AT_MOST} records are added at a time')
    content = b''.join(record.to_bytes() for record in records)
    accounts = [_writable(camera), _signer(device)]
    return _made(program, 'append_log', accounts, _packed('<QI', first, len(records)), content)


def open_face(
    program: bytes, owner: bytes, payer: bytes, number: int, content: bytes
) -> Instruction:
    """Make room for a face template, of which only size and digest are told yet."""
    if not 0 < len(content) <= FACE_AT_MOST_BYTES:
        raise ValueError(f'a face has 1 to {FACE_AT_MOST_BYTES} bytes')
    made = _writable(face_address(program, owner, number))
    accounts = [made, _signer(owner), _payer(payer), _read(SYSTEM_PROGRAM)]
    digest = hashlib.sha256(content).digest()
    return _made(program, 'open_face', accounts, _packed('<BI', number, len(content)), digest)


def write_face(program: bytes, owner: bytes, number: int, begin: int, part: bytes) -> Instruction:
    """Write a part of a face that is not sealed."""
    accounts = [_writable(face_address(program, owner, number)), _signer(owner)]
    return _made(program, 'write_face', accounts, _packed('<II', begin, len(part)), part)


def seal_face(program: bytes, owner: bytes, number: int) -> Instruction:
    """Fix a face of which all is written."""
    accounts = [_writable(face_address(program, owner, number)), _signer(owner)]
    return _made(program, 'seal_face', accounts)


def close_face(program: bytes, owner: bytes, number: int, paid_by: bytes) -> Instruction:
    """Take a face off the chain."""
    face = _writable(face_address(program, owner, number))
    return _made(program, 'close_face', [face, _signer(owner), _writable(paid_by)])


def face_parts(program: bytes, owner: bytes, number: int, content: bytes) -> list[Instruction]:
    """All of a face, each part for a transaction of its own; their order does not matter."""
    return [
        write_face(program, owner, number, begin, content[begin : begin + FACE_PART_BYTES])
        for begin in range(0, len(content), FACE_PART_BYTES)
    ]


def discriminator(name: str) -> bytes:
    """First 8 bytes of the data of the instruction of that name."""
    return hashlib.sha256(f'global:{name}'.encode()).digest()[:DISCRIMINATOR_BYTES]


def _made(program: bytes, name: str, accounts: list[AccountMeta], *parts: bytes) -> Instruction:
    data = b''.join((discriminator(name), *parts))
    return Instruction(Pubkey.from_bytes(program), data, accounts)


def _read(key: bytes) -> AccountMeta:
    return AccountMeta(Pubkey.from_bytes(key), is_signer=False, is_writable=False)


def _writable(key: bytes) -> AccountMeta:
    return AccountMeta(Pubkey.from_bytes(key), is_signer=False, is_writable=True)


def _signer(key: bytes) -> AccountMeta:
    return AccountMeta(Pubkey.from_bytes(key), is_signer=True, is_writable=False)


def _payer(key: bytes) -> AccountMeta:
    return AccountMeta(Pubkey.from_bytes(key), is_signer=True, is_writable=True)


def _key(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError(f'a subject has {KEY_BYTES} bytes, not {len(key)}')
    return key


def _packed(form: str, *values: int) -> bytes:
    try:
        return struct.pack(form, *values)
    except struct.error as error:
        raise ValueError(f'a number is out of range: {error}') from None


def _text(what: str, text: str, at_most_bytes: int) -> bytes:
    content = text.encode()
    if len(content) > at_most_bytes:
        raise ValueError(f'the {what} of a camera has at most {at_most_bytes} bytes in UTF-8')
    return struct.pack('<I', len(content)) + content
