"""Mints and token accounts, read from the bytes of their accounts.

Both token programs keep them in the same way; only Token-2022 adds extensions. A mint has 82 bytes,
a token account 165. With extensions either is filled up to 165, one byte says which of the two it
is, and then each extension follows: type and length (16 bits each, little-endian) and its content.
Whoever pays for an account may write nearly anything into it: bytes that make no sense raise
LayoutError, and never anything else.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from mmoment_chain.program_layout import LayoutError
from mmoment_chain.token_2022 import NOBODY

MINT = struct.Struct('<I32sQBBI32s')
TOKEN_ACCOUNT = struct.Struct('<32s32sQI32sBIQQI32s')
EXTENSION = struct.Struct('<HH')
# In front of the extensions: room for either kind, and which it is.
EXTENDED_BYTES = TOKEN_ACCOUNT.size + 1
# An account of this length is taken for one of several signatures, so none of ours may have it.
SEVERAL_SIGNATURES_BYTES = 355

GROUP = struct.Struct('<32s32sQQ')
MEMBER = struct.Struct('<32s32sQ')
METADATA = struct.Struct('<32s32s')
POINTER = struct.Struct('<32s32s')
LENGTH = struct.Struct('<I')


class Kind(IntEnum):
    """Which account has extensions."""

    MINT = 1
    TOKEN_ACCOUNT = 2


class Extension(IntEnum):
    """Types of extensions; those that are read or made here."""

    MINT_CLOSE_AUTHORITY = 3
    IMMUTABLE_OWNER = 7
    NON_TRANSFERABLE = 9
    PERMANENT_DELEGATE = 12
    NON_TRANSFERABLE_ACCOUNT = 13
    METADATA_POINTER = 18
    METADATA = 19
    GROUP_POINTER = 20
    GROUP = 21
    MEMBER_POINTER = 22
    MEMBER = 23


class State(IntEnum):
    """State of a token account."""

    INITIALIZED = 1
    FROZEN = 2


@dataclass(frozen=True, slots=True)
class Group:
    """Group that a mint stands for."""

    authority: bytes | None  # admits members
    mint: bytes
    members: int  # ever admitted
    most_members: int


@dataclass(frozen=True, slots=True)
class Member:
    """Membership of a mint in a group."""

    mint: bytes
    group: bytes
    number: int  # from 1


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a mint says of itself."""

    authority: bytes | None  # may change it
    mint: bytes
    name: str
    symbol: str
    uri: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mint:
    """A kind of token. Extensions that are there but damaged raise LayoutError where they are read."""

    authority: bytes | None  # may mint tokens
    supply: int
    decimals: int
    freeze_authority: bytes | None
    extensions: Mapping[int, bytes]

    @classmethod
    def from_bytes(cls, data: bytes) -> Mint:
        """Read an account of one of the token programs. Raises LayoutError."""
        extensions = _extensions(data, MINT, Kind.MINT)
        can_mint, authority, supply, decimals, made, can_freeze, freezes = MINT.unpack_from(data)
        if made != 1:
            raise LayoutError('this mint was never made')
        return cls(
            _optional(can_mint, authority),
            supply,
            decimals,
            _optional(can_freeze, freezes),
            extensions,
        )

    @property
    def is_transferable(self) -> bool:
        """Whether tokens may go from hand to hand."""
        return Extension.NON_TRANSFERABLE not in self.extensions

    @property
    def close_authority(self) -> bytes | None:
        """Who may close it once no token is left."""
        return self._lone_key(Extension.MINT_CLOSE_AUTHORITY)

    @property
    def permanent_delegate(self) -> bytes | None:
        """Who may burn its tokens wherever they are."""
        return self._lone_key(Extension.PERMANENT_DELEGATE)

    def points_to(self, pointer: Extension) -> bytes | None:
        """Where its metadata, group or membership are, by its own word."""
        content = self.extensions.get(pointer)
        return None if content is None else _some(_unpacked(POINTER, content)[1])

    def group(self) -> Group | None:
        """The group in this mint."""
        content = self.extensions.get(Extension.GROUP)
        if content is None:
            return None
        authority, *row = _unpacked(GROUP, content)
        return Group(_some(authority), *row)

    def member(self) -> Member | None:
        """The membership in this mint."""
        content = self.extensions.get(Extension.MEMBER)
        return None if content is None else Member(*_unpacked(MEMBER, content))

    def metadata(self) -> Metadata | None:
        """The metadata in this mint."""
        content = self.extensions.get(Extension.METADATA)
        return None if content is None else _metadata(content)

    def _lone_key(self, extension: Extension) -> bytes | None:
        content = self.extensions.get(extension)
        if content is None:
            return None
        if len(content) != len(NOBODY):
            raise LayoutError('an extension of this mint is damaged')
        return _some(content)


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """Tokens of one mint in the hand of one owner."""

    mint: bytes
    owner: bytes
    amount: int
    is_frozen: bool
    extensions: Mapping[int, bytes]

    @classmethod
    def from_bytes(cls, data: bytes) -> TokenAccount:
        """Read an account of one of the token programs. Raises LayoutError."""
        extensions = _extensions(data, TOKEN_ACCOUNT, Kind.TOKEN_ACCOUNT)
        mint, owner, amount, _, _, state, *_ = TOKEN_ACCOUNT.unpack_from(data)
        if state not in iter(State):
            raise LayoutError('this token account was never made')
        return cls(mint, owner, amount, state == State.FROZEN, extensions)


def mint_bytes(*extensions: int) -> int:
    """Length of a mint with extensions of these lengths."""
    length = EXTENDED_BYTES + sum(EXTENSION.size + each for each in extensions)
    return length + (EXTENSION.size // 2 if length == SEVERAL_SIGNATURES_BYTES else 0)


def metadata_bytes(name: str, symbol: str, uri: str, fields: Mapping[str, str]) -> int:
    """Length of the extension with these metadata."""
    pairs = [text for pair in fields.items() for text in pair]
    texts = [name, symbol, uri, *pairs]
    return METADATA.size + LENGTH.size + sum(LENGTH.size + len(text.encode()) for text in texts)


def _extensions(data: bytes, layout: struct.Struct, kind: Kind) -> dict[int, bytes]:
    if len(data) == layout.size:
        return {}
    if len(data) < EXTENDED_BYTES or len(data) == SEVERAL_SIGNATURES_BYTES:
        raise LayoutError(f'{len(data)} bytes are no {kind.name.lower()}')
    if data[EXTENDED_BYTES - 1] != kind or any(data[layout.size : EXTENDED_BYTES - 1]):
        raise LayoutError(f'this is no {kind.name.lower()}')
    found: dict[int, bytes] = {}
    begin = EXTENDED_BYTES
    while any(data[begin : begin + 2]):
        content = begin + EXTENSION.size
        if content > len(data):
            raise LayoutError('the extensions of this account are cut off')
        number, length = EXTENSION.unpack_from(data, begin)
        begin = content + length
        if begin > len(data):
            raise LayoutError('the extensions of this account are cut off')
        # The program itself goes by the first.
        found.setdefault(number, data[content:begin])
    return found


def _metadata(content: bytes) -> Metadata:
    if len(content) < METADATA.size:
        raise LayoutError('the metadata of this mint are damaged')
    authority, mint = METADATA.unpack_from(content)
    texts = _Texts(content[METADATA.size :])
    name, symbol, uri = texts.take(), texts.take(), texts.take()
    # Counted, not trusted: a number that is too large runs out of text.
    fields = {texts.take(): texts.take() for _ in range(texts.number())}
    if texts.rest:
        raise LayoutError('the metadata of this mint are damaged')
    return Metadata(_some(authority), mint, name, symbol, uri, fields)


class _Texts:
    """Texts one after the other, each after its length in bytes."""

    def __init__(self, content: bytes) -> None:
        self.rest = content

    def number(self) -> int:
        if len(self.rest) < LENGTH.size:
            raise LayoutError('the metadata of this mint are damaged')
        number = int(LENGTH.unpack_from(self.rest)[0])
        self.rest = self.rest[LENGTH.size :]
        return number

    def take(self) -> str:
        length = self.number()
        if length > len(self.rest):
            raise LayoutError('the metadata of this mint are damaged')
        taken, self.rest = self.rest[:length], self.rest[length:]
        try:
            return taken.decode()
        except UnicodeDecodeError:
            raise LayoutError('the metadata of this mint are no text') from None


def _unpacked(layout: struct.Struct, content: bytes) -> tuple:
    if len(content) != layout.size:
        raise LayoutError('an extension of this mint is damaged')
    return layout.unpack(content)


def _optional(tag: int, key: bytes) -> bytes | None:
    if tag not in (0, 1):
        raise LayoutError('this account is damaged')
    return key if tag else None


def _some(key: bytes) -> bytes | None:
    return None if key == NOBODY else key
