"""The chunks that RTMP cuts its messages into (Adobe RTMP specification 1.0, section 5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mmoment_stream.push_target import PushError

DEFAULT_CHUNK_BYTES = 128
# Kinds of messages.
SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW, BANDWIDTH = 1, 2, 3, 4, 5, 6
AUDIO, VIDEO, DATA, COMMAND = 8, 9, 18, 20
# Kinds of chunk headers, by what they repeat of the chunk before: nothing, the stream, all but the
# time, all.
FULL, SAME_STREAM, SAME_MESSAGE, CONTINUED = 0, 1, 2, 3
HEADER_BYTES = {FULL: 11, SAME_STREAM: 7, SAME_MESSAGE: 3, CONTINUED: 0}
TIME_IS_ELSEWHERE = 0xFFFFFF
TIME_MODULUS = 1 << 32
# A server has little to say to somebody who publishes; who says more than this is no such server.
MAX_MESSAGE_BYTES = 256 * 1024
MAX_CHUNK_STREAMS = 64
MAX_CHUNK_BYTES = 0xFFFFFF
SHORTEST_HEADER = 1


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message. time_ms: as sent, modulo 2**32."""

    kind: int
    stream_id: int
    time_ms: int
    body: bytes = field(repr=False)


class ChunkWriter:
    """Cuts messages into chunks. Each begins with a full header, so that nothing must be remembered."""

    def __init__(self, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> None:
        self.chunk_bytes = chunk_bytes

    def parts(self, message: Message, chunk_stream: int) -> list[bytes | memoryview]:
        """The bytes to send, in pieces. chunk_stream: 2 to 63, one for each kind of message."""
        if not 2 <= chunk_stream <= 63:
            raise ValueError('chunk_stream is not between 2 and 63')
        time_ms = message.time_ms % TIME_MODULUS
        is_long = time_ms >= TIME_IS_ELSEWHERE
        extended = time_ms.to_bytes(4, 'big') if is_long else b''
        body = memoryview(message.body)
        header = b''.join(
            (
                bytes((FULL << 6 | chunk_stream,)),
                (TIME_IS_ELSEWHERE if is_long else time_ms).to_bytes(3, 'big'),
                len(body).to_bytes(3, 'big'),
                bytes((message.kind,)),
                message.stream_id.to_bytes(4, 'little'),
                extended,
            )
        )
        parts: list[bytes | memoryview] = [header, body[: self.chunk_bytes]]
        # The time is repeated in every chunk: 5.3.1.3.
        next_header = bytes((CONTINUED << 6 | chunk_stream,)) + extended
        for begin in range(self.chunk_bytes, len(body), self.chunk_bytes):
            parts += (next_header, body[begin : begin + self.chunk_bytes])
        return parts


class _ChunkStream:
    """What the next header of a chunk stream may repeat, and what came of its message."""

    __slots__ = ('body', 'is_extended', 'kind', 'length', 'step', 'stream_id', 'time_ms')

    def __init__(self) -> None:
        self.kind = self.length = self.stream_id = self.time_ms = self.step = 0
        self.is_extended = False
        self.body = bytearray()


class ChunkReader:
    """Puts messages together again; obeys the other side's chunk size. Its memory is bounded."""

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max_message_bytes = max_message_bytes
        self._chunk_bytes = DEFAULT_CHUNK_BYTES
        self._streams: dict[int, _ChunkStream] = {}
        self._waiting = bytearray()
        self._unfinished_bytes = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """Messages that are complete with these bytes. Raises PushError with the code protocol."""
        self._waiting += data
        at = 0
        try:
            while True:
                used, message = self._chunk(at)
                if not used:
                    return
                at += used
                if message is not None and not self._obey(message):
                    yield message
        finally:
            del self._waiting[:at]

    def _chunk(self, at: int) -> tuple[int, Message | None]:
        """One chunk: how many bytes it has (0: not all are there), and the message that it completes."""
        data = self._waiting
        begin = at
        if len(data) < at + SHORTEST_HEADER:
            return 0, None
        kind, number = data[at] >> 6, data[at] & 0x3F
        at += 1
        if number < 2:
            more = number + 1
            if len(data) < at + more:
                return 0, None
            number = 64 + int.from_bytes(data[at : at + more], 'little')
            at += more
        header = bytes(data[at : at + HEADER_BYTES[kind]])
        if len(header) < HEADER_BYTES[kind]:
            return 0, None
        at += len(header)
        stream = self._stream(number, kind)
        is_extended = (
            stream.is_extended
            if kind == CONTINUED
            else int.from_bytes(header[:3], 'big') == TIME_IS_ELSEWHERE
        )
        if len(data) < at + 4 * is_extended:
            return 0, None
        extended = int.from_bytes(data[at : at + 4], 'big') if is_extended else None
        at += 4 * is_extended
        length = int.from_bytes(header[3:6], 'big') if kind <= SAME_STREAM else stream.length
        if length > self._max_message_bytes:
            raise PushError('protocol', 'a message is too long')
        if kind != CONTINUED and stream.body:
            raise PushError('protocol', 'a message begins within another')
        size = min(self._chunk_bytes, length - len(stream.body))
        if len(data) < at + size:
            return 0, None
        if not stream.body:
            _begin(stream, kind, header, length, extended)
        stream.body += data[at : at + size]
        self._unfinished_bytes += size
        if self._unfinished_bytes > 2 * self._max_message_bytes:
            raise PushError('protocol', 'too many messages are unfinished')
        return at + size - begin, self._finished(stream)

    def _stream(self, number: int, kind: int) -> _ChunkStream:
        stream = self._streams.get(number)
        if stream is None:
            if kind != FULL:
                raise PushError('protocol', 'a message begins without a header')
            if len(self._streams) >= MAX_CHUNK_STREAMS:
                raise PushError('protocol', 'too many chunk streams')
            stream = self._streams[number] = _ChunkStream()
        return stream

    def _finished(self, stream: _ChunkStream) -> Message | None:
        if len(stream.body) < stream.length:
            return None
        self._unfinished_bytes -= stream.length
        body, stream.body = bytes(stream.body), bytearray()
        return Message(stream.kind, stream.stream_id, stream.time_ms, body)

    def _obey(self, message: Message) -> bool:
        """Whether the message was about chunks."""
        if message.kind not in (SET_CHUNK_SIZE, ABORT):
            return False
        if len(message.body) != 4:
            raise PushError('protocol', 'a control message is malformed')
        value = int.from_bytes(message.body, 'big')
        if message.kind == SET_CHUNK_SIZE:
            if not 1 <= value < 1 << 31:
                raise PushError('protocol', 'the size of chunks is malformed')
            self._chunk_bytes = min(value, MAX_CHUNK_BYTES)
        elif value in self._streams:
            self._unfinished_bytes -= len(self._streams[value].body)
            self._streams[value].body = bytearray()
        return True


def _begin(
    stream: _ChunkStream, kind: int, header: bytes, length: int, extended: int | None
) -> None:
    """Take what the first header of a message says, and repeat what it leaves out."""
    if kind <= SAME_STREAM:
        stream.length, stream.kind = length, header[6]
    if kind == FULL:
        stream.stream_id = int.from_bytes(header[7:11], 'little')
    if kind != CONTINUED:
        stream.is_extended = extended is not None
        stream.step = int.from_bytes(header[:3], 'big') if extended is None else extended
    if kind == FULL:
        stream.time_ms = stream.step
    else:
        stream.time_ms = (stream.time_ms + stream.step) % TIME_MODULUS
