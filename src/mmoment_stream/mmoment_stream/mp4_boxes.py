"""Where the pieces of an MP4 file begin and end (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

HEADER_BYTES = 8
LONG_HEADER_BYTES = 16
# In place of a size: it follows the kind, in 64 bits.
IS_LONG = 1


@dataclass(frozen=True, slots=True)
class Box:
    """One box at the top of a file; offsets in bytes."""

    kind: bytes
    start: int
    end: int  # may lie beyond what is there


def boxes(file: BinaryIO) -> Iterator[Box]:
    """The boxes of a file, in order; what is no box ends them."""
    start = 0
    while True:
        file.seek(start)
        header = file.read(LONG_HEADER_BYTES)
        size, least = int.from_bytes(header[:4], 'big'), HEADER_BYTES
        if size == IS_LONG:
            size, least = int.from_bytes(header[8:], 'big'), LONG_HEADER_BYTES
        if len(header) < least or size < least:
            return
        yield Box(header[4:8], start, start + size)
        start += size


def head_bytes(file: BinaryIO) -> int:
    """Bytes before the first fragment of a file that has one."""
    return next(box.start for box in boxes(file) if box.kind == b'moof')


def whole_bytes(file: BinaryIO) -> int:
    """Bytes up to the end of the last fragment that is there whole; 0 if there is none."""
    there = file.seek(0, os.SEEK_END)
    whole = 0
    has_begun = False
    for box in boxes(file):
        if box.end > there:
            break
        if box.kind == b'mdat' and has_begun:
            whole = box.end
        has_begun = box.kind == b'moof'
    return whole


def is_indexed_first(file: BinaryIO) -> bool:
    """Whether one index comes before all of the video, instead of one in each fragment."""
    kinds = [box.kind for box in boxes(file)]
    return b'moof' not in kinds and kinds.index(b'moov') < kinds.index(b'mdat')
