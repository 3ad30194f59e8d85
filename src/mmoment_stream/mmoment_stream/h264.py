"""The outermost layer of H.264: NAL units in a byte stream (ITU-T H.264, 7.3.1 and annex B)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

START_CODE = b'\0\0\0\1'
SHORT_START_CODE = b'\0\0\1'

SLICE, KEYFRAME_SLICE = 1, 5
SEQUENCE_PARAMETERS, PICTURE_PARAMETERS = 7, 8
DELIMITER = 9
TYPE_BITS = 0x1F


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """What a decoder must know before its first picture; NAL units without start codes."""

    sequence: bytes
    picture: bytes

    def annex_b(self) -> bytes:
        """Both, each behind a start code."""
        return byte_stream((self.sequence, self.picture))


def nal_units(data: bytes) -> Iterator[bytes]:
    """The NAL units of a byte stream, without start codes, in order."""
    found = data.find(SHORT_START_CODE)
    while found >= 0:
        begin = found + len(SHORT_START_CODE)
        found = data.find(SHORT_START_CODE, begin)
        # A unit never ends with a zero: zeros there belong to the next start code.
        unit = data[begin : found if found >= 0 else len(data)].rstrip(b'\0')
        if unit:
            yield unit


def byte_stream(units: Iterable[bytes]) -> bytes:
    """NAL units as a byte stream."""
    return b''.join(START_CODE + unit for unit in units)


def nal_type(unit: bytes) -> int:
    """The kind of a NAL unit."""
    return unit[0] & TYPE_BITS


def is_keyframe(data: bytes) -> bool:
    """Whether decoding can begin at this access unit, given the parameter sets."""
    kinds = (nal_type(unit) for unit in nal_units(data))
    return next((kind for kind in kinds if kind in (SLICE, KEYFRAME_SLICE)), None) == KEYFRAME_SLICE


def parameter_sets(data: bytes) -> ParameterSets | None:
    """The parameter sets in a piece of a byte stream; None unless both kinds are there."""
    found: dict[int, bytes] = {}
    for unit in nal_units(data):
        kind = nal_type(unit)
        if kind in (SLICE, KEYFRAME_SLICE):
            break
        found[kind] = unit
    if SEQUENCE_PARAMETERS not in found or PICTURE_PARAMETERS not in found:
        return None
    return ParameterSets(found[SEQUENCE_PARAMETERS], found[PICTURE_PARAMETERS])


class ParameterSetKeeper:
    """Gives every keyframe its parameter sets: some encoders say them once, at the beginning."""

    def __init__(self) -> None:
        self._sets: ParameterSets | None = None

    def learn(self, data: bytes) -> None:
        """Remember the parameter sets in a piece of a byte stream, if there are any."""
        self._sets = parameter_sets(data) or self._sets

    def complete(self, data: bytes) -> bytes:
        """The access unit; a keyframe without parameter sets gets the last known ones."""
        if not is_keyframe(data):
            return data
        own = parameter_sets(data)
        if own is not None:
            self._sets = own
            return data
        if self._sets is None:
            return data
        units = list(nal_units(data))
        # A delimiter must stay the first unit of its picture.
        place = 1 if nal_type(units[0]) == DELIMITER else 0
        units[place:place] = (self._sets.sequence, self._sets.picture)
        return byte_stream(units)
