"""Access units out of the pipe of another program, each at once and as a whole.

A plain H.264 stream says only with the next picture where one ends. FFmpeg's FLV and GStreamer's
multipart say each length first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mmoment_stream.h264 import ParameterSetKeeper, ParameterSets, byte_stream

LARGEST_UNIT_BYTES = 32 * 1024 * 1024
LONGEST_HEAD_BYTES = 64 * 1024


class BadStream(ValueError):
    """The bytes are not in the form that was agreed on."""


class Framing(Protocol):
    """Takes pieces of a stream as they come."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The access units, Annex B, that are whole now. Raises `BadStream`."""


class MultipartFraming:
    """Parts with a Content-Length in their heads (RFC 2046), each an access unit in Annex B."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """See `Framing`."""
        self._buffer += piece
        units = []
        while (head_end := self._buffer.find(b'\r\n\r\n')) >= 0:
            begin = head_end + 4
            end = begin + _content_length(bytes(self._buffer[:head_end]))
            if len(self._buffer) < end:
                break
            units.append(bytes(self._buffer[begin:end]))
            del self._buffer[:end]
        if head_end < 0 and len(self._buffer) > LONGEST_HEAD_BYTES:
            raise BadStream('a part without a head')
        return units


def _content_length(head: bytes) -> int:
    for line in head.split(b'\r\n'):
        name, _, value = line.partition(b':')
        if name.strip().lower() == b'content-length' and value.strip().isdigit():
            return _checked(int(value))
    raise BadStream('a part without a length')


class FlvFraming:
    """Video tags of FLV (Adobe's specification 10.1, annex E): access units with lengths inside."""

    HEADER_BYTES = 9 + 4
    TAG_HEADER_BYTES = 11
    BACK_POINTER_BYTES = 4
    VIDEO_TAG = 9
    AVC = 7
    SEQUENCE_HEADER, PICTURE = 0, 1
    # Before the picture: frame type and codec, packet type, time offset.
    VIDEO_HEADER_BYTES = 5

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._has_header = False
        self._keeper = ParameterSetKeeper()

    def feed(self, piece: bytes) -> list[bytes]:
        """See `Framing`."""
        self._buffer += piece
        return [unit for tag in self._tags() if (unit := self._access_unit(tag))]

    def _tags(self) -> Iterator[bytes]:
        """The bodies of the video tags that are there whole."""
        if not self._has_header and len(self._buffer) >= self.HEADER_BYTES:
            if self._buffer[:3] != b'FLV':
                raise BadStream('no FLV')
            del self._buffer[: self.HEADER_BYTES]
            self._has_header = True
        while self._has_header and len(self._buffer) >= self.TAG_HEADER_BYTES:
            kind = self._buffer[0]
            length = _checked(int.from_bytes(self._buffer[1:4], 'big'))
            body_end = self.TAG_HEADER_BYTES + length
            if len(self._buffer) < body_end + self.BACK_POINTER_BYTES:
                return
            body = bytes(self._buffer[self.TAG_HEADER_BYTES : body_end])
            del self._buffer[: body_end + self.BACK_POINTER_BYTES]
            if kind == self.VIDEO_TAG:
                yield body

    def _access_unit(self, body: bytes) -> bytes | None:
        if len(body) < self.VIDEO_HEADER_BYTES or body[0] & 0x0F != self.AVC:
            raise BadStream('a video tag without H.264')
        content = body[self.VIDEO_HEADER_BYTES :]
        if body[1] == self.SEQUENCE_HEADER:
            self._keeper.learn(_sets_of_record(content).annex_b())
        if body[1] != self.PICTURE:
            return None
        return self._keeper.complete(byte_stream(_units_with_lengths(content)))


def _sets_of_record(record: bytes) -> ParameterSets:
    """The parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
    length = int.from_bytes(record[6:8], 'big')
    sequence, rest = record[8 : 8 + length], record[8 + length :]
    picture = rest[3 : 3 + int.from_bytes(rest[1:3], 'big')]
    if not sequence or not picture:
        raise BadStream('a sequence header without parameter sets')
    return ParameterSets(sequence, picture)


def _units_with_lengths(data: bytes) -> Iterator[bytes]:
    """NAL units, each behind its length in four bytes, as FFmpeg always writes them."""
    place = 0
    while place < len(data):
        begin = place + 4
        place = begin + int.from_bytes(data[place:begin], 'big')
        if place > len(data) or begin == place:
            raise BadStream('a picture that ends too early')
        yield data[begin:place]


def _checked(length: int) -> int:
    if length > LARGEST_UNIT_BYTES:
        raise BadStream(f'a picture of {length} bytes')
    return length
