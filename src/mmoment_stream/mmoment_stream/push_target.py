"""What a push works with: where to, with which key, in which format; and what takes the packets."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol

from mmoment_stream.errors import StreamError
from mmoment_stream.h264 import ParameterSets
from mmoment_stream.video_packet import VideoPacket

LIVEPEER, RTMP, NONE = 'livepeer', 'rtmp', 'none'
PROVIDERS = (LIVEPEER, RTMP, NONE)

PUSH_ERRORS = {
    'bad_address': 'The address of the target is not one that can be pushed to',
    'no_key': 'The key file cannot be read',
    'name_unknown': 'The name of the server is not known: is this machine online?',
    'refused': 'The server does not accept connections',
    'unreachable': 'There is no way to the server',
    'timed_out': 'The server does not answer',
    'untrusted': 'The certificate of the server proves nothing',
    'protocol': 'The server does not speak RTMP as it should',
    'key_rejected': 'The server does not accept this key',
    'already_publishing': 'Somebody publishes with this key already, or a lost connection still does',
    'closed': 'The server has closed the connection',
    'stalled': 'The server takes no data any more',
    'no_video': 'The encoder delivers no video',
    'tool': 'The program that pushes has ended',
    'provider_key': 'The provider does not accept the API key',
    'provider_forbidden': 'The provider does not allow this with this API key',
    'provider_no_stream': 'The provider does not know the stream',
    'provider_suspended': 'The stream is suspended at the provider',
    'provider_busy': 'The provider asks to wait',
    'provider_fault': 'The provider has a fault',
    'provider_away': 'The provider cannot be reached',
    'provider_refused': 'The provider refuses this',
}
"""Stable codes with the sentence a person is told. Codes never change once published."""
# Only a person can mend these.
CONFIGURATION_ERRORS = frozenset({'bad_address', 'no_key', 'provider_refused'})


class PushError(StreamError):
    """Why nothing is pushed. `code` is one of PUSH_ERRORS; `text` never holds a key.

    retry_after_s: the other side has asked for this pause at least.
    """

    def __init__(self, code: str, detail: str = '', *, retry_after_s: float = 0.0) -> None:
        self.code = code
        self.text = f'{PUSH_ERRORS[code]}: {detail}' if detail else PUSH_ERRORS[code]
        self.retry_after_s = retry_after_s
        super().__init__(self.text)

    @property
    def is_configuration(self) -> bool:
        """Whether only a person can mend it."""
        return self.code in CONFIGURATION_ERRORS


class Cancelled(StreamError):
    """The push was told to end while it waited."""


@dataclass(frozen=True, slots=True)
class PushTarget:
    """How one place is reached, as configured. See mmoment_interfaces/StreamTarget.

    key_file: a name in the key folder of the camera, or an absolute path; empty: no key.
    """

    name: str
    provider: str = RTMP
    url: str = ''
    key_file: str = ''
    stream_id: str = ''
    silent_audio: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Playback:
    """Where others can watch; empty texts: not known."""

    playback_id: str = ''
    hls_url: str = ''
    webrtc_url: str = ''


@dataclass(frozen=True, slots=True)
class Ingest:
    """Where to push now.

    url: as rtmp://host:port/app, without the key. key: name of the stream at the server.
    passphrase: of the encryption of SRT; empty: none.
    """

    url: str
    key: str = field(default='', repr=False)
    playback: Playback = Playback()
    passphrase: str = field(default='', repr=False)


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """What the provider says of the stream; `checked_s` since 1970. playback: as far as it is known."""

    is_active: bool
    is_healthy: bool
    issues: tuple[str, ...] = ()
    checked_s: float = 0.0
    playback: Playback = Playback()


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What the packets of one epoch have in common. Sizes in pixels, bitrate in kbit/s (0: unknown)."""

    width: int
    height: int
    sets: ParameterSets
    fps: float = 30.0
    kbps: float = 0.0


class PushSink(Protocol):
    """Takes the packets of one connection. Used by one thread; only `cancel` is for others."""

    def open(self, ingest: Ingest, video: VideoFormat, *, silent_audio: bool) -> None:
        """Connect and publish; returns once the server takes media. Raises PushError, Cancelled."""

    def change(self, video: VideoFormat) -> None:
        """Another epoch begins: the next packet is a keyframe of this format."""

    def send(self, packet: VideoPacket, time_ms: int) -> None:
        """Hand over one picture. time_ms: since `open`, never less than before.

        Never blocks for longer than the sink's time limits. Raises PushError, Cancelled.
        """

    def poll(self) -> None:
        """Read what the server says, answer it, and notice its end; call it when nothing is sent."""

    def queued_bytes(self) -> int:
        """What the network has not taken yet."""

    def close(self) -> None:
        """End in good order if that takes no time, else at once. Works in every state."""

    def cancel(self) -> None:
        """Have everything that blocks raise Cancelled at once; from any thread, for good."""


class StreamProvider(Protocol):
    """Says where to push, and how the stream is doing there. May wait: see `cancelled`."""

    def ingest(self, cancelled: threading.Event) -> Ingest:
        """Where to push now; asked before every attempt. Raises PushError, Cancelled."""

    def health(self, cancelled: threading.Event) -> ProviderHealth | None:
        """What it says of the stream; None: it says nothing. Raises PushError, Cancelled."""

    def close(self) -> None:
        """Let go of connections."""
