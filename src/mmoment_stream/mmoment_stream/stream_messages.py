"""The push as messages: status, settings, and the same words as diagnostics."""

from __future__ import annotations

from dataclasses import dataclass

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from mmoment_interfaces import msg
from mmoment_node.recovery import RecoverySnapshot, RecoveryState
from mmoment_stream.encoder_run import NS_PER_S
from mmoment_stream.push_report import PushReport
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_director import NO_TARGET, NOBODY_CHECKED_IN, StreamReport
from mmoment_stream.stream_settings import StreamSettings

HELD_BACK = {
    NO_TARGET: 'no target that is wanted is configured and enabled',
    NOBODY_CHECKED_IN: 'nobody is checked in',
}
BAD_STATES = (RecoveryState.WAITING_TO_RETRY, RecoveryState.FAILED)


@dataclass(frozen=True, slots=True)
class Words:
    """How something is, for people. The same in diagnostics and wherever a status is told."""

    text: str
    is_problem: bool = False


def status_message(report: StreamReport, header: Header) -> msg.StreamStatus:
    """The push as a whole."""
    settings = report.wish.settings
    return msg.StreamStatus(
        header=header,
        wanted=report.wish.is_wanted,
        live=report.is_live,
        held_back=report.held_back,
        push=_state(report.push),
        channel=settings.channel,
        schedule=settings.schedule,
        bitrate_kbps=settings.bitrate_kbps,
        targets=[
            _target_status(each, wanted=report.wish.wanted.has(each.name))
            for each in report.targets
        ],
    )


def settings_message(settings: StreamSettings) -> msg.StreamSettings:
    """What is configured."""
    return msg.StreamSettings(
        channel=settings.channel,
        schedule=settings.schedule,
        bitrate_kbps=settings.bitrate_kbps,
        targets=[_target(each) for each in settings.targets],
    )


def settings_of_message(message: msg.StreamSettings) -> StreamSettings:
    """What somebody wants to be configured, right or wrong."""
    return StreamSettings(
        channel=message.channel,
        schedule=message.schedule,
        bitrate_kbps=message.bitrate_kbps,
        targets=tuple(
            PushTarget(
                each.name,
                each.provider,
                each.url,
                each.key_file,
                each.stream_id,
                each.silent_audio,
                each.enabled,
            )
            for each in message.targets
        ),
    )


def words_of(status: msg.StreamStatus) -> Words:
    """How the push is as a whole."""
    if not status.wanted:
        return Words('not wanted')
    if status.held_back:
        is_mistake = status.held_back == NO_TARGET
        return Words(f'held back: {HELD_BACK[status.held_back]}', is_mistake)
    wanted = [each for each in status.targets if each.enabled and each.wanted]
    live = sum(each.push.state == RecoveryState.LIVE for each in wanted)
    return Words(f'{_name(status.push)}: {live} of {len(wanted)} targets', live < len(wanted))


def words_of_target(status: msg.StreamTargetStatus) -> Words:
    """How one push is."""
    if not status.enabled:
        return Words('left out')
    if not status.wanted:
        return Words('not wanted')
    if status.push.state in BAD_STATES:
        return Words(news_of_target(status), is_problem=True)
    if status.push.state != RecoveryState.LIVE:
        return Words(_name(status.push))
    if status.slate:
        return Words('live, with a picture that says the camera is away', is_problem=True)
    if status.provider_issues:
        return Words(f'live; the provider finds: {"; ".join(status.provider_issues)}', True)
    return Words(f'live: {status.fps:.1f} pictures per second, {status.kbps:.0f} kbit/s')


def news_of_target(status: msg.StreamTargetStatus) -> str:
    """What belongs into a log when it changes; empty: nothing, it is on its way."""
    if status.push.state == RecoveryState.CONNECTING:
        return ''
    if status.push.state in BAD_STATES:
        return f'{_name(status.push)}: {status.push.last_error}'
    return _name(status.push)


def stream_values(status: msg.StreamStatus) -> dict[str, object]:
    """What goes with the words about the push as a whole."""
    return {
        'state': _name(status.push),
        'wanted': status.wanted,
        'held_back': status.held_back,
        'channel': status.channel,
        'schedule': status.schedule,
        'bitrate_kbps': status.bitrate_kbps,
    }


def target_values(status: msg.StreamTargetStatus) -> dict[str, object]:
    """What goes with the words about one push."""
    return {
        'state': _name(status.push),
        'wanted': status.wanted,
        'address': status.address,
        'error_code': status.error_code,
        'last_error': status.push.last_error,
        'retries': status.push.retries,
        'reconnects': status.reconnects,
        'fps': f'{status.fps:.1f}',
        'kbps': f'{status.kbps:.0f}',
        'target_kbps': f'{status.target_kbps:.0f}',
        'bytes_sent': status.bytes_sent,
        'packets_sent': status.packets_sent,
        'dropped': status.dropped,
        'queued_bytes': status.queued_bytes,
    }


def _name(state: msg.ComponentState) -> str:
    return RecoveryState(state.state).name.lower()


def _state(snapshot: RecoverySnapshot) -> msg.ComponentState:
    return msg.ComponentState(
        state=int(snapshot.state),
        since=_time(snapshot.since_s),
        last_error=snapshot.last_error,
        retries=snapshot.retries,
        next_try_s=snapshot.next_try_s,
    )


def _target_status(report: PushReport, *, wanted: bool) -> msg.StreamTargetStatus:
    return msg.StreamTargetStatus(
        name=report.name,
        provider=report.provider,
        address=report.address,
        enabled=report.enabled,
        wanted=wanted,
        push=_state(report.push),
        error_code=report.error_code,
        bytes_sent=report.bytes_sent,
        packets_sent=report.packets_sent,
        dropped=report.dropped,
        reconnects=report.reconnects,
        fps=report.fps,
        kbps=report.kbps,
        target_kbps=report.target_kbps,
        queued_bytes=report.queued_bytes,
        slate=report.slate,
        playback_id=report.playback.playback_id,
        hls_url=report.playback.hls_url,
        webrtc_url=report.playback.webrtc_url,
        provider_known=report.provider_known,
        provider_active=report.provider_active,
        provider_healthy=report.provider_healthy,
        provider_issues=list(report.provider_issues),
        provider_error=report.provider_error,
        provider_checked=_time(report.provider_checked_s),
    )


def _target(target: PushTarget) -> msg.StreamTarget:
    return msg.StreamTarget(
        name=target.name,
        provider=target.provider,
        url=target.url,
        key_file=target.key_file,
        stream_id=target.stream_id,
        silent_audio=target.silent_audio,
        enabled=target.enabled,
    )


def _time(utc_s: float) -> Time:
    utc_ns = max(0, round(utc_s * NS_PER_S))
    return Time(sec=utc_ns // NS_PER_S, nanosec=utc_ns % NS_PER_S)
