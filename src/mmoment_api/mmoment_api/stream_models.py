"""Requests and answers about the push to the outside. No field of them can hold a key.

Times are milliseconds since 1970, `kbps` and `bitrate` kilobits a second.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from mmoment_api.models import Success
from mmoment_api.pushed_stream import PushedStream
from mmoment_api.stream_control import (
    SILENT,
    PushState,
    SettingsChange,
    StreamSettings,
    StreamStatus,
    TargetSettings,
    TargetStatus,
)
from mmoment_stream.push_target import PUSH_ERRORS

OTHER_ERROR = 'The push has failed'
TARGETS_AT_MOST = 16
TEXT_AT_MOST = 2048
NAME_AT_MOST = 256
# What the message can hold: the part says itself which it takes.
BITRATE_AT_MOST_KBPS = 2**32 - 1

Channel = Literal['public', 'annotated']
Schedule = Literal['always', 'while_checked_in']
Provider = Literal['livepeer', 'rtmp', 'none']
State = Literal['idle', 'connecting', 'live', 'waiting_to_retry', 'failed', 'silent', 'unknown']


class PushData(BaseModel):
    """How a push is, and for how long."""

    state: State = Field(
        description='failed: a person must change the settings. silent: stream_node says nothing'
    )
    since: int | None = Field(description='When this state was entered; null: not known')
    last_error: str | None = Field(
        description='For people; with details only for those who may start and stop the push'
    )
    error_code: str | None = Field(description='Stable code of last_error')
    retries: int = Field(description='Attempts since it was last live')
    next_try_s: float = Field(description='From `since` until the next attempt; 0: none waits')


class StreamData(PushData):
    """The push as a whole, for everybody who may see the picture; `stream` events carry it."""

    running: bool = Field(description='Whether stream_node is there; without it, nothing is known')
    wanted: bool = Field(
        description='Somebody asked for it, or the configuration: for one target at least'
    )
    live: bool = Field(description='At least one target receives it')
    held_back: str | None = Field(
        description='Why nothing is pushed though it is wanted: nobody_checked_in, or no_target '
        'that is wanted and enabled'
    )
    channel: str | None = Field(description='public, or annotated: with names and drawings')
    schedule: str | None = Field(description='always or while_checked_in')
    bitrate_kbps: int = Field(description='At most; 0: as the encoder is configured')
    encoder: str | None = Field(description='What makes the packets; null: not known')
    target: str | None = Field(description='Which of the targets the next fields are about')
    bytes_sent: int
    fps: float
    bitrate: float
    dropped: int = Field(description='Pictures left out because a network or server is slow')
    playback_id: str | None
    hls_url: str | None
    webrtc_url: str | None
    provider_event: str | None = Field(description='What the provider has told of last')
    provider_event_at: int | None


class TargetAnswer(PushData):
    """One place that is pushed to."""

    name: str
    provider: str
    address: str | None = Field(description='Without key and credentials; null: not known yet')
    enabled: bool = Field(description='False: left out by the settings')
    wanted: bool = Field(description='It was started, by its name or with all')
    bytes_sent: int
    packets_sent: int
    dropped: int = Field(description='Pictures left out because the network or server is slow')
    reconnects: int = Field(description='How often it was live again after a loss')
    fps: float
    kbps: float
    target_kbps: float = Field(description='What the encoder is asked for; 0: no limit')
    queued_bytes: int = Field(description='Not yet taken by the network')
    slate: bool = Field(description='A picture is sent that says the camera is away')
    playback_id: str | None
    hls_url: str | None
    webrtc_url: str | None
    provider_known: bool = Field(description='Whether the next three were ever told')
    provider_active: bool
    provider_healthy: bool
    provider_issues: list[str]
    provider_error: str | None = Field(description='Why it could not be asked the last time')
    provider_checked: int | None


class StreamAnswer(Success, StreamData):
    """The push: a summary at the top, and each target as `stream_status` has it."""

    timestamp: int
    targets: list[TargetAnswer] | None = Field(description='Null: not for you to see')
    # As existing clients read them.
    is_active: bool = Field(serialization_alias='isActive', description='The same as live')
    playback_id_again: str | None = Field(serialization_alias='playbackId')
    stream_url: str | None = Field(
        serialization_alias='streamUrl', description='The same as hls_url'
    )


class PushRequest(BaseModel):
    """What to start or to stop."""

    target: Annotated[str, Field(max_length=NAME_AT_MOST)] | None = Field(
        default=None, description='Name of a target in the settings; null or empty: all'
    )


class TargetModel(BaseModel):
    """How one place is reached. A key is no part of it: it lies in a file on the camera."""

    name: str = Field(max_length=NAME_AT_MOST, description='Letters, digits, - and _')
    provider: Provider = 'rtmp'
    url: str = Field(
        default='',
        max_length=TEXT_AT_MOST,
        description='rtmp://, rtmps:// or srt://; empty for livepeer, which names its own',
    )
    key_file: str = Field(
        default='', max_length=NAME_AT_MOST, description='Name of a file in key_folder'
    )
    stream_id: str = Field(
        default='', max_length=NAME_AT_MOST, description='Of livepeer; empty: one is made'
    )
    silent_audio: bool = False
    enabled: bool = True


class SettingsRequest(BaseModel):
    """What is to change; fields that are left out stay as they are."""

    channel: Channel | None = Field(
        default=None, description='annotated shows names and drawings to everybody who watches'
    )
    schedule: Schedule | None = None
    bitrate_kbps: int | None = Field(default=None, ge=0, le=BITRATE_AT_MOST_KBPS)
    targets: list[TargetModel] | None = Field(
        default=None, max_length=TARGETS_AT_MOST, description='All of them'
    )

    def change(self) -> SettingsChange:
        """The same for `stream_node`."""
        targets = None
        if self.targets is not None:
            targets = tuple(TargetSettings(**item.model_dump()) for item in self.targets)
        return SettingsChange(self.channel, self.schedule, self.bitrate_kbps, targets)


class SettingsAnswer(Success):
    """What is pushed, when and where to."""

    channel: str
    schedule: str
    bitrate_kbps: int
    targets: list[TargetModel]
    key_folder: str = Field(description='Where key files belong, on the camera')


class HookAnswer(Success):
    """Taken. duplicate: it was known already."""

    event: str
    duplicate: bool = False


def settings_answer(settings: StreamSettings) -> SettingsAnswer:
    """The settings as the owner is told."""
    return SettingsAnswer(**asdict(settings))


def stream_data(pushed: PushedStream) -> dict[str, Any]:
    """The fields of `StreamData`, as of now."""
    heard = pushed.now()
    status = heard or StreamStatus(push=PushState(state=SILENT))
    shown, news = status.shown(), pushed.news
    return {
        **_push(status.push, status.error_code()),
        # Details may be paths of the camera and words of a server.
        'last_error': _sentence(status),
        'running': heard is not None,
        'wanted': status.wanted,
        'live': status.live,
        'held_back': status.held_back or None,
        'channel': status.channel or None,
        'schedule': status.schedule or None,
        'bitrate_kbps': status.bitrate_kbps,
        'encoder': pushed.encoder() or None,
        'target': shown.name if shown else None,
        'bytes_sent': shown.bytes_sent if shown else 0,
        'fps': round(shown.fps, 2) if shown else 0.0,
        'bitrate': round(shown.kbps, 1) if shown else 0.0,
        'dropped': shown.dropped if shown else 0,
        **_playback(shown or TargetStatus('')),
        'provider_event': news.event if news else None,
        'provider_event_at': news.at_ms if news else None,
    }


def stream_answer(pushed: PushedStream, timestamp_ms: int, *, with_targets: bool) -> StreamAnswer:
    """The push as of now; what is said of its targets is for those who may start and stop it."""
    data = stream_data(pushed)
    status = pushed.now() or StreamStatus()
    if with_targets:
        data['last_error'] = status.push.last_error or None
    return StreamAnswer(
        **data,
        timestamp=timestamp_ms,
        targets=[_target(item) for item in status.targets] if with_targets else None,
        is_active=data['live'],
        playback_id_again=data['playback_id'],
        stream_url=data['hls_url'],
    )


def _sentence(status: StreamStatus) -> str | None:
    """What everybody may know of the last error."""
    if not status.push.last_error:
        return None
    return PUSH_ERRORS.get(status.error_code(), OTHER_ERROR)


def _push(push: PushState, error_code: str) -> dict[str, Any]:
    return {
        'state': push.state,
        'since': push.since_ms or None,
        'last_error': push.last_error or None,
        'error_code': error_code or None,
        'retries': push.retries,
        'next_try_s': round(push.next_try_s, 2),
    }


def _playback(target: TargetStatus) -> dict[str, Any]:
    return {
        'playback_id': target.playback_id or None,
        'hls_url': target.hls_url or None,
        'webrtc_url': target.webrtc_url or None,
    }


def _target(target: TargetStatus) -> TargetAnswer:
    return TargetAnswer(
        **_push(target.push, target.error_code),
        **_playback(target),
        name=target.name,
        provider=target.provider,
        address=target.address or None,
        enabled=target.enabled,
        wanted=target.wanted,
        bytes_sent=target.bytes_sent,
        packets_sent=target.packets_sent,
        dropped=target.dropped,
        reconnects=target.reconnects,
        fps=round(target.fps, 2),
        kbps=round(target.kbps, 1),
        target_kbps=round(target.target_kbps, 1),
        queued_bytes=target.queued_bytes,
        slate=target.slate,
        provider_known=target.provider_known,
        provider_active=target.provider_active,
        provider_healthy=target.provider_healthy,
        provider_issues=list(target.provider_issues),
        provider_error=target.provider_error or None,
        provider_checked=target.provider_checked_ms or None,
    )
