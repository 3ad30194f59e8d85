"""Both ends of RTMP for tests: a server that does as it is told, and a player."""

import contextlib
import socket
import struct
import threading
import time
import urllib.parse

from mmoment_stream import amf0
from mmoment_stream.rtmp_chunks import (
    AUDIO,
    COMMAND,
    DATA,
    USER_CONTROL,
    VIDEO,
    ChunkReader,
    ChunkWriter,
    Message,
)

HANDSHAKE_BYTES = 1536
LONGEST_MESSAGE_BYTES = 8_000_000
PATIENCE_S = 10
SILENT, CLOSE, CHATTER = 'silent', 'close', 'chatter'
CHATTER_S = 3.0


def message_bytes(kind, body, chunk_bytes=128):
    """A control message or a command, as a server sends it."""
    number = 3 if kind == COMMAND else 2
    return b''.join(ChunkWriter(chunk_bytes).parts(Message(kind, 0, 0, body), number))


def command(*words):
    return message_bytes(COMMAND, amf0.encode(*words))


def status(code, level='status', description=''):
    facts = {'level': level, 'code': code, 'description': description}
    return command('onStatus', 0, None, facts)


ANSWERS = {
    'connect': command('_result', 1, {}, {'code': 'NetConnection.Connect.Success'}),
    'createStream': command('_result', 4, None, 7),
    'publish': status('NetStream.Publish.Start'),
}


class ScriptedPeer:
    """A server for one connection at a time, which it serves in a thread of its own.

    script: what to do at a step (greeting, connect, createStream, publish) in place of the usual
    answer: SILENT, CLOSE, CHATTER (say much that is no answer, then close), or bytes to send.
    """

    def __init__(self, **script):
        self.script = script
        self.messages = []
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self._connection = None
        self._is_closing = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    @property
    def url(self):
        return f'rtmp://127.0.0.1:{self.port}/live'

    def say(self, data):
        """Send these bytes, whatever they are."""
        self._connection.sendall(data)

    def heard_now(self, kind):
        """The messages of a kind that have come so far."""
        return [message for message in self.messages if message.kind == kind]

    def heard(self, kind, count=1):
        """The messages of a kind, as soon as there are so many."""
        end = time.monotonic() + PATIENCE_S
        while True:
            found = self.heard_now(kind)
            if len(found) >= count:
                return found
            assert time.monotonic() < end, f'only {len(found)} messages of kind {kind} came'
            time.sleep(0.005)

    def reset(self):
        """Reset the connection, as a server does that ends without having read everything."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self._connection.shutdown(socket.SHUT_RD)

    def close(self):
        self._is_closing = True
        for each in (self._listener, self._connection):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._listener.close()

    def _run(self):
        while not self._is_closing:
            try:
                self._connection, _ = self._listener.accept()
            except OSError:
                return
            with self._connection, contextlib.suppress(OSError):
                self._serve(self._connection)

    def _serve(self, connection):
        hello = received(connection, 1 + HANDSHAKE_BYTES)
        if not self._step(connection, 'greeting', b'\3' + bytes(HANDSHAKE_BYTES) + hello[1:]):
            return
        received(connection, HANDSHAKE_BYTES)
        reader = ChunkReader(LONGEST_MESSAGE_BYTES)
        while data := connection.recv(65536):
            for message in reader.feed(data):
                self.messages.append(message)
                if message.kind == COMMAND:
                    name = amf0.decode(message.body)[0]
                    if name in ANSWERS and not self._step(connection, name, ANSWERS[name]):
                        return

    def _step(self, connection, step, answer):
        """Whether to go on."""
        told = self.script.get(step, answer)
        if told == SILENT:
            # Until the other side or the test closes it.
            while connection.recv(65536):
                pass
            return False
        end = time.monotonic() + CHATTER_S
        while told == CHATTER and time.monotonic() < end:
            connection.sendall(message_bytes(USER_CONTROL, bytes(6)) * 100)
        if told in (CLOSE, CHATTER):
            return False
        connection.sendall(told)
        return True


class Player:
    """Plays a stream of a real server; every message comes as the server has sent it."""

    def __init__(self, url, key):
        parts = urllib.parse.urlsplit(url)
        self._reader = ChunkReader(LONGEST_MESSAGE_BYTES)
        self._socket = socket.create_connection((parts.hostname, parts.port), PATIENCE_S)
        self._socket.sendall(b'\3' + bytes(HANDSHAKE_BYTES))
        answer = received(self._socket, 1 + 2 * HANDSHAKE_BYTES)
        self._socket.sendall(answer[1 : 1 + HANDSHAKE_BYTES])
        app = parts.path.strip('/')
        self._command('connect', 1, {'app': app, 'tcUrl': url})
        self._command('createStream', 2, None)
        self._command('play', 0, None, key, -2000, stream_id=1)
        self._until(lambda message: b'NetStream.Play.Start' in message.body)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self._socket.close()

    def media(self, count):
        """The next messages of video, audio and data, so many of video."""
        seen = []

        def is_last(message):
            if message.kind in (VIDEO, AUDIO, DATA):
                seen.append(message)
            return sum(each.kind == VIDEO for each in seen) >= count

        self._until(is_last)
        return seen

    def _command(self, *words, stream_id=0):
        message = Message(COMMAND, stream_id, 0, amf0.encode(*words))
        self._socket.sendall(b''.join(ChunkWriter().parts(message, 3)))

    def _until(self, is_last):
        while data := self._socket.recv(65536):
            messages = list(self._reader.feed(data))
            # All of what came together is looked at.
            if any([is_last(message) for message in messages]):
                return
        raise AssertionError('the server has ended the play')


def received(connection, count):
    data = b''
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError('the other side has closed')
        data += more
    return data
