"""Publishes packets at an RTMP or RTMPS server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmoment_stream import flv_tags, rtmp_handshake
from mmoment_stream.name_lookup import Resolve, resolve
from mmoment_stream.push_address import RTMP_SCHEMES, PushAddress, parse_address
from mmoment_stream.push_socket import PushSocket, trust
from mmoment_stream.push_target import Ingest, PushError, VideoFormat
from mmoment_stream.rtmp_chunks import AUDIO, DATA, VIDEO
from mmoment_stream.rtmp_session import WINDOW_BYTES, RtmpSession
from mmoment_stream.stall_watch import ReadWatch
from mmoment_stream.video_packet import VideoPacket

# What a server may say at one go; the rest is read the next time.
READS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class RtmpLimits:
    """How long what may take, in seconds."""

    connect_s: float = 5.0  # until the server is found, connected and proved
    answer_s: float = 5.0  # for each answer of the server
    stall_s: float = 3.0  # without one byte taken; a kernel takes some more after the server hangs
    picture_s: float = 8.0  # for a whole picture


class RtmpSink:
    """One connection: a mmoment_stream.push_target.PushSink. Each is opened once.

    ca_file: authorities that are trusted beside those of the system.
    """

    def __init__(
        self,
        limits: RtmpLimits | None = None,
        ca_file: Path | None = None,
        *,
        ask: Resolve = resolve,
    ) -> None:
        self._limits = limits or RtmpLimits()
        self._ca_file = ca_file
        self._socket = PushSocket(
            stall_s=self._limits.stall_s, whole_s=self._limits.picture_s, ask=ask
        )
        self._session = RtmpSession()
        self._watch = ReadWatch(self._limits.stall_s, WINDOW_BYTES)
        self._stream_name = ''
        self._silence: flv_tags.Silence | None = None
        # What changes leaves together with the first picture that needs it.
        self._next_format: VideoFormat | None = None

    def open(self, ingest: Ingest, video: VideoFormat, *, silent_audio: bool) -> None:
        """Connect and publish; returns once the server takes media.

        Raises PushError (all codes of the connection and of RTMP), Cancelled; then it is closed.
        """
        try:
            address = parse_address(ingest.url)
            if address.scheme not in RTMP_SCHEMES:
                raise PushError('bad_address', 'it is none of RTMP')
            if not ingest.key:
                raise PushError('no_key', 'RTMP needs one')
            app, self._stream_name = address.path, ingest.key
            self._session = RtmpSession(secrets=(ingest.key,))
            self._connect(address)
            self._greet()
            self._publish(app, f'{address.server}/{app}')
            self._begin(video, silent_audio)
        except BaseException:
            self.close()
            raise

    def change(self, video: VideoFormat) -> None:
        """Another epoch begins: the next packet is a keyframe of this format."""
        self._next_format = video

    def send(self, packet: VideoPacket, time_ms: int) -> None:
        """Hand over one picture, taken time_ms after the first.

        Blocks while the network is slower than the video, within the limits. Raises PushError
        (stalled, closed, protocol and what the server says), Cancelled.
        """
        parts: list[bytes | memoryview] = []
        if self._silence is not None:
            for due_ms in self._silence.due(time_ms):
                parts += self._session.media(AUDIO, flv_tags.SILENCE, due_ms)
        if self._next_format is not None:
            parts += self._headers(self._next_format, time_ms)
            self._next_format = None
        body = flv_tags.video_body(packet.data, keyframe=packet.keyframe)
        parts += self._session.media(VIDEO, body, time_ms)
        self._say(b''.join(parts))
        self._listen()

    def poll(self) -> None:
        """Read what the server says, answer it, and notice its end; call it when nothing is sent.

        Raises PushError, Cancelled.
        """
        self._listen()
        self._socket.check_progress()

    def queued_bytes(self) -> int:
        """What the network has not taken yet."""
        return self._socket.queued_bytes()

    def close(self) -> None:
        """Tell the server that no more comes, if that takes no time; works in every state."""
        is_publishing = self._session.is_publishing
        self._socket.close(self._session.unpublish(self._stream_name) if is_publishing else b'')

    def cancel(self) -> None:
        """Have everything that blocks raise Cancelled at once; from any thread, for good."""
        self._socket.cancel()

    def _connect(self, address: PushAddress) -> None:
        deadline_s = time.monotonic() + self._limits.connect_s
        tls = trust(self._ca_file) if address.is_encrypted else None
        self._socket.connect(address.host, address.port, tls, deadline_s)

    def _greet(self) -> None:
        """The handshake of RTMP."""
        self._socket.send(rtmp_handshake.hello())
        deadline_s = time.monotonic() + self._limits.answer_s
        heard = b''
        while len(heard) < rtmp_handshake.SERVER_BYTES:
            heard += self._await_data(deadline_s, 'while it was greeted')
            rtmp_handshake.check_version(heard[0])
        self._socket.send(rtmp_handshake.answer(heard))
        # Some begin to talk without waiting for the end of the handshake.
        self._session.receive(heard[rtmp_handshake.SERVER_BYTES :])

    def _publish(self, app: str, url: str) -> None:
        session, name = self._session, self._stream_name
        self._ask(
            session.connect(app, url),
            lambda: session.is_connected,
            f'while it was asked for the application {app.partition("?")[0]!r}',
        )
        self._ask(
            session.create_stream(name),
            lambda: session.stream_id is not None,
            'while it was asked for a stream',
        )
        step = 'while it was asked to publish'
        try:
            self._ask(session.publish(name), lambda: session.is_publishing, step)
        except PushError as error:
            if error.code != 'closed':
                raise
            # That is how most servers say no.
            raise PushError('key_rejected', 'it has closed the connection') from error

    def _begin(self, video: VideoFormat, silent_audio: bool) -> None:
        self._silence = flv_tags.Silence() if silent_audio else None
        parts = self._headers(video, 0)
        if silent_audio:
            parts += self._session.media(AUDIO, flv_tags.SILENCE_HEADER, 0)
        self._say(b''.join(parts))

    def _ask(self, words: bytes, is_answered: Callable[[], bool], step: str) -> None:
        self._say(words)
        deadline_s = time.monotonic() + self._limits.answer_s
        while not is_answered():
            self._session.receive(self._await_data(deadline_s, step))
            self._answer()

    def _await_data(self, deadline_s: float, step: str) -> bytes:
        try:
            if time.monotonic() > deadline_s:
                raise PushError('timed_out')
            return self._socket.await_data(deadline_s)
        except PushError as error:
            raise PushError(error.code, step) from error

    def _say(self, data: bytes) -> None:
        """Send; if that fails because the server is gone, its last words are the better reason."""
        try:
            self._socket.send(data)
        except PushError as error:
            if error.code == 'closed':
                self._listen()
            raise

    def _listen(self) -> None:
        for _ in range(READS_AT_ONCE):
            data = self._socket.receive()
            if not data:
                break
            self._session.receive(data)
            self._answer()
        self._watch.note(self._session.acknowledgements, self._socket.delivered_bytes())

    def _answer(self) -> None:
        replies = self._session.replies()
        if replies:
            self._socket.send(replies)

    def _headers(self, video: VideoFormat, time_ms: int) -> list[bytes | memoryview]:
        """What goes before the first picture of an epoch."""
        facts = flv_tags.metadata(video, silent_audio=self._silence is not None)
        return [
            *self._session.media(DATA, facts, time_ms),
            *self._session.media(VIDEO, flv_tags.video_header(video.sets), time_ms),
        ]
