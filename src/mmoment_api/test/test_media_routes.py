"""Photos and clips by REST: who may take, see, stop and delete what."""

import pytest

from mmoment_api.graph_state import StageState
from mmoment_api.media_control import (
    CAMERA_OWNER,
    CLIP,
    PHOTO,
    Asker,
    Change,
    ClipWish,
    MediaQuestion,
    PhotoWish,
    RunningClip,
    refused_by_capture,
)

ANN = 'So11111111111111111111111111111111111111112'
BOB = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
RIGHTS = ('view', 'capture', 'record')


@pytest.fixture
def media(services):
    return services.media


@pytest.fixture
def person(services, session_control, caller_of):
    def make(wallet, rights=RIGHTS):
        return caller_of(services).checked_in(session_control.open(wallet, rights))

    return make


@pytest.fixture
def ann(person):
    return person(ANN)


@pytest.fixture
def bob(person):
    return person(BOB)


@pytest.fixture
def owner_as_ann(services, session_control, caller_of):
    """A browser with the owner's link in which Ann has checked in as well."""
    caller = caller_of(services).signed_in()
    link = caller.cookie
    caller.checked_in(session_control.open(ANN, RIGHTS))
    caller.cookie = f'{link}; {caller.cookie}'
    return caller


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


def test_the_owner_who_checked_in_takes_photos_as_themselves(owner_as_ann, media):
    assert owner_as_ann.post('/api/capture').json()['wallet_address'] == ANN
    assert (
        owner_as_ann.post('/api/record', json={'action': 'start'}).json()['wallet_address'] == ANN
    )


def test_the_owner_whose_session_lacks_the_right_takes_them_as_the_owner(
    services, session_control, caller_of, media
):
    caller = caller_of(services).signed_in()
    link = caller.cookie
    caller.checked_in(session_control.open(ANN, ('view',)))
    caller.cookie = f'{link}; {caller.cookie}'
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


# --- lists ------------------------------------------------------------------------------------


def test_people_see_their_own_and_the_owner_sees_all(ann, bob, owner, media):
    photos = [media.keep(PHOTO, wallet) for wallet in (ANN, BOB, '', ANN)]
    clips = [media.keep(CLIP, wallet) for wallet in (BOB, ANN)]

    def names(caller, path, key):
        body = caller.get(path).json()
        assert body['count'] == body['total'] == len(body[key])
        assert body['next_cursor'] is None
        return [item['filename'] for item in body[key]]

    assert names(ann, '/api/photos', 'photos') == [photos[3].filename, photos[0].filename]
    assert names(bob, '/list_photos', 'photos') == [photos[1].filename]
    assert names(owner, '/api/photos', 'photos') == [item.filename for item in reversed(photos)]
    assert names(ann, '/api/videos', 'videos') == [clips[1].filename]
    assert names(owner, '/list_videos', 'videos') == [item.filename for item in reversed(clips)]
    assert names(bob, '/api/media', 'media') == [clips[0].filename, photos[1].filename]


def test_an_item_of_the_list(ann, media):
    record = media.keep(
        CLIP,
        ANN,
        thumbnail_path='/somewhere/t.jpg',
        gesture='thumbs_up',
        trigger='gesture',
        people=(ANN, BOB),
        favourite=True,
        size_bytes=77,
        sha256='ab',
    )
    (item,) = ann.get('/api/videos').json()['videos']
    assert item == {
        'id': record.media_id,
        'kind': 'clip',
        'filename': record.filename,
        'url': f'/api/videos/{record.filename}',
        'thumbnail_url': f'/api/videos/{record.filename}/thumbnail',
        'size': 77,
        'created': record.taken_s,
        'duration': 3.2,
        'width': 1280,
        'height': 720,
        'mime_type': 'video/mp4',
        'wallet_address': ANN,
        'trigger': 'gesture',
        'gesture': 'thumbs_up',
        'annotated': False,
        'favourite': True,
        'uploaded': False,
        'sha256': 'ab',
        # Who else was seen is for the owner of the camera.
        'people': [ANN],
    }
    # Where its files are on the camera, nobody is told.
    assert 'somewhere' not in str(item)


def test_the_owner_is_told_who_was_seen(owner, media):
    media.keep(PHOTO, ANN, people=(ANN, BOB))
    assert owner.get('/api/photos').json()['photos'][0]['people'] == [ANN, BOB]


def test_page_by_page(ann, media):
    for _ in range(5):
        media.keep(PHOTO, ANN)
    first = ann.get('/api/photos?limit=2').json()
    assert (first['count'], first['total']) == (2, 5)
    second = ann.get(f'/api/photos?limit=2&cursor={first["next_cursor"]}').json()
    names = [item['filename'] for item in first['photos'] + second['photos']]
    assert names == [record.filename for record in reversed(media.records)][:4]
    ann.get('/api/photos?limit=5000&_t=1')
    assert media.asked[-1][2] == MediaQuestion(PHOTO, 200)
    ann.get('/api/photos')
    assert media.asked[-1][2] == MediaQuestion(PHOTO, 50)
    for query in ('limit=0', 'limit=many', f'cursor={"x" * 513}'):
        assert ann.get(f'/api/photos?{query}').status_code == 422
    media.refusal = refused_by_capture('bad_cursor', 'No cursor')
    assert ann.get('/api/photos?cursor=x').json()['field'] == 'cursor'


def test_only_the_owner_asks_for_somebody_elses(ann, owner, media):
    media.keep(PHOTO, ANN)
    media.keep(PHOTO, BOB)
    own = ann.get(f'/api/photos?wallet_address={BOB}').json()['photos']
    assert [item['wallet_address'] for item in own] == [ANN]
    bobs = owner.get(f'/api/photos?wallet_address={BOB}').json()['photos']
    assert [item['wallet_address'] for item in bobs] == [BOB]
    assert owner.get('/api/photos?wallet_address=bob').json()['field'] == 'wallet_address'


def test_the_owner_who_checked_in_still_sees_all(owner_as_ann, media):
    media.keep(PHOTO, BOB)
    assert owner_as_ann.get('/api/photos').json()['count'] == 1


def test_a_session_without_a_name_never_passes_for_the_owner(services, session_control, caller_of):
    opened = session_control.open(ANN, RIGHTS, session_id='')
    caller = caller_of(services).checked_in(opened)
    for method, path in (
        ('GET', '/api/photos'),
        ('POST', '/api/capture'),
        ('POST', '/start_recording'),
        ('DELETE', '/api/photos/a.jpg'),
    ):
        assert caller(method, path).status_code == 503, path
    assert services.media.asked == []


# --- deletion and favourites ------------------------------------------------------------------


def test_people_delete_their_own(ann, bob, owner, media):
    photo, clip, bobs = media.keep(PHOTO, ANN), media.keep(CLIP, ANN), media.keep(PHOTO, BOB)
    path = f'/api/photos/{photo.filename}'
    answer = bob('DELETE', path)
    assert (answer.status_code, answer.json()['error']) == (404, 'no_media')
    assert ann('DELETE', path).json() == {'success': True, 'filename': photo.filename}
    assert ann('DELETE', path).status_code == 404
    assert ann('DELETE', f'/api/videos/{clip.filename}').status_code == 200
    assert owner('DELETE', f'/api/photos/{bobs.filename}').status_code == 200
    assert media.records == []


def test_nobody_needs_a_right_to_delete_what_is_theirs(person, media):
    photo = media.keep(PHOTO, ANN)
    assert person(ANN, ())('DELETE', f'/api/photos/{photo.filename}').status_code == 200


def test_a_clip_is_not_deleted_as_a_photo_and_nothing_by_its_id(ann, media):
    clip = media.keep(CLIP, ANN)
    assert ann('DELETE', f'/api/photos/{clip.filename}').status_code == 404
    assert ann('DELETE', f'/api/videos/{clip.media_id}').status_code == 404
    assert media.asked == []


def test_favourites(ann, bob, media):
    photo = media.keep(PHOTO, ANN)
    path = f'/api/media/{photo.media_id}/favourite'
    assert ann.post(path, json={'favourite': True}).json() == {
        'success': True,
        'id': photo.media_id,
        'favourite': True,
    }
    assert media.asked[-1][3] is Change.KEEP
    assert ann.get('/api/photos').json()['photos'][0]['favourite'] is True
    assert bob.post(path, json={'favourite': False}).status_code == 404
    assert media.records[0].favourite is True
    ann.post(path, json={'favourite': False})
    assert media.asked[-1][3] is Change.DO_NOT_KEEP
    assert ann.post(path, json={}).json()['field'] == 'favourite'
    assert ann.post('/api/media/x/favourite', json={'favourite': True}).status_code == 404


def test_pages_of_other_sites_delete_nothing(ann, media):
    photo = media.keep(PHOTO, ANN)
    path, headers = f'/api/photos/{photo.filename}', {'Origin': 'https://evil.test'}
    assert ann('DELETE', path, headers=headers).json()['error'] == 'origin_not_allowed'
    assert media.records == [photo]
