from dataclasses import fields, replace

import pytest
from fake_stream import MAIN, ON_AIR, SETTINGS, SINCE_MS, STUDIO

from mmoment_api.pushed_stream import ProviderNews, PushedStream
from mmoment_api.stream_control import PushState, SettingsChange, TargetSettings, TargetStatus
from mmoment_api.stream_models import (
    OTHER_ERROR,
    SettingsRequest,
    StreamData,
    TargetAnswer,
    settings_answer,
    stream_answer,
    stream_data,
)
from mmoment_stream.push_target import PUSH_ERRORS


@pytest.fixture
def pushed(clock):
    result = PushedStream(clock)
    result.hear(ON_AIR)
    return result


def told(pushed, with_targets=True):
    answer = stream_answer(pushed, 5, with_targets=with_targets)
    return answer.model_dump(by_alias=True)


def test_the_summary_is_of_the_whole_and_of_the_target_that_can_be_watched(pushed):
    pushed.hear_encoder('public', 'libx264')
    pushed.hear_news(ProviderNews('stream.started', 9))
    assert stream_data(pushed) == {
        'running': True,
        'wanted': True,
        'live': True,
        'held_back': None,
        'state': 'live',
        'since': SINCE_MS,
        'last_error': None,
        'error_code': None,
        'retries': 0,
        'next_try_s': 0.0,
        'channel': 'public',
        'schedule': 'always',
        'bitrate_kbps': 2500,
        'encoder': 'libx264',
        'target': 'studio',
        'bytes_sent': 2**33,
        'fps': 29.99,
        'bitrate': 2480.0,
        'dropped': 5,
        'playback_id': 'abcd1234efgh5678',
        'hls_url': 'https://play.example.org/hls/abcd1234efgh5678/index.m3u8',
        'webrtc_url': 'https://play.example.org/webrtc/abcd1234efgh5678',
        'provider_event': 'stream.started',
        'provider_event_at': 9,
    }
    assert StreamData.model_fields.keys() == stream_data(pushed).keys()


def test_each_target_has_all_fields_of_the_message(pushed):
    main, studio = told(pushed)['targets']
    assert (main['state'], main['since'], main['retries']) == ('waiting_to_retry', SINCE_MS, 3)
    assert (main['last_error'], main['error_code']) == ('The server does not answer', 'timed_out')
    assert main['next_try_s'] == 4.5
    assert main['playback_id'] is None
    assert (studio['fps'], studio['kbps'], studio['target_kbps']) == (29.99, 2480.0, 2500.0)
    assert studio['provider_issues'] == ['low bitrate']
    assert studio['provider_checked'] == SINCE_MS + 9000
    known = {item.name for item in fields(TargetStatus)} - {'push', 'provider_checked_ms'}
    state = {'state', 'since', 'last_error', 'error_code', 'retries', 'next_try_s'}
    assert TargetAnswer.model_fields.keys() == known | state | {'provider_checked'}
    for name in ('name', 'provider', 'address', 'enabled', 'packets_sent', 'queued_bytes', 'slate'):
        assert studio[name] == getattr(STUDIO, name)
        assert main[name] == (getattr(MAIN, name))


def test_each_target_tells_whether_it_is_wanted(pushed):
    pushed.hear(replace(ON_AIR, targets=(replace(MAIN, wanted=False), STUDIO)))
    assert [target['wanted'] for target in told(pushed)['targets']] == [False, True]


def test_existing_clients_find_their_fields(pushed):
    answer = told(pushed)
    assert answer['isActive'] is True
    assert answer['playbackId'] == 'abcd1234efgh5678'
    assert answer['streamUrl'] == answer['hls_url']
    assert (answer['success'], answer['timestamp']) == (True, 5)


def test_where_targets_are_is_not_for_everybody(pushed):
    answer = told(pushed, with_targets=False)
    assert answer['targets'] is None
    assert 'media.example.org' not in str(answer)
    assert answer['live'] is True


@pytest.mark.parametrize(
    ('code', 'sentence'),
    [('no_key', PUSH_ERRORS['no_key']), ('of_later', OTHER_ERROR), ('', OTHER_ERROR)],
)
def test_details_of_errors_are_not_for_everybody(pushed, code, sentence):
    push = PushState('failed', SINCE_MS, f'{PUSH_ERRORS["no_key"]}: /home/camera/secret.key')
    target = replace(MAIN, push=push, error_code=code)
    pushed.hear(replace(ON_AIR, live=False, push=push, targets=(STUDIO, target)))
    for data in (stream_data(pushed), told(pushed, with_targets=False)):
        assert (data['last_error'], data['error_code']) == (sentence, code or None)
        assert 'secret.key' not in str(data)
    answer = told(pushed)
    assert answer['last_error'] == push.last_error == answer['targets'][1]['last_error']


def test_without_the_part_nothing_is_known(pushed, clock):
    clock.now_s += 10.0
    answer = told(pushed)
    assert (answer['running'], answer['state'], answer['since']) == (False, 'silent', None)
    assert (answer['live'], answer['wanted'], answer['isActive']) == (False, False, False)
    assert answer['targets'] == []
    assert answer['channel'] is None


@pytest.mark.parametrize(
    'state', ['idle', 'connecting', 'live', 'waiting_to_retry', 'failed', 'silent', 'unknown']
)
def test_every_state_has_its_word(pushed, state):
    pushed.hear(type(ON_AIR)(push=PushState(state)))
    assert told(pushed)['state'] == state


def test_settings_there_and_back():
    answer = settings_answer(SETTINGS)
    assert answer.targets[0].key_file == 'main.key'
    assert answer.key_folder == SETTINGS.key_folder
    again = SettingsRequest.model_validate(answer.model_dump())
    assert again.change() == SettingsChange(
        SETTINGS.channel, SETTINGS.schedule, SETTINGS.bitrate_kbps, SETTINGS.targets
    )


def test_what_is_left_out_stays():
    assert SettingsRequest.model_validate({}).change() == SettingsChange()
    asked = SettingsRequest.model_validate({'targets': [{'name': 'a', 'url': 'rtmp://b/c'}]})
    assert asked.change().targets == (TargetSettings('a', 'rtmp', 'rtmp://b/c'),)
    assert SettingsRequest.model_validate({'targets': []}).change().targets == ()
