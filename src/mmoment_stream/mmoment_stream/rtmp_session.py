"""What a publisher and an RTMP server say to each other; the bytes go elsewhere.

Sources: Adobe RTMP specification 1.0, sections 5.4, 7.1 and 7.2. What servers do beside it: FCPublish
before `publish` is wanted by some and ignored by the others.
"""

from __future__ import annotations

import struct

from mmoment_stream import amf0
from mmoment_stream.amf0 import AmfValue
from mmoment_stream.push_address import without
from mmoment_stream.push_target import PushError
from mmoment_stream.rtmp_chunks import (
    ACKNOWLEDGEMENT,
    AUDIO,
    BANDWIDTH,
    COMMAND,
    DATA,
    SET_CHUNK_SIZE,
    USER_CONTROL,
    VIDEO,
    WINDOW,
    ChunkReader,
    ChunkWriter,
    Message,
)

# Most pictures are one chunk then, and a ping is never far behind the biggest.
CHUNK_BYTES = 60_000
CHUNK_STREAMS = {
    SET_CHUNK_SIZE: 2,
    ACKNOWLEDGEMENT: 2,
    USER_CONTROL: 2,
    WINDOW: 2,
    COMMAND: 3,
    AUDIO: 4,
    DATA: 5,
    VIDEO: 6,
}
# How often the server is to say what it has read: a few times a second.
WINDOW_BYTES = 64 * 1024
PING, PONG = 6, 7
FLASH_VERSION = 'FMLE/3.0 (compatible; Mmoment)'
"""Servers tell publishers from players by the first word."""
COUNT_MODULUS = 1 << 32
MAX_REPLY_BYTES = 64 * 1024
MAX_REASON = 200
PUBLISHED = 'NetStream.Publish.Start'
KEY_IN_USE = 'NetStream.Publish.BadName'
CONNECT, CREATE_STREAM = 1, 4


class RtmpSession:
    """One connection after its handshake, without the socket.

    acknowledgements: how often the server has said what it has read.

    secrets: what is never repeated when the server is quoted. `receive` raises PushError: protocol,
    key_rejected, already_publishing, or closed if the server says that it is over.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        self._writer = ChunkWriter()
        self._reader = ChunkReader()
        self._replies = bytearray()
        self._received_bytes = 0
        self._told_bytes = 0
        self._window_bytes = 0
        self.acknowledgements = 0
        self.is_connected = False
        self.stream_id: int | None = None
        self.is_publishing = False

    def connect(self, app: str, url: str) -> bytes:
        """The first words: how big our chunks are, and which application is wanted."""
        size = self._bytes(SET_CHUNK_SIZE, struct.pack('>I', CHUNK_BYTES))
        self._writer.chunk_bytes = CHUNK_BYTES
        wanted: dict[str, AmfValue] = {
            'app': app,
            'type': 'nonprivate',
            'flashVer': FLASH_VERSION,
            'tcUrl': url,
        }
        return size + self._command('connect', CONNECT, wanted)

    def create_stream(self, name: str) -> bytes:
        """Announce the stream by its name, and ask for its number and for acknowledgements."""
        return (
            self._bytes(WINDOW, struct.pack('>I', WINDOW_BYTES))
            + self._command('releaseStream', 2, None, name)
            + self._command('FCPublish', 3, None, name)
            + self._command('createStream', CREATE_STREAM, None)
        )

    def publish(self, name: str) -> bytes:
        """Ask to publish."""
        return self._command('publish', 5, None, name, 'live', stream_id=self.stream_id or 0)

    def unpublish(self, name: str) -> bytes:
        """Say that no more comes."""
        return self._command('FCUnpublish', 6, None, name) + self._command(
            'deleteStream', 7, None, self.stream_id or 0
        )

    def media(self, kind: int, body: bytes, time_ms: int) -> list[bytes | memoryview]:
        """A message of kind AUDIO, VIDEO or DATA, in pieces to be sent one after the other."""
        message = Message(kind, self.stream_id or 0, time_ms, body)
        return self._writer.parts(message, CHUNK_STREAMS[kind])

    def receive(self, data: bytes) -> None:
        """Take what the server has sent."""
        self._received_bytes += len(data)
        for message in self._reader.feed(data):
            self._take(message)
        if self._window_bytes and self._received_bytes - self._told_bytes >= self._window_bytes:
            self._told_bytes = self._received_bytes
            count = struct.pack('>I', self._received_bytes % COUNT_MODULUS)
            self._reply(ACKNOWLEDGEMENT, count)

    def replies(self) -> bytes:
        """What the server is waiting for; each is given once."""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def _take(self, message: Message) -> None:
        if message.kind == USER_CONTROL:
            if message.body[:2] == struct.pack('>H', PING):
                self._reply(USER_CONTROL, struct.pack('>H', PONG) + message.body[2:6])
        elif message.kind == WINDOW:
            self._window_bytes = int.from_bytes(message.body[:4], 'big')
        elif message.kind == BANDWIDTH:
            window_bytes = min(WINDOW_BYTES, int.from_bytes(message.body[:4], 'big'))
            self._reply(WINDOW, struct.pack('>I', window_bytes))
        elif message.kind == ACKNOWLEDGEMENT:
            self.acknowledgements += 1
        elif message.kind == COMMAND:
            try:
                self._obey(amf0.decode(message.body))
            except amf0.AmfError as error:
                raise PushError('protocol', 'a command is malformed') from error

    def _obey(self, words: list[AmfValue]) -> None:
        name, number, _, said = (words + [None] * 4)[:4]
        if name == '_result' and number == CONNECT:
            self.is_connected = True
        elif name == '_result' and number == CREATE_STREAM:
            if not isinstance(said, float) or not 0 <= said < COUNT_MODULUS:
                raise PushError('protocol', 'the number of the stream is malformed')
            self.stream_id = int(said)
        elif name == '_error' and number in (CONNECT, CREATE_STREAM):
            wanted = 'the application' if number == CONNECT else 'to make a stream'
            raise PushError('closed', self._quote(f'it refuses {wanted}', said))
        elif name == 'onStatus':
            self._take_status(said)
        elif name == 'close':
            raise PushError('closed', 'it says goodbye')

    def _take_status(self, said: AmfValue) -> None:
        facts = said if isinstance(said, dict) else {}
        code = facts.get('code')
        if code == PUBLISHED:
            self.is_publishing = True
        elif code == KEY_IN_USE:
            raise PushError('already_publishing', self._quote('', said))
        elif facts.get('level') == 'error':
            raise PushError(
                'closed' if self.is_publishing else 'key_rejected', self._quote('', said)
            )
        elif code == 'NetConnection.Connect.Closed':
            raise PushError('closed', self._quote('', said))

    def _quote(self, sentence: str, said: AmfValue) -> str:
        """A sentence of ours with the server's reason, which is not trusted."""
        facts = said if isinstance(said, dict) else {}
        reason = str(facts.get('description') or facts.get('code') or '')
        plain = ''.join(letter if letter.isprintable() else ' ' for letter in reason)
        # Hidden before it is cut: half a key is still a secret.
        quoted = without(plain, *self._secrets)[:MAX_REASON]
        return ': '.join(filter(None, (sentence, quoted)))

    def _reply(self, kind: int, body: bytes) -> None:
        self._replies += self._bytes(kind, body)
        if len(self._replies) > MAX_REPLY_BYTES:
            raise PushError('protocol', 'it asks without end')

    def _command(self, *words: AmfValue, stream_id: int = 0) -> bytes:
        return self._bytes(COMMAND, amf0.encode(*words), stream_id)

    def _bytes(self, kind: int, body: bytes, stream_id: int = 0) -> bytes:
        message = Message(kind, stream_id, 0, body)
        return b''.join(self._writer.parts(message, CHUNK_STREAMS[kind]))
