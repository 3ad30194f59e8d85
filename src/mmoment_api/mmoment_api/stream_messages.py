"""Calls of `stream_node`, and its messages as what the web side works with."""

from __future__ import annotations

from typing import Any

from std_srvs.srv import Trigger

from mmoment_api.conversions import CONNECTIONS, finite
from mmoment_api.media_control import CAMERA_OWNER, Asker
from mmoment_api.service_calls import ServiceCalls
from mmoment_api.session_messages import milliseconds_of
from mmoment_api.stream_control import (
    STREAM,
    PushState,
    SettingsChange,
    StreamSettings,
    StreamStatus,
    TargetSettings,
    TargetStatus,
    refused_by_stream,
)
from mmoment_interfaces import msg
from mmoment_interfaces.srv import ConfigureStream, StartStream, StopStream

SERVICES = {
    'start_stream': StartStream,
    'stop_stream': StopStream,
    'configure_stream': ConfigureStream,
    'refresh_stream': Trigger,
}
# It may ask session_node first, end what runs, and write to the disk.
ASK_WAIT_S = 8.0


class StreamCalls(ServiceCalls):
    """See `StreamControl`."""

    PART = STREAM
    SERVICES = SERVICES

    async def start_stream(self, asker: Asker, target: str = '') -> StreamStatus:
        """See `StreamControl`."""
        request = StartStream.Request(session_id=asker.session_id, target=target)
        return stream_status((await self._ask('start_stream', request)).status)

    async def stop_stream(self, asker: Asker, target: str = '') -> StreamStatus:
        """See `StreamControl`."""
        request = StopStream.Request(session_id=asker.session_id, target=target)
        return stream_status((await self._ask('stop_stream', request)).status)

    async def stream_settings(self) -> StreamSettings:
        """See `StreamControl`."""
        return await self._configure(ConfigureStream.Request())

    async def change_stream(self, change: SettingsChange) -> StreamSettings:
        """See `StreamControl`."""
        return await self._configure(change_request(change))

    async def forget_stream_settings(self) -> StreamSettings:
        """See `StreamControl`."""
        return await self._configure(ConfigureStream.Request(forget=True))

    async def refresh_stream(self) -> None:
        """See `StreamControl`."""
        answer = await self.ask('refresh_stream', Trigger.Request(), ASK_WAIT_S)
        if not answer.success:
            raise refused_by_stream('not_ready', answer.message)

    async def _configure(self, request: ConfigureStream.Request) -> StreamSettings:
        request.session_id = CAMERA_OWNER.session_id
        answer = await self._ask('configure_stream', request)
        return stream_settings(answer.settings, answer.key_folder)

    async def _ask(self, name: str, request: Any) -> Any:
        answer = await self.ask(name, request, ASK_WAIT_S)
        if not answer.success:
            raise refused_by_stream(answer.error_code, answer.message)
        return answer


def stream_status(message: msg.StreamStatus) -> StreamStatus:
    """The push as a whole."""
    return StreamStatus(
        wanted=message.wanted,
        live=message.live,
        held_back=message.held_back,
        push=push_state(message.push),
        channel=message.channel,
        schedule=message.schedule,
        bitrate_kbps=message.bitrate_kbps,
        targets=tuple(target_status(item) for item in message.targets),
    )


def target_status(message: msg.StreamTargetStatus) -> TargetStatus:
    """One target."""
    return TargetStatus(
        name=message.name,
        provider=message.provider,
        address=message.address,
        enabled=message.enabled,
        wanted=message.wanted,
        push=push_state(message.push),
        error_code=message.error_code,
        bytes_sent=message.bytes_sent,
        packets_sent=message.packets_sent,
        dropped=message.dropped,
        reconnects=message.reconnects,
        fps=finite(message.fps),
        kbps=finite(message.kbps),
        target_kbps=finite(message.target_kbps),
        queued_bytes=message.queued_bytes,
        slate=message.slate,
        playback_id=message.playback_id,
        hls_url=message.hls_url,
        webrtc_url=message.webrtc_url,
        provider_known=message.provider_known,
        provider_active=message.provider_active,
        provider_healthy=message.provider_healthy,
        provider_issues=tuple(message.provider_issues),
        provider_error=message.provider_error,
        provider_checked_ms=milliseconds_of(message.provider_checked),
    )


def push_state(message: msg.ComponentState) -> PushState:
    """Its state in words."""
    return PushState(
        state=CONNECTIONS.get(message.state, 'unknown'),
        since_ms=milliseconds_of(message.since),
        last_error=message.last_error,
        retries=message.retries,
        next_try_s=finite(message.next_try_s),
    )


def stream_settings(message: msg.StreamSettings, key_folder: str) -> StreamSettings:
    """The settings."""
    return StreamSettings(
        channel=message.channel,
        schedule=message.schedule,
        bitrate_kbps=message.bitrate_kbps,
        targets=tuple(
            TargetSettings(
                name=item.name,
                provider=item.provider,
                url=item.url,
                key_file=item.key_file,
                stream_id=item.stream_id,
                silent_audio=item.silent_audio,
                enabled=item.enabled,
            )
            for item in message.targets
        ),
        key_folder=key_folder,
    )


def change_request(change: SettingsChange) -> ConfigureStream.Request:
    """The request that changes what is given, and nothing else."""
    request = ConfigureStream.Request()
    for name in ('channel', 'schedule', 'bitrate_kbps'):
        value = getattr(change, name)
        if value is not None:
            request.fields.append(name)
            setattr(request.settings, name, value)
    if change.targets is not None:
        request.fields.append('targets')
        request.settings.targets = [
            msg.StreamTarget(
                name=item.name,
                provider=item.provider,
                url=item.url,
                key_file=item.key_file,
                stream_id=item.stream_id,
                silent_audio=item.silent_audio,
                enabled=item.enabled,
            )
            for item in change.targets
        ]
    return request
