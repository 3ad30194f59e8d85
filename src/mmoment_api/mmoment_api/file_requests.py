"""Which part of a file is asked for, and whether the caller has it already (RFC 9110, 13 and 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r'\s*bytes\s*=\s*(\d{0,30})\s*-\s*(\d{0,30})\s*', re.ASCII | re.IGNORECASE)


class NotSatisfiable(Exception):
    """The file has none of the bytes that were asked for."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of a file, both ends included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


def asked_range(header: str | None, size: int) -> ByteRange | None:
    """The bytes that a `Range` header asks for, of `size`; None: the whole file.

    That is also the answer to several ranges at once and to what is not understood, as the
    standard allows. Raises `NotSatisfiable`.
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None or match[1] == match[2] == '':
        return None
    if match[1] == '':
        length = min(int(match[2]), size)
        if length == 0:
            raise NotSatisfiable
        return ByteRange(size - length, size - 1)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise NotSatisfiable
    return ByteRange(first, last)


def has_newest(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller already has what `tag` (with its quotes) names; never without a tag."""
    if not if_none_match or not tag:
        return False
    known = [item.strip().removeprefix('W/') for item in if_none_match.split(',')]
    return tag in known or known == ['*']


def may_continue(if_range: str | None, tag: str) -> bool:
    """Whether a part fits to what the caller has; a date is no proof of that."""
    return if_range is None or (tag != '' and if_range.strip() == tag)
