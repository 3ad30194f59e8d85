"""Splits an endless multipart/x-mixed-replace answer (RFC 2046, section 5.1) into its parts."""

from __future__ import annotations

import time
from email.message import Message
from typing import Protocol

LARGEST_PART_BYTES = 32 * 1024 * 1024
LONGEST_HEAD_BYTES = 64 * 1024
CHUNK_BYTES = 256 * 1024


def boundary_of(content_type: str) -> bytes | None:
    """The boundary line's text (with its two dashes), or None where this is not multipart.

    Some cameras write the dashes into the parameter as well; both are understood.
    """
    header = Message()
    header['Content-Type'] = content_type
    if header.get_content_maintype() != 'multipart':
        return None
    boundary = header.get_param('boundary')
    if not isinstance(boundary, str) or not boundary:
        return None
    return b'--' + boundary.encode('latin-1', 'replace').removeprefix(b'--')


class ByteStream(Protocol):
    """What is read from: an http.client.HTTPResponse, or anything like it."""

    def read1(self, size: int = -1, /) -> bytes:
        """At least one byte and at most `size`; empty at the end. TimeoutError when silent."""
        ...


class EndOfStream(Exception):
    """The other side has hung up in an orderly way."""


class MultipartReader:
    """Reads part after part, with a length in its head or without."""

    def __init__(self, stream: ByteStream, boundary: bytes) -> None:
        """Read from `stream`; `boundary` as boundary_of() gives it."""
        self._stream = stream
        self._boundary = boundary
        self._buffer = bytearray()

    def next_part(self, deadline_s: float) -> tuple[bytes, int]:
        """The next part's body, and when its head came (CLOCK_MONOTONIC, ns).

        deadline_s: time.monotonic() at which a part that only trickles is given up.
        Raises TimeoutError then, EndOfStream at the end, OSError when the connection fails,
        ValueError when the bytes are no multipart stream.
        """
        start = self._find(self._boundary, 0, LARGEST_PART_BYTES, deadline_s)
        arrival_ns = time.monotonic_ns()
        del self._buffer[:start]
        line_end = self._find(b'\n', len(self._boundary), LONGEST_HEAD_BYTES, deadline_s) + 1
        length: int | None = None
        while True:
            start, line_end = (
                line_end,
                self._find(b'\n', line_end, LONGEST_HEAD_BYTES, deadline_s) + 1,
            )
            line = bytes(self._buffer[start:line_end]).strip()
            if not line:
                break
            name, _, value = line.partition(b':')
            if name.strip().lower() == b'content-length' and value.strip().isdigit():
                length = int(value)
        del self._buffer[:line_end]
        if length is None:
            length = self._find(b'\n' + self._boundary, 0, LARGEST_PART_BYTES, deadline_s)
        elif length > LARGEST_PART_BYTES:
            raise ValueError(f'a part of {length} bytes')
        while len(self._buffer) < length:
            self._fill(deadline_s)
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body, arrival_ns

    def _find(self, wanted: bytes, start: int, limit: int, deadline_s: float) -> int:
        """Where `wanted` begins in the buffer, at or after `start`; reads until it is there."""
        searched = start
        while True:
            place = self._buffer.find(wanted, searched)
            if place >= 0:
                return place
            searched = max(start, len(self._buffer) - len(wanted) + 1)
            if len(self._buffer) - start > limit:
                raise ValueError('no part of the stream has an end')
            self._fill(deadline_s)

    def _fill(self, deadline_s: float) -> None:
        """Add what the stream has."""
        if time.monotonic() > deadline_s:
            raise TimeoutError('a part took longer than the read time-out')
        piece = self._stream.read1(CHUNK_BYTES)
        if not piece:
            raise EndOfStream
        self._buffer += piece
