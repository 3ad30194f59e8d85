"""Photos and clips that are kept, by REST: who may see, mark and delete them."""

import pytest
from people import ANN

from mmoment_api.media_control import CLIP, PHOTO, Change, MediaQuestion, refused_by_capture

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


def test_the_owner_who_checked_in_still_sees_all(owner_as, media):
    media.keep(PHOTO, BOB)
    assert owner_as(ANN, RIGHTS).get('/api/photos').json()['count'] == 1


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
