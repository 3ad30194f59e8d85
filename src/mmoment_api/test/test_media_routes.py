"""Photos and clips by REST: who may take them, and stop what."""

import pytest
from people import ANN

from mmoment_api.graph_state import StageState
from mmoment_api.media_control import (
    CAMERA_OWNER,
    PHOTO,
    Asker,
    ClipWish,
    PhotoWish,
    RunningClip,
    refused_by_capture,
)

BOB = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
RIGHTS = ('view', 'capture', 'record')


@pytest.fixture
def media(services):
    return services.media


@pytest.fixture
def ann(person):
    return person(ANN, RIGHTS)


@pytest.fixture
def bob(person):
    return person(BOB, RIGHTS)


# --- photos -----------------------------------------------------------------------------------


def test_a_photo_is_of_whoever_takes_it(ann, owner, media):
    answer = ann.post('/api/capture')
    assert answer.status_code == 200
    body = answer.json()
    assert body['success'] is True
    assert body['filename'].endswith('.jpg')
    assert body['wallet_address'] == ANN
    assert body['url'] == f'/api/photos/{body["filename"]}'
    assert body['timestamp'] == body['created'] == media.records[0].taken_s
    assert isinstance(body['timestamp'], float)
    assert (body['id'], body['kind']) == (media.records[0].media_id, 'photo')
    assert owner.post('/api/capture').json()['wallet_address'] is None
    assert [asker for _, asker, _ in media.asked] == [Asker('s1', ANN), CAMERA_OWNER]


def test_a_photo_with_drawings_is_for_the_owner_of_the_camera(caller_of, services, ann, media):
    both = caller_of(services).signed_in()
    both.cookie += f'; {ann.cookie}'
    for caller, asker in ((both, CAMERA_OWNER), (ann, Asker('s1', ANN))):
        caller.post('/api/capture', json={'annotated': True})
        # Whether a person may, capture_node says.
        assert media.asked[-1][1] == asker


def test_what_of_a_photo_can_be_asked_for(ann, media):
    ann.post('/api/capture', json={'annotated': True, 'format': 'webp', 'timestamp': 5, '_t': 'x'})
    assert media.asked[-1][2] == PhotoWish(annotated=True, format='webp')
    ann.post('/capture_moment', json={'wallet_address': 'x', 'session_id': 'y'})
    assert media.asked[-1][2] == PhotoWish()
    answer = ann.post('/api/capture', json={'format': 'bmp'})
    assert (answer.status_code, answer.json()['field']) == (422, 'format')


def test_an_older_client_takes_a_photo_with_its_token_in_the_body(caller, session_control, media):
    opened = session_control.open(ANN, RIGHTS)
    body = {'wallet_address': ANN, 'session_id': opened.token}
    assert caller.post('/capture_moment', json=body).json()['wallet_address'] == ANN
    assert caller.post('/api/capture', json={**body, 'wallet_address': BOB}).status_code == 401
    assert len(media.asked) == 1


def test_the_owner_who_checked_in_takes_photos_as_themselves(owner_as, media):
    caller = owner_as(ANN, RIGHTS)
    assert caller.post('/api/capture').json()['wallet_address'] == ANN
    assert caller.post('/api/record', json={'action': 'start'}).json()['wallet_address'] == ANN


def test_the_owner_whose_session_lacks_the_right_takes_them_as_the_owner(owner_as, media):
    caller = owner_as(ANN, ('view',))
    assert caller.post('/api/capture').json()['wallet_address'] is None


def test_whoever_may_all_by_their_session_takes_photos_as_themselves_and_sees_all(person, media):
    media.keep(PHOTO, BOB)
    admin = person(ANN, ('admin',))
    assert admin.post('/api/capture').json()['wallet_address'] == ANN
    assert admin.get('/api/photos').json()['count'] == 2


@pytest.mark.parametrize(
    ('code', 'status'),
    [('disk_full', 507), ('no_picture', 503), ('busy', 409), ('session_over', 401)],
)
def test_what_is_refused_has_its_code(ann, media, code, status):
    media.refusal = refused_by_capture(code, 'Why')
    answer = ann.post('/api/capture')
    assert answer.status_code == status
    assert answer.json()['success'] is False
    assert answer.json()['message'] == 'Why'


def test_without_the_part_it_is_named(ann, media):
    media.is_away = True
    for method, path in (('POST', '/api/capture'), ('GET', '/api/photos'), ('GET', '/list_videos')):
        answer = ann(method, path)
        assert (answer.status_code, answer.json()['part']) == (503, 'capture_node')


# --- clips ------------------------------------------------------------------------------------


def test_a_clip_from_start_to_stop(ann, media):
    wish = {'action': 'start', 'duration': 20, 'pre_roll': 2.5}
    started = ann.post('/api/record', json=wish).json()
    assert media.asked[-1] == ('start_clip', Asker('s1', ANN), ClipWish(20.0, 2.5))
    assert (started['success'], started['action']) == (True, 'start')
    assert started['wallet_address'] == ANN
    assert started['filename'] is started['url'] is None
    stopped = ann.post('/api/record', json={'action': 'stop'}).json()
    assert media.asked[-1] == ('stop_clips', Asker('s1', ANN), '')
    assert (stopped['action'], stopped['id']) == ('stop', started['id'])
    assert stopped['filename'].endswith('.mp4')
    assert stopped['url'] == f'/api/videos/{stopped["filename"]}'
    assert stopped['duration'] == 3.2
    assert [clip['id'] for clip in stopped['clips']] == [started['id']]


def test_the_old_addresses_of_a_clip(ann, media):
    started = ann.post('/start_recording').json()
    assert media.asked[-1][2] == ClipWish(0.0, -1.0)
    assert ann.post('/stop_recording', json={'id': started['id']}).json()['id'] == started['id']


@pytest.mark.parametrize(
    ('body', 'field'),
    [
        ({}, 'action'),
        ({'action': 'pause'}, 'action'),
        ({'action': 'start', 'duration': -1}, 'duration'),
        ({'action': 'start', 'duration': 1e9}, 'duration'),
        ({'action': 'start', 'pre_roll': 'long'}, 'pre_roll'),
    ],
)
def test_what_cannot_be_recorded(ann, media, body, field):
    answer = ann.post('/api/record', json=body)
    assert (answer.status_code, answer.json()['field']) == (422, field)
    assert media.asked == []


def test_two_users_cannot_stop_each_other(ann, bob, owner, media):
    first = ann.post('/api/record', json={'action': 'start'}).json()['id']
    second = bob.post('/api/record', json={'action': 'start'}).json()['id']
    answer = bob.post('/api/record', json={'action': 'stop', 'id': first})
    assert (answer.status_code, answer.json()['error']) == (404, 'no_recording')
    # Without an id, one's own only.
    assert bob.post('/api/record', json={'action': 'stop'}).json()['id'] == second
    assert list(media.running) == [first]
    assert bob.post('/api/record', json={'action': 'stop'}).status_code == 404
    stopped = owner.post('/api/record', json={'action': 'stop', 'id': first}).json()
    assert stopped['wallet_address'] == ANN


def test_the_owner_who_names_none_stops_their_own_only(ann, owner, media, services):
    ann.post('/start_recording')
    (anns,) = media.running
    services.state.recordings.hear([RunningClip(anns, ANN)])
    answer = owner.post('/stop_recording')
    assert (answer.status_code, answer.json()['error']) == (404, 'no_recording')
    own = owner.post('/start_recording').json()['id']
    # Before the part has said by itself that it runs.
    assert owner.post('/stop_recording').json()['id'] == own
    assert list(media.running) == [anns]
    assert owner.post('/stop_recording').status_code == 404


def test_one_that_ended_meanwhile_does_not_keep_the_owner_from_ending_the_others(
    owner, media, services
):
    own = owner.post('/start_recording').json()['id']
    services.state.recordings.hear([RunningClip('f' * 32), RunningClip(own)])
    assert owner.post('/stop_recording').json()['id'] == own
    services.state.recordings.hear([RunningClip('f' * 32)])
    media.refusal = refused_by_capture('disk_full', 'No room')
    assert owner.post('/stop_recording').status_code == 507


def test_what_is_no_id_of_a_clip_is_not_asked_for(ann, media):
    answer = ann.post('/api/record', json={'action': 'stop', 'id': '../x'})
    assert (answer.status_code, answer.json()['error']) == (404, 'no_recording')
    assert media.asked == []


def test_status_tells_strangers_only_that_one_runs(ann, bob, owner, caller, services):
    assert caller.get('/api/status').json()['isRecording'] is False
    clip = RunningClip('c' * 32, ANN, 1_700_000_000.5, 3.25, 60.0, 'gesture')
    services.state.recordings.hear([clip])
    for other in (caller, bob):
        answer = other.get('/api/status').json()
        assert answer['isRecording'] is True
        assert answer['recordingInfo'] == {
            'isActive': True,
            'currentFilename': None,
            'recordings': [],
        }
        assert answer['data']['isRecording'] is True
    for known in (ann, owner):
        (told,) = known.get('/api/status').json()['recordingInfo']['recordings']
        assert told == {
            'id': 'c' * 32,
            'walletAddress': ANN,
            'startedAt': 1_700_000_000_500,
            'elapsed': 3.25,
            'limit': 60.0,
            'trigger': 'gesture',
        }


def test_what_the_owner_records_is_told_to_no_session(ann, owner, services):
    services.state.recordings.hear([RunningClip('c' * 32, '')])
    assert ann.get('/api/status').json()['recordingInfo']['recordings'] == []
    assert len(owner.get('/api/status').json()['recordingInfo']['recordings']) == 1


def test_formats_and_capabilities_are_those_of_the_parts_that_run(caller, services):
    def hear(stage):
        services.state.hear_stage(StageState(1000.0, stage, '', 0.0, 0.0, 0.0, 0, 0, 0))

    formats = caller.get('/api/status').json()['supportedFormats']
    assert (formats['photo'], formats['video']) == ([], [])
    hear('capture_node')
    formats = caller.get('/api/status').json()['supportedFormats']
    assert (formats['photo'], formats['video']) == (['jpeg', 'webp'], ['mp4'])
    capabilities = caller.get('/api/camera/info').json()['capabilities']
    assert (capabilities['photo'], capabilities['video']) == (True, False)
    hear('encoder_node')
    assert caller.get('/api/camera/info').json()['capabilities']['video'] is True
