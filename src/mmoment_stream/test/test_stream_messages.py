"""What is said of the push: one status, and diagnostics that say the same."""

import dataclasses

import pytest

pytest.importorskip('rclpy')

from std_msgs.msg import Header

from mmoment_node.recovery import RecoverySnapshot, RecoveryState
from mmoment_stream.push_report import PushReport
from mmoment_stream.push_target import Playback, PushTarget
from mmoment_stream.stream_director import StreamReport
from mmoment_stream.stream_memory import StreamWish
from mmoment_stream.stream_messages import (
    news_of_target,
    settings_message,
    settings_of_message,
    status_message,
    stream_values,
    target_values,
    words_of,
    words_of_target,
)
from mmoment_stream.stream_settings import StreamSettings
from mmoment_stream.stream_wanted import WantedTargets

LIVE = RecoverySnapshot(RecoveryState.LIVE, since_s=1_700_000_000.25)
LOST = RecoverySnapshot(
    RecoveryState.WAITING_TO_RETRY, 1_700_000_001.0, 'The server does not answer', 3, 1.5
)
BAD = RecoverySnapshot(RecoveryState.FAILED, last_error='The key file cannot be read')
MAIN = PushReport('main', 'livepeer', 'rtmp://host/live', True, LIVE)


def message(*targets, wanted=True, held_back='', push=None):
    if isinstance(wanted, bool):
        wanted = WantedTargets(wanted)
    wish = StreamWish(wanted, StreamSettings('annotated', 'while_checked_in', 900))
    return status_message(
        StreamReport(wish, held_back, push or targets[0].push, targets), Header(frame_id='x')
    )


def test_every_field_of_a_report_is_told():
    report = PushReport(
        name='main',
        provider='livepeer',
        address='rtmp://host/live',
        enabled=True,
        push=LOST,
        error_code='timed_out',
        bytes_sent=5_000_000_000,
        packets_sent=6,
        dropped=7,
        reconnects=8,
        fps=9.5,
        kbps=10.5,
        target_kbps=11.5,
        queued_bytes=12,
        slate=True,
        playback=Playback('id', 'https://hls', 'https://webrtc'),
        provider_known=True,
        provider_active=True,
        provider_healthy=True,
        provider_issues=('slow',),
        provider_error='away',
        provider_checked_s=1_700_000_002.5,
    )
    told = message(report).targets[0]
    for field in dataclasses.fields(PushReport):
        value = getattr(report, field.name)
        if field.name == 'playback':
            found = (told.playback_id, told.hls_url, told.webrtc_url)
            assert found == dataclasses.astuple(value)
        elif field.name == 'provider_checked_s':
            stamp = told.provider_checked
            assert (stamp.sec, stamp.nanosec) == (1_700_000_002, 500_000_000)
        elif field.name != 'push':
            found = getattr(told, field.name)
            assert (tuple(found) if field.name == 'provider_issues' else found) == value
    push = told.push
    assert (push.state, push.since.sec, push.retries, push.next_try_s) == (3, 1_700_000_001, 3, 1.5)
    assert push.last_error == 'The server does not answer'


def test_the_whole_is_told():
    told = message(MAIN, push=LIVE, held_back='nobody_checked_in')
    assert (told.wanted, told.live, told.held_back) == (True, True, 'nobody_checked_in')
    assert (told.channel, told.schedule, told.bitrate_kbps) == (
        'annotated',
        'while_checked_in',
        900,
    )
    push = told.push
    assert (push.state, push.since.sec) == (RecoveryState.LIVE, 1_700_000_000)
    assert push.since.nanosec == pytest.approx(250_000_000, abs=1000)
    assert told.header.frame_id == 'x'


def test_each_target_tells_whether_it_is_wanted():
    second, off = (
        dataclasses.replace(MAIN, name='second', push=RecoverySnapshot()),
        dataclasses.replace(MAIN, name='off', enabled=False, push=RecoverySnapshot()),
    )
    told = message(MAIN, second, off, wanted=WantedTargets(True, frozenset(('second',))))
    assert [each.wanted for each in told.targets] == [True, False, True]
    assert [target_values(each)['wanted'] for each in told.targets] == [True, False, True]
    words = [words_of_target(each) for each in told.targets]
    assert [each.text.partition(':')[0] for each in words] == ['live', 'not wanted', 'left out']
    # What nobody has started is not missing.
    assert (words_of(told).text, words_of(told).is_problem) == ('live: 1 of 1 targets', False)


def test_settings_pass_both_ways():
    target = PushTarget('main', 'livepeer', 'rtmp://host', 'main.key', 'ab', True, False)
    settings = StreamSettings('annotated', 'while_checked_in', 900, (target,))
    assert settings_of_message(settings_message(settings)) == settings


@pytest.mark.parametrize(
    ('report', 'text', 'is_problem'),
    [
        ({'enabled': False}, 'left out', False),
        ({'push': RecoverySnapshot()}, 'idle', False),
        ({'push': RecoverySnapshot(RecoveryState.CONNECTING)}, 'connecting', False),
        ({'push': LOST}, 'waiting_to_retry: The server does not answer', True),
        ({'push': BAD}, 'failed: The key file cannot be read', True),
        ({'fps': 29.96, 'kbps': 2500.4}, 'live: 30.0 pictures per second, 2500 kbit/s', False),
        ({'slate': True}, 'live, with a picture that says the camera is away', True),
        ({'provider_issues': ('slow', 'late')}, 'live; the provider finds: slow; late', True),
    ],
)
def test_words_of_a_target(report, text, is_problem):
    status = message(dataclasses.replace(MAIN, **report)).targets[0]
    words = words_of_target(status)
    assert (words.text, words.is_problem) == (text, is_problem)
    assert text.startswith(str(target_values(status)['state'])) or not status.enabled


def test_a_log_has_what_became_of_a_push_without_figures():
    states = [RecoverySnapshot(), RecoverySnapshot(RecoveryState.CONNECTING), LIVE, LOST, BAD]
    news = [
        news_of_target(message(dataclasses.replace(MAIN, push=state, fps=29.9)).targets[0])
        for state in states
    ]
    assert news == [
        'idle',
        '',
        'live',
        'waiting_to_retry: The server does not answer',
        'failed: The key file cannot be read',
    ]


@pytest.mark.parametrize(
    ('status', 'text', 'is_problem'),
    [
        (message(MAIN, wanted=False), 'not wanted', False),
        (message(MAIN, held_back='no_target'), 'held back: no target that is wanted', True),
        (message(MAIN, held_back='nobody_checked_in'), 'held back: nobody is checked in', False),
        (message(MAIN, MAIN), 'live: 2 of 2 targets', False),
        (message(MAIN, dataclasses.replace(MAIN, push=LOST)), 'live: 1 of 2 targets', True),
        (message(MAIN, dataclasses.replace(MAIN, enabled=False)), 'live: 1 of 1', False),
        (message(dataclasses.replace(MAIN, push=LOST)), 'waiting_to_retry: 0 of 1', True),
    ],
)
def test_words_of_the_whole(status, text, is_problem):
    words = words_of(status)
    assert words.text.startswith(text)
    assert words.is_problem == is_problem
    assert stream_values(status)['held_back'] == status.held_back
