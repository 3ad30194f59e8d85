"""The push by REST: who may see, start, stop and configure it, and what Livepeer may say."""

import json

import pytest
from fake_stream import IDLE, ON_AIR, SETTINGS
from people import ANN
from signed_hooks import SECRET, body_of, signed

from mmoment_api.media_control import CAMERA_OWNER, Asker
from mmoment_api.stream_control import SettingsChange, TargetSettings, refused_by_stream

WEBHOOK = '/api/stream/livepeer/webhook'


@pytest.fixture
def stream(services):
    return services.stream


@pytest.fixture
def person(services, session_control, caller_of):
    def make(*rights):
        return caller_of(services).checked_in(session_control.open(ANN, rights))

    return make


@pytest.mark.parametrize('path', ['/api/stream/status', '/api/stream/livepeer/status'])
def test_status_for_those_who_may_push_and_for_those_who_look(services, owner, person, path):
    services.state.pushed.hear(ON_AIR)
    answer = owner.get(path).json()
    assert [item['name'] for item in answer['targets']] == ['main', 'studio']
    assert answer['targets'][0]['state'] == 'waiting_to_retry'
    assert (answer['state'], answer['isActive']) == ('live', True)
    pushes, looks = person('view', 'stream').get(path).json(), person('view').get(path).json()
    assert pushes['targets'] == answer['targets']
    assert (looks['live'], looks['targets']) == (True, None)


def test_a_part_that_is_not_there_is_told_by_the_status(owner, services):
    answer = owner.get('/api/stream/status')
    assert answer.status_code == 200
    assert (answer.json()['running'], answer.json()['state']) == (False, 'silent')
    services.stream.is_away = True
    for method, path in (
        ('POST', '/api/stream/start'),
        ('POST', '/api/stream/livepeer/stop'),
        ('GET', '/api/stream/settings'),
        ('PATCH', '/api/stream/settings'),
        ('DELETE', '/api/stream/settings'),
    ):
        answer = owner(method, path, **({'json': {}} if method == 'PATCH' else {}))
        assert (answer.status_code, answer.json()['error']) == (503, 'part_not_running')
        assert answer.json()['part'] == 'stream_node'


@pytest.mark.parametrize('prefix', ['/api/stream', '/api/stream/livepeer'])
def test_it_is_started_and_stopped(owner, person, stream, services, prefix):
    answer = owner.post(f'{prefix}/start').json()
    assert (answer['live'], answer['state']) == (True, 'live')
    # Nobody has to wait for the next status to be told the same.
    assert services.state.pushed.now() == ON_AIR
    answer = person('stream').post(f'{prefix}/stop', json={'_t': 1}).json()
    assert (answer['live'], answer['state'], answer['targets']) == (False, 'idle', [])
    assert services.state.pushed.now() == IDLE
    assert stream.asked == [
        ('start_stream', CAMERA_OWNER, ''),
        ('stop_stream', Asker('s1', ANN), ''),
    ]


@pytest.mark.parametrize('prefix', ['/api/stream', '/api/stream/livepeer'])
@pytest.mark.parametrize('what', ['start', 'stop'])
def test_one_target_is_named(owner, stream, prefix, what):
    for body, target in (
        ({'target': 'studio'}, 'studio'),
        ({'target': ''}, ''),
        ({'target': None}, ''),
    ):
        assert owner.post(f'{prefix}/{what}', json=body).status_code == 200
        assert stream.asked.pop() == (f'{what}_stream', CAMERA_OWNER, target)
    for wrong in (7, ['studio'], 'x' * 300):
        answer = owner.post(f'{prefix}/{what}', json={'target': wrong})
        assert (answer.status_code, answer.json()['field']) == (422, 'target')
    assert stream.asked == []


@pytest.mark.parametrize(
    ('code', 'status'),
    [
        ('no_target', 409),
        ('unknown_target', 404),
        ('target_left_out', 409),
        ('missing_right', 403),
        ('no_session', 401),
    ],
)
def test_what_is_refused_has_its_code(person, stream, code, status):
    stream.refusal = refused_by_stream(code, 'Why')
    answer = person('stream').post('/api/stream/start')
    assert (answer.status_code, answer.json()['message']) == (status, 'Why')


def test_settings_are_read_changed_and_forgotten(owner, stream):
    answer = owner.get('/api/stream/settings').json()
    assert answer['key_folder'] == SETTINGS.key_folder
    assert answer['targets'][0]['key_file'] == 'main.key'
    target = {'name': 'studio', 'provider': 'livepeer', 'key_file': 'livepeer.key'}
    change = {'bitrate_kbps': 1800, 'targets': [target]}
    answer = owner('PATCH', '/api/stream/settings', json=change).json()
    assert (answer['bitrate_kbps'], answer['channel']) == (1800, 'public')
    assert [item['name'] for item in answer['targets']] == ['studio']
    kept = (TargetSettings('studio', 'livepeer', key_file='livepeer.key'),)
    assert stream.asked[-1] == ('change_stream', SettingsChange(bitrate_kbps=1800, targets=kept))
    answer = owner('DELETE', '/api/stream/settings').json()
    assert [item['name'] for item in answer['targets']] == ['main']


@pytest.mark.parametrize(
    ('change', 'field'),
    [
        ({'channel': 'everything'}, 'channel'),
        ({'schedule': 'never'}, 'schedule'),
        ({'bitrate_kbps': -1}, 'bitrate_kbps'),
        ({'bitrate_kbps': 2**32}, 'bitrate_kbps'),
        ({'targets': [{'url': 'rtmp://a/b'}]}, 'targets.0.name'),
        ({'targets': [{'name': 'a', 'provider': 'other'}]}, 'targets.0.provider'),
        ({'targets': [{'name': 'a', 'url': 'x' * 3000}]}, 'targets.0.url'),
    ],
)
def test_what_no_part_could_take_names_its_field(owner, stream, change, field):
    answer = owner('PATCH', '/api/stream/settings', json=change)
    assert (answer.status_code, answer.json()['field']) == (422, field)
    assert stream.asked == []


def test_what_the_part_does_not_take_is_said_in_its_words(owner, stream):
    stream.refusal = refused_by_stream('malformed', 'target main: the address has no server')
    answer = owner('PATCH', '/api/stream/settings', json={'targets': [{'name': 'main'}]})
    assert (answer.status_code, answer.json()['error']) == (422, 'malformed')
    assert answer.json()['message'] == 'target main: the address has no server'


def test_info_leads_to_the_camera_or_to_what_is_pushed(owner, services, camera):
    services.state.hear_camera(camera())
    here = owner.get('/api/stream/info').json()
    assert (here['isActive'], here['streamType'], here['playbackId']) == (False, 'mjpeg', None)
    services.state.pushed.hear(ON_AIR)
    answer = owner.get('/api/stream/info').json()
    assert answer['isActive'] is True
    assert (answer['streamType'], answer['playbackId']) == ('livepeer', 'abcd1234efgh5678')
    assert answer['streamUrl'].endswith('/index.m3u8')
    assert (answer['resolution'], answer['fps']) == ('1280x720', 29.7)


def test_the_public_learns_that_it_is_on_air_and_not_where(caller, owner, person, services):
    services.state.pushed.hear(ON_AIR)
    answer = caller.get('/api/status').json()
    assert answer['isStreaming'] is True
    assert answer['streamInfo'] == {'playbackId': None, 'isActive': True, 'format': 'livepeer'}
    for known in (owner, person('view')):
        told = known.get('/api/status').json()['data']
        assert told['streamInfo']['playbackId'] == 'abcd1234efgh5678'
    assert caller.get('/api/camera/info').json()['capabilities']['streaming'] is True


# --- webhooks ---------------------------------------------------------------------------------


@pytest.fixture
def hooked(make_services, caller_of, session_control, tmp_path):
    """A caller without any session, at a camera that takes webhooks, and its services."""
    secret = tmp_path / 'secret'
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    services = make_services(secret_file=str(secret))
    return caller_of(services), services, session_control.utc_ms


def test_livepeer_has_the_state_asked_for_and_told(hooked):
    caller, services, now_ms = hooked
    body = body_of(timestamp=now_ms)
    headers = {'Livepeer-Signature': signed(body, at_ms=now_ms)}
    answer = caller.post(WEBHOOK, content=body, headers=headers)
    assert answer.json() == {'success': True, 'event': 'stream.started', 'duplicate': False}
    again = caller.post(WEBHOOK, content=body, headers=headers)
    assert again.json()['duplicate'] is True
    assert services.stream.asked == [('refresh_stream',)]
    assert services.state.pushed.news.event == 'stream.started'


def test_what_came_in_vain_is_sent_again(hooked):
    caller, services, now_ms = hooked
    body = body_of(timestamp=now_ms)
    headers = {'Livepeer-Signature': signed(body, at_ms=now_ms)}
    services.stream.is_away = True
    assert caller.post(WEBHOOK, content=body, headers=headers).status_code == 503
    assert services.state.pushed.news is None
    services.stream.is_away = False
    assert caller.post(WEBHOOK, content=body, headers=headers).json()['duplicate'] is False


def test_a_stranger_moves_nothing(hooked):
    caller, services, now_ms = hooked
    body = body_of(timestamp=now_ms)
    for headers in ({}, {'Livepeer-Signature': signed(body, b'guessed', now_ms)}):
        answer = caller.post(WEBHOOK, content=body, headers=headers)
        assert (answer.status_code, answer.json()['error']) == (401, 'bad_signature')
    large = json.dumps({'event': 'x' * 70_000}).encode()
    assert caller.post(WEBHOOK, content=large).status_code == 413
    assert services.stream.asked == []


def test_without_a_secret_none_are_taken(caller, services):
    answer = caller.post(WEBHOOK, content=body_of())
    assert (answer.status_code, answer.json()['error']) == (404, 'not_enabled')
    assert services.stream.asked == []
