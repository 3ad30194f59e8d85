"""What a file of device keys looks like. Numbers are little-endian.

magic 'MMDK', layout version, kind (1 signing, 2 unsealing), number of keys, number of statements
for each key, newest first: private key (32 bytes), milliseconds since 1970 (64 bits)
for each statement, oldest first: old and new public key (32 bytes each), milliseconds since
    1970 (64 bits), signature of the old key (64 bytes)
SHA-256 of all before
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mmoment_chain.sealing import KEY_BYTES
from mmoment_chain.secret_bytes import SecretBytes

MAGIC = b'MMDK'
LAYOUT_VERSION = 1
HEADER = struct.Struct('<4sBBBB')
CREATED = struct.Struct('<Q')
STATEMENT = struct.Struct('<32s32sQ64s')
KEY_ENTRY_BYTES = KEY_BYTES + CREATED.size
DIGEST_BYTES = 32
# Counts are one byte. Replaced every month, keys take 20 years to fill it.
MOST_ENTRIES = 255

ROTATION_LABEL = b'mmoment/device/1/rotation\0'


class KeyKind(IntEnum):
    """What the keys of a file are for. The numbers are those of the layout."""

    SIGNING = 1
    UNSEALING = 2


class LayoutError(ValueError):
    """Bytes that are no file of keys; the text says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class RotationStatement:
    """A signing key names its successor."""

    old: bytes
    new: bytes
    created_ms: int
    signature: bytes

    def signed_text(self) -> bytes:
        """What the old key signs."""
        return ROTATION_LABEL + self.old + self.new + CREATED.pack(self.created_ms)

    def is_genuine(self) -> bool:
        """Whether the old key signed it. Says nothing about whether that one is to be trusted."""
        try:
            Ed25519PublicKey.from_public_bytes(self.old).verify(self.signature, self.signed_text())
        except (InvalidSignature, ValueError):
            return False
        return True


def follow(statements: Sequence[RotationStatement], trusted: bytes) -> bytes:
    """The public key in use, from one that is trusted and may have been replaced since.

    Raises ValueError if a statement on the way was not signed by the key before it.
    """
    known = trusted
    for statement in statements:
        if statement.old == known:
            if not statement.is_genuine():
                raise ValueError('a statement about a new key was not signed by the old one')
            known = statement.new
    return known


@dataclass(slots=True)
class KeyFile:
    """Content of a file of keys: private keys with their times, newest first, and statements."""

    kind: KeyKind
    keys: list[tuple[SecretBytes, int]]
    statements: list[RotationStatement]

    @classmethod
    def new(cls, kind: KeyKind, now_ms: int) -> KeyFile:
        """One key that was never used."""
        return cls(kind, [(SecretBytes.random(KEY_BYTES), now_ms)], [])

    def replace(self, now_ms: int) -> None:
        """Put a new key in front."""
        self.keys.insert(0, (SecretBytes.random(KEY_BYTES), now_ms))

    def remove(self, entry: tuple[SecretBytes, int]) -> None:
        """Take a key out, and wipe it."""
        self.keys.remove(entry)
        entry[0].close()

    def to_secret(self) -> SecretBytes:
        """File content. Raises LayoutError if there are too many entries."""
        if max(len(self.keys), len(self.statements)) > MOST_ENTRIES:
            raise LayoutError(f'it has no room for more than {MOST_ENTRIES} keys')
        written = SecretBytes(_length(len(self.keys), len(self.statements)))
        counts = len(self.keys), len(self.statements)
        HEADER.pack_into(written.view, 0, MAGIC, LAYOUT_VERSION, self.kind, *counts)
        position = HEADER.size
        for key, created_ms in self.keys:
            written.view[position : position + KEY_BYTES] = key.view
            CREATED.pack_into(written.view, position + KEY_BYTES, created_ms)
            position += KEY_ENTRY_BYTES
        for each in self.statements:
            parts = (each.old, each.new, each.created_ms, each.signature)
            STATEMENT.pack_into(written.view, position, *parts)
            position += STATEMENT.size
        written.view[position:] = hashlib.sha256(written.view[:position]).digest()
        return written

    @classmethod
    def from_secret(cls, kind: KeyKind, content: SecretBytes) -> KeyFile:
        """What `to_secret` wrote. Raises LayoutError for anything else."""
        view = content.view
        if len(view) < HEADER.size or view[: len(MAGIC)] != MAGIC:
            raise LayoutError('it is no file of device keys')
        _, version, found, keys, statements = HEADER.unpack_from(view)
        if version != LAYOUT_VERSION:
            raise LayoutError(
                f'its layout {version} is unknown: this program reads layout {LAYOUT_VERSION}'
            )
        if found != kind:
            raise LayoutError(f'it holds other keys than those for {kind.name.lower()}')
        if not keys or len(view) != _length(keys, statements):
            raise LayoutError('it does not have its length')
        digest = hashlib.sha256(view[:-DIGEST_BYTES]).digest()
        if not hmac.compare_digest(digest, view[-DIGEST_BYTES:]):
            raise LayoutError('it is damaged')
        return cls(kind, _read_keys(view, keys), _read_statements(view, keys, statements))

    def close(self) -> None:
        """Wipe the keys."""
        for key, _ in self.keys:
            key.close()

    def __enter__(self) -> KeyFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _length(keys: int, statements: int) -> int:
    return HEADER.size + keys * KEY_ENTRY_BYTES + statements * STATEMENT.size + DIGEST_BYTES


def _read_keys(view: memoryview, count: int) -> list[tuple[SecretBytes, int]]:
    found = []
    for position in range(HEADER.size, HEADER.size + count * KEY_ENTRY_BYTES, KEY_ENTRY_BYTES):
        key = SecretBytes(KEY_BYTES)
        key.view[:] = view[position : position + KEY_BYTES]
        found.append((key, CREATED.unpack_from(view, position + KEY_BYTES)[0]))
    return found


def _read_statements(view: memoryview, keys: int, count: int) -> list[RotationStatement]:
    start = HEADER.size + keys * KEY_ENTRY_BYTES
    positions = range(start, start + count * STATEMENT.size, STATEMENT.size)
    return [RotationStatement(*STATEMENT.unpack_from(view, position)) for position in positions]
