"""What a sealed face template looks like: the written layouts of the vault.

All numbers are little-endian. An envelope:

    magic 'MMEV', layout version, custody (1 user, 2 camera), length of the template (16 bits),
    id of the public key that the data key is sealed to (8 bytes),
    sealed data key (80 bytes: see sealing.py),
    nonce (12 bytes), template encrypted with the data key, tag (16 bytes)

A wrapped key, with which a person lets one camera open their envelope for a while:

    magic 'MMWK', layout version, id of the camera's public key (8 bytes),
    milliseconds since 1970 from which on it opens nothing (64 bits),
    sealed data key (80 bytes)

Neither says whose face it is. Whoever opens must know the record, and it must be the right one.
"""

from __future__ import annotations

import re
import secrets
import struct
from dataclasses import dataclass, field
from enum import IntEnum

from mmoment_chain.errors import Refused
from mmoment_chain.sealing import KEY_ID_BYTES, NONCE_BYTES, SEALED_KEY_BYTES, TAG_BYTES

LAYOUT_VERSION = 1
ENVELOPE = struct.Struct(f'<4sBBH{KEY_ID_BYTES}s{SEALED_KEY_BYTES}s{NONCE_BYTES}s')
ENVELOPE_MAGIC = b'MMEV'
WRAPPED_KEY = struct.Struct(f'<4sB{KEY_ID_BYTES}sQ{SEALED_KEY_BYTES}s')
WRAPPED_KEY_MAGIC = b'MMWK'

# Far more than the template of any model has.
MOST_TEMPLATE_BYTES = 16 * 1024
# Until then every number of milliseconds is exact in JavaScript.
LAST_MS = 2**53 - 1

WALLET = re.compile('[1-9A-HJ-NP-Za-km-z]{32,44}')
MODEL_ID = re.compile('[!-~]{1,255}')
CAMERA_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9._\-]{0,63}')
RECORD_ID = re.compile('[0-9A-Za-z_-]{1,64}')


class Custody(IntEnum):
    """Whose key opens an envelope. The numbers are those of the layout."""

    USER = 1
    CAMERA = 2


@dataclass(frozen=True, slots=True)
class Record:
    """Which template it is: whose, of which model, and under which name it is kept.

    The text of ValueError says which of them is not written as it must be.
    """

    wallet: str  # base58
    model_id: str
    record_id: str

    def __post_init__(self) -> None:
        if not WALLET.fullmatch(self.wallet):
            raise ValueError('the wallet of a record is a base58 address')
        if not MODEL_ID.fullmatch(self.model_id):
            raise ValueError('the model id of a record is 1 to 255 printable ASCII characters')
        if not RECORD_ID.fullmatch(self.record_id):
            raise ValueError('a record id is 1 to 64 letters, digits, "_" or "-"')

    def to_bytes(self) -> bytes:
        """What sealed data is bound to: each text after its length."""
        return b''.join(prefixed(text) for text in (self.wallet, self.model_id, self.record_id))


def new_record_id() -> str:
    """A name that was never used."""
    return secrets.token_hex(16)


def prefixed(text: str) -> bytes:
    """ASCII text of at most 255 characters after its length: no two texts run into each other."""
    data = text.encode('ascii')
    return bytes([len(data)]) + data


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed template. Holds nothing that may not be seen."""

    custody: Custody
    recipient_id: bytes
    sealed_key: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    body: bytes = field(repr=False)  # encrypted template and tag

    def to_bytes(self) -> bytes:
        """Envelope in the layout above."""
        length = len(self.body) - TAG_BYTES
        parts = (self.custody, length, self.recipient_id, self.sealed_key, self.nonce)
        return ENVELOPE.pack(ENVELOPE_MAGIC, LAYOUT_VERSION, *parts) + self.body

    @classmethod
    def from_bytes(cls, data: bytes) -> Envelope:
        """Envelope that `to_bytes` wrote. Raises Refused 'bad_envelope' for anything else."""
        _check(data, ENVELOPE, ENVELOPE_MAGIC, 'a sealed template')
        _, _, custody, length, recipient_id, sealed_key, nonce = ENVELOPE.unpack_from(data)
        if custody not in tuple(Custody):
            raise Refused('bad_envelope', f'Custody {custody} of a sealed template is unknown')
        body = data[ENVELOPE.size :]
        if not 0 < length <= MOST_TEMPLATE_BYTES or len(body) != length + TAG_BYTES:
            raise Refused('bad_envelope', 'This sealed template does not have its length')
        return cls(Custody(custody), recipient_id, sealed_key, nonce, body)


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """The data key of an envelope, sealed to a camera until a moment. For one camera's eyes."""

    camera_key_id: bytes
    expires_ms: int
    sealed_key: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """Wrapped key in the layout above."""
        parts = (self.camera_key_id, self.expires_ms, self.sealed_key)
        return WRAPPED_KEY.pack(WRAPPED_KEY_MAGIC, LAYOUT_VERSION, *parts)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray) -> WrappedKey:
        """Wrapped key that `to_bytes` wrote. Raises Refused 'bad_envelope' for anything else."""
        _check(data, WRAPPED_KEY, WRAPPED_KEY_MAGIC, 'a wrapped key')
        if len(data) != WRAPPED_KEY.size:
            raise Refused('bad_envelope', f'A wrapped key has {WRAPPED_KEY.size} bytes')
        _, _, camera_key_id, expires_ms, sealed_key = WRAPPED_KEY.unpack(data)
        if expires_ms > LAST_MS:
            raise Refused('bad_envelope', 'This wrapped key ends at no possible moment')
        return cls(camera_key_id, expires_ms, sealed_key)


def _check(data: bytes | bytearray, layout: struct.Struct, magic: bytes, name: str) -> None:
    if len(data) < layout.size or data[: len(magic)] != magic:
        raise Refused('bad_envelope', f'These bytes are not {name}')
    version = data[len(magic)]
    if version != LAYOUT_VERSION:
        raise Refused(
            'bad_envelope',
            f'Layout {version} of {name} is unknown; this camera reads layout {LAYOUT_VERSION}',
        )
