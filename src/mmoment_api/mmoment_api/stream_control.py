"""The push to the outside, as far as the web side knows it, and what is asked of `stream_node`.

Nothing here can hold a key: keys lie in files that only `stream_node` reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mmoment_api.errors import ApiError, part_not_running
from mmoment_api.media_control import Asker
from mmoment_api.session_control import SESSIONS

STREAM = 'stream_node'
LIVE = 'live'
# Of something that says nothing any more, beside the states that it says of itself.
SILENT = 'silent'


@dataclass(frozen=True, slots=True)
class PushState:
    """How a push is: `state` is idle, connecting, live, waiting_to_retry or failed.

    since_ms: since 1970, when it was entered. retries: attempts since it was last live.
    next_try_s: from then until the next attempt; 0 unless it waits for one.
    """

    state: str = 'idle'
    since_ms: int = 0
    last_error: str = ''
    retries: int = 0
    next_try_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """One place that is pushed to; the fields are those of StreamTargetStatus.

    provider_checked_ms: since 1970; 0: never.
    """

    name: str
    provider: str = ''
    address: str = ''
    enabled: bool = True
    wanted: bool = False
    push: PushState = PushState()
    error_code: str = ''
    bytes_sent: int = 0
    packets_sent: int = 0
    dropped: int = 0
    reconnects: int = 0
    fps: float = 0.0
    kbps: float = 0.0
    target_kbps: float = 0.0
    queued_bytes: int = 0
    slate: bool = False
    playback_id: str = ''
    hls_url: str = ''
    webrtc_url: str = ''
    provider_known: bool = False
    provider_active: bool = False
    provider_healthy: bool = False
    provider_issues: tuple[str, ...] = ()
    provider_error: str = ''
    provider_checked_ms: int = 0


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """The push as a whole; the fields are those of StreamStatus."""

    wanted: bool = False
    live: bool = False
    held_back: str = ''
    push: PushState = PushState()
    channel: str = ''
    schedule: str = ''
    bitrate_kbps: int = 0
    targets: tuple[TargetStatus, ...] = ()

    def error_code(self) -> str:
        """Stable code of the error of the whole, which is that of one target; empty: none."""
        error = self.push.last_error
        codes = [one.error_code for one in self.targets if one.push.last_error == error]
        return codes[0] if error and codes else ''

    def shown(self) -> TargetStatus | None:
        """The target to name where there is room for one: live before wanted, then as configured.

        Of those, one that can be watched.
        """
        used = [target for target in self.targets if target.enabled]
        return min(
            used,
            key=lambda one: (one.push.state != LIVE, not one.wanted, not one.playback_id),
            default=None,
        )


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """How one place is reached; the fields are those of StreamTarget."""

    name: str
    provider: str = ''
    url: str = ''
    key_file: str = ''
    stream_id: str = ''
    silent_audio: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What of the settings is to be changed; None: it stays."""

    channel: str | None = None
    schedule: str | None = None
    bitrate_kbps: int | None = None
    targets: tuple[TargetSettings, ...] | None = None


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What is pushed, when and where to. key_folder: where key files lie, on this machine."""

    channel: str
    schedule: str
    bitrate_kbps: int
    targets: tuple[TargetSettings, ...]
    key_folder: str


class StreamControl(Protocol):
    """What can be asked of `stream_node`; raises `ApiError` for what it refuses, or if it is away."""

    async def start_stream(self, asker: Asker, target: str = '') -> StreamStatus:
        """Push to this target, empty: to all, until somebody stops it."""

    async def stop_stream(self, asker: Asker, target: str = '') -> StreamStatus:
        """Push to this target no more, empty: to none."""

    async def stream_settings(self) -> StreamSettings:
        """As they are now; for the owner of the camera, like the next two."""

    async def change_stream(self, change: SettingsChange) -> StreamSettings:
        """Change some of them, for good."""

    async def forget_stream_settings(self) -> StreamSettings:
        """Go back to the parameters of the node."""

    async def refresh_stream(self) -> None:
        """Ask the providers now how the streams are."""


_STATUS = {
    **dict.fromkeys(('missing_right', 'no_right'), 403),
    'unknown_target': 404,
    **dict.fromkeys(('no_target', 'target_left_out', 'busy'), 409),
    'malformed': 422,
    'internal': 500,
}
# Whoever asks has been let in a moment ago: the session has ended since.
_SESSION_OVER = frozenset({'no_session', 'session_over', 'bad_token'})
_PART = {'session_node_away': SESSIONS}


def refused_by_stream(code: str, message: str) -> ApiError:
    """What `stream_node` refused, with its own stable code and sentence.

    A code that is not listed here is a fault of the camera rather than of the caller: 503.
    """
    if not code:
        return part_not_running(STREAM, 'it gave up without a word; its log says why')
    if code in _SESSION_OVER:
        return ApiError(401, 'not_signed_in', message or 'Check in first', reason=code)
    status = _STATUS.get(code, 503)
    error = ApiError(status, code, message or f'{STREAM} refused')
    if status == 503:
        error.details['part'] = _PART.get(code, STREAM)
    return error
