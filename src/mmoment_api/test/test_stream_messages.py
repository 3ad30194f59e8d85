"""Calls of stream_node and what it publishes, between two real nodes of one process."""

import json
import os

import pytest
from builtin_interfaces.msg import Time
from two_nodes import LATCHED, PartNodes, until

from mmoment_api.errors import ApiError
from mmoment_api.event_models import EVENT_MODELS
from mmoment_api.media_control import CAMERA_OWNER, Asker
from mmoment_api.pushed_stream import SILENT_AFTER_S
from mmoment_api.stream_control import (
    PushState,
    SettingsChange,
    StreamSettings,
    StreamStatus,
    TargetSettings,
    TargetStatus,
)
from mmoment_api.stream_messages import SERVICES
from mmoment_api.stream_topics import StreamTopics
from mmoment_interfaces import msg
from mmoment_interfaces.msg import ComponentState, EncoderStatus

pytestmark = pytest.mark.graph

ASKER = Asker('s1', 'So11111111111111111111111111111111111111112')
NOW_S = 1_700_000_000


def push_message(state=ComponentState.WAITING_TO_RETRY):
    return ComponentState(
        state=state,
        since=Time(sec=NOW_S, nanosec=250_000_000),
        last_error='The server does not answer',
        retries=3,
        next_try_s=4.5,
    )


TARGET = msg.StreamTargetStatus(
    name='studio',
    provider='livepeer',
    address='rtmp://rtmp.example.org/live',
    enabled=True,
    wanted=True,
    push=push_message(),
    error_code='timed_out',
    bytes_sent=2**40,
    packets_sent=900,
    dropped=5,
    reconnects=2,
    fps=29.5,
    kbps=2480.0,
    target_kbps=float('inf'),
    queued_bytes=512,
    slate=True,
    playback_id='abcd',
    hls_url='https://play.example.org/a.m3u8',
    webrtc_url='https://play.example.org/webrtc',
    provider_known=True,
    provider_active=True,
    provider_healthy=True,
    provider_issues=['low bitrate'],
    provider_error='The provider asks to wait',
    provider_checked=Time(sec=NOW_S + 9),
)
STATUS = msg.StreamStatus(
    wanted=True,
    live=True,
    held_back='nobody_checked_in',
    push=push_message(ComponentState.LIVE),
    channel='annotated',
    schedule='while_checked_in',
    bitrate_kbps=1800,
    targets=[TARGET],
)
PUSH = PushState(
    'waiting_to_retry', NOW_S * 1000 + 250, 'The server does not answer', 3, pytest.approx(4.5)
)
KNOWN = StreamStatus(
    wanted=True,
    live=True,
    held_back='nobody_checked_in',
    push=PushState('live', PUSH.since_ms, PUSH.last_error, 3, PUSH.next_try_s),
    channel='annotated',
    schedule='while_checked_in',
    bitrate_kbps=1800,
    targets=(
        TargetStatus(
            name='studio',
            provider='livepeer',
            address='rtmp://rtmp.example.org/live',
            enabled=True,
            wanted=True,
            push=PUSH,
            error_code='timed_out',
            bytes_sent=2**40,
            packets_sent=900,
            dropped=5,
            reconnects=2,
            fps=29.5,
            kbps=2480.0,
            target_kbps=0.0,
            queued_bytes=512,
            slate=True,
            playback_id='abcd',
            hls_url='https://play.example.org/a.m3u8',
            webrtc_url='https://play.example.org/webrtc',
            provider_known=True,
            provider_active=True,
            provider_healthy=True,
            provider_issues=('low bitrate',),
            provider_error='The provider asks to wait',
            provider_checked_ms=(NOW_S + 9) * 1000,
        ),
    ),
)
SETTINGS = msg.StreamSettings(
    channel='public',
    schedule='always',
    bitrate_kbps=2500,
    targets=[
        msg.StreamTarget(
            name='studio',
            provider='livepeer',
            url='u',
            key_file='livepeer.key',
            stream_id='id',
            silent_audio=True,
            enabled=False,
        )
    ],
)
TARGET_SETTINGS = TargetSettings('studio', 'livepeer', 'u', 'livepeer.key', 'id', True, False)
KNOWN_SETTINGS = StreamSettings('public', 'always', 2500, (TARGET_SETTINGS,), '/keys')


class StreamNodes(PartNodes):
    """The web node's side, and a stream_node that answers as it is told."""

    PART, SERVICES, CALLS = 'stream_node', SERVICES, 'stream_calls'
    SERVICE_OF = dict.fromkeys(
        ('stream_settings', 'change_stream', 'forget_stream_settings'), 'configure_stream'
    )

    def play(self):
        super().play()
        self.status = self.other.create_publisher(msg.StreamStatus, 'stream_status', LATCHED)
        self.encoders = {
            channel: self.other.create_publisher(EncoderStatus, topic, LATCHED)
            for channel, topic in (
                ('public', 'encoder_status'),
                ('annotated', 'overlay/encoder_status'),
            )
        }
        # Said before anybody listens.
        self.status.publish(STATUS)

    def hear(self):
        self.listen_by(StreamTopics(self.own, self.state.pushed, self.hub))

    def events_of(self, cause, count):
        """The next events of type stream, as an owner's page gets them."""

        async def scenario(heard):
            cause()
            return [(await heard())['data'] for _ in range(count)]

        return self.listening({'stream'}, scenario)


@pytest.fixture(scope='module')
def graph():
    nodes = StreamNodes(f'test_stream_messages_{os.getpid()}')
    yield nodes
    nodes.close()


def test_what_was_said_before_is_known(graph):
    assert until(graph.state.pushed.now) == KNOWN


def test_starting_and_stopping(graph):
    status, asked = graph.call('start_stream', ASKER, status=STATUS)
    assert (status, asked.session_id, asked.target) == (KNOWN, 's1', '')
    status, asked = graph.call('stop_stream', CAMERA_OWNER)
    assert (status, asked.session_id, asked.target) == (StreamStatus(), '', '')
    for name in ('start_stream', 'stop_stream'):
        _, asked = graph.call(name, ASKER, 'studio')
        assert (asked.session_id, asked.target) == ('s1', 'studio')


def test_settings(graph):
    answer = {'settings': SETTINGS, 'key_folder': '/keys'}
    settings, asked = graph.call('stream_settings', **answer)
    assert settings == KNOWN_SETTINGS
    assert (asked.session_id, list(asked.fields), asked.forget) == ('', [], False)
    change = SettingsChange(bitrate_kbps=0, targets=(TARGET_SETTINGS,))
    settings, asked = graph.call('change_stream', change, **answer)
    assert settings == KNOWN_SETTINGS
    assert list(asked.fields) == ['bitrate_kbps', 'targets']
    assert (list(asked.settings.targets), asked.forget) == (SETTINGS.targets, False)
    # No target at all is something to say as well.
    change = SettingsChange('annotated', 'always', None, ())
    _, asked = graph.call('change_stream', change, **answer)
    assert list(asked.fields) == ['channel', 'schedule', 'targets']
    assert (asked.settings.channel, list(asked.settings.targets)) == ('annotated', [])
    _, asked = graph.call('forget_stream_settings', **answer)
    assert asked.forget is True


def test_the_provider_is_asked_again(graph):
    graph.call('refresh_stream')
    with pytest.raises(ApiError) as refusal:
        graph.call('refresh_stream', success=False, message='Still starting')
    assert (refusal.value.status, refusal.value.message) == (503, 'Still starting')


@pytest.mark.parametrize(
    ('method', 'arguments', 'code', 'status'),
    [
        ('start_stream', (ASKER,), 'no_target', 409),
        ('start_stream', (ASKER, 'gone'), 'unknown_target', 404),
        ('stop_stream', (ASKER, 'off'), 'target_left_out', 409),
        ('stop_stream', (ASKER,), 'missing_right', 403),
        ('change_stream', (SettingsChange(),), 'malformed', 422),
        ('stream_settings', (), 'not_ready', 503),
    ],
)
def test_refusals(graph, method, arguments, code, status):
    with pytest.raises(ApiError) as refusal:
        graph.call(method, *arguments, success=False, error_code=code, message='Why')
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert refusal.value.message == 'Why'


def test_each_status_is_an_event_and_silence_is_one(graph):
    graph.encoders['public'].publish(EncoderStatus(encoder='libx264'))
    graph.encoders['annotated'].publish(EncoderStatus(encoder='h264_nvenc'))
    graph.status.publish(STATUS)
    until(lambda: graph.state.pushed.encoder() == 'h264_nvenc')
    (data,) = graph.events_of(lambda: graph.status.publish(STATUS), 1)
    EVENT_MODELS['stream'].model_validate(data, strict=True)
    assert EVENT_MODELS['stream'].model_fields.keys() == data.keys()
    assert (data['live'], data['state'], data['playback_id']) == (True, 'live', 'abcd')
    # Where targets are is not for everybody who looks.
    assert 'rtmp.example.org' not in json.dumps(data)
    try:
        (_, data) = graph.events_of(lambda: setattr(graph.clock, 'ahead_s', SILENT_AFTER_S), 2)
        assert (data['running'], data['live'], data['state']) == (False, False, 'silent')
    finally:
        graph.clock.ahead_s = 0.0
    (_, data) = graph.events_of(lambda: graph.status.publish(STATUS), 2)
    assert data['running'] is True
