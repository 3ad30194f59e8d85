"""AMF0, the format of commands in RTMP (Action Message Format, version of 2007)."""

from __future__ import annotations

import struct

AmfValue = float | bool | str | None | dict[str, 'AmfValue'] | list['AmfValue']

NUMBER, BOOLEAN, STRING, OBJECT, NULL, UNDEFINED = 0x00, 0x01, 0x02, 0x03, 0x05, 0x06
ECMA_ARRAY, OBJECT_END, STRICT_ARRAY, DATE, LONG_STRING = 0x08, 0x09, 0x0A, 0x0B, 0x0C
MAX_DEPTH = 16
MAX_SHORT = 0xFFFF


class AmfError(ValueError):
    """These bytes are no AMF0 of the kinds that servers send."""


class EcmaArray(dict[str, AmfValue]):
    """An object that is written with its length in front, as players expect of onMetaData."""


def encode(*values: AmfValue) -> bytes:
    """Values one after the other."""
    out = bytearray()
    for value in values:
        _write(out, value)
    return bytes(out)


def decode(data: bytes) -> list[AmfValue]:
    """All values in these bytes. Raises AmfError."""
    reader = _Reader(data)
    values = []
    while not reader.is_at_end:
        values.append(reader.value(0))
    return values


def _write(out: bytearray, value: AmfValue) -> None:
    if value is None:
        out.append(NULL)
    elif isinstance(value, bool):
        out += bytes((BOOLEAN, value))
    elif isinstance(value, int | float):
        out += struct.pack('>Bd', NUMBER, value)
    elif isinstance(value, str):
        text = value.encode()
        if len(text) > MAX_SHORT:
            out += struct.pack('>BI', LONG_STRING, len(text)) + text
        else:
            out += struct.pack('>BH', STRING, len(text)) + text
    elif isinstance(value, dict):
        if isinstance(value, EcmaArray):
            out += struct.pack('>BI', ECMA_ARRAY, len(value))
        else:
            out.append(OBJECT)
        for name, member in value.items():
            text = name.encode()
            out += struct.pack('>H', len(text)) + text
            _write(out, member)
        out += bytes((0, 0, OBJECT_END))
    else:
        out += struct.pack('>BI', STRICT_ARRAY, len(value))
        for member in value:
            _write(out, member)


class _Reader:
    """Goes through bytes once; what it makes is never much larger than they are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._data)

    def value(self, depth: int) -> AmfValue:
        if depth > MAX_DEPTH:
            raise AmfError('too deep')
        kind = self._take(1)[0]
        if kind == NUMBER:
            return float(struct.unpack('>d', self._take(8))[0])
        if kind == BOOLEAN:
            return self._take(1)[0] != 0
        if kind == STRING:
            return self._text(2)
        if kind == LONG_STRING:
            return self._text(4)
        if kind in (NULL, UNDEFINED):
            return None
        if kind == DATE:
            # Milliseconds since 1970, and a time zone that is always 0.
            return float(struct.unpack('>dxx', self._take(10))[0])
        if kind == OBJECT:
            return self._members(depth)
        if kind == ECMA_ARRAY:
            # Its length is a hint only: the end is marked.
            self._take(4)
            return EcmaArray(self._members(depth))
        if kind == STRICT_ARRAY:
            return [self.value(depth + 1) for _ in range(self._number(4))]
        raise AmfError(f'kind {kind} is not known')

    def _members(self, depth: int) -> dict[str, AmfValue]:
        members: dict[str, AmfValue] = {}
        while True:
            name = self._text(2)
            if not name and self._data[self._at : self._at + 1] == bytes((OBJECT_END,)):
                self._at += 1
                return members
            members[name] = self.value(depth + 1)

    def _text(self, length_bytes: int) -> str:
        return self._take(self._number(length_bytes)).decode('utf-8', 'replace')

    def _number(self, count: int) -> int:
        return int.from_bytes(self._take(count), 'big')

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise AmfError('it ends in the middle')
        self._at += count
        return taken
