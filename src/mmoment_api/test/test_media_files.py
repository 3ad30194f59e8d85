"""Files of photos and clips by REST: parts, caches, names, and whose they are."""

import gc
import os

import pytest
from people import ANN

from mmoment_api.media_control import CLIP, PHOTO

BOB = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
CONTENT = bytes(range(256)) * 4


@pytest.fixture
def ann(person):
    return person(ANN, ('view',))


@pytest.fixture
def bob(person):
    return person(BOB, ('view',))


@pytest.fixture
def clip(services, tmp_path):
    return services.media.keep(CLIP, ANN, CONTENT, tmp_path)


@pytest.fixture
def photo(services, tmp_path):
    thumbnail = tmp_path / 'small.jpg'
    thumbnail.write_bytes(b'small')
    return services.media.keep(PHOTO, ANN, CONTENT, tmp_path, thumbnail_path=str(thumbnail))


def path_of(record):
    return f'/api/{"photos" if record.kind == PHOTO else "videos"}/{record.filename}'


@pytest.mark.parametrize('alias', ['/api', ''])
def test_a_file_with_what_is_said_of_it(ann, photo, clip, alias):
    for record, mime_type in ((photo, 'image/jpeg'), (clip, 'video/mp4')):
        answer = ann.get(alias + path_of(record).removeprefix('/api'))
        assert answer.status_code == 200
        assert answer.content == CONTENT
        headers = answer.headers
        assert headers['Content-Type'] == mime_type
        assert headers['Content-Length'] == str(len(CONTENT))
        assert headers['Accept-Ranges'] == 'bytes'
        assert headers['ETag'] == f'"{record.sha256}"'
        assert headers['Cache-Control'] == 'private, no-cache'
        # Another session at the same browser is not to find it in its cache.
        assert headers['Vary'] == 'Cookie, Authorization'
        assert headers['Content-Disposition'] == f'inline; filename="{record.filename}"'
        # What the guard says of all answers stays.
        assert headers['X-Content-Type-Options'] == 'nosniff'
        assert headers['Cross-Origin-Resource-Policy'] == 'same-origin'
        assert "default-src 'none'" in headers['Content-Security-Policy']


def test_errors_are_stored_by_nobody(ann, clip):
    for answer in (
        ann.get('/api/videos/unknown.mp4'),
        ann.get(path_of(clip), headers={'Range': 'bytes=5000-'}),
        ann.get('/api/photos'),
    ):
        assert answer.headers['Cache-Control'] == 'no-store'


def test_to_be_saved(ann, clip):
    answer = ann.get(f'{path_of(clip)}?download=1')
    assert answer.headers['Content-Disposition'] == f'attachment; filename="{clip.filename}"'
    assert answer.content == CONTENT


def test_what_browsers_are_not_to_show_is_saved(ann, services, tmp_path):
    record = services.media.keep(PHOTO, ANN, b'<script>', tmp_path, mime_type='text/html')
    answer = ann.get(path_of(record))
    assert answer.headers['Content-Type'] == 'application/octet-stream'
    assert answer.headers['Content-Disposition'].startswith('attachment;')


@pytest.mark.parametrize(
    ('asked', 'part', 'told'),
    [
        ('bytes=0-', CONTENT, 'bytes 0-1023/1024'),
        ('bytes=1000-', CONTENT[1000:], 'bytes 1000-1023/1024'),
        ('bytes=10-19', CONTENT[10:20], 'bytes 10-19/1024'),
        ('bytes=-24', CONTENT[-24:], 'bytes 1000-1023/1024'),
    ],
)
def test_a_part(ann, clip, asked, part, told):
    answer = ann.get(path_of(clip), headers={'Range': asked})
    assert answer.status_code == 206
    assert answer.content == part
    assert answer.headers['Content-Range'] == told
    assert answer.headers['Content-Length'] == str(len(part))
    assert answer.headers['ETag'] == f'"{clip.sha256}"'


@pytest.mark.parametrize('asked', ['bytes=0-1,5-6', 'pages=1-2', 'bytes=9-2'])
def test_what_is_no_part_gets_the_whole(ann, clip, asked):
    answer = ann.get(path_of(clip), headers={'Range': asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert 'Content-Range' not in answer.headers


def test_a_part_that_is_not_there(ann, clip):
    answer = ann.get(path_of(clip), headers={'Range': 'bytes=1024-'})
    assert answer.status_code == 416
    assert answer.headers['Content-Range'] == 'bytes */1024'
    assert answer.json()['error'] == 'range_not_satisfiable'


def test_a_part_goes_on_only_with_the_same_file(ann, clip):
    part = {'Range': 'bytes=1000-'}
    same = ann.get(path_of(clip), headers={**part, 'If-Range': f'"{clip.sha256}"'})
    assert (same.status_code, same.content) == (206, CONTENT[1000:])
    for other in ('"0"', f'W/"{clip.sha256}"', 'Wed, 25 Nov 2026 10:15:00 GMT'):
        whole = ann.get(path_of(clip), headers={**part, 'If-Range': other})
        assert (whole.status_code, whole.content) == (200, CONTENT)


def test_who_has_it_is_not_sent_it_again(ann, clip):
    tag = f'"{clip.sha256}"'
    answer = ann.get(path_of(clip), headers={'If-None-Match': f'"0", {tag}'})
    assert (answer.status_code, answer.content) == (304, b'')
    assert answer.headers['ETag'] == tag
    assert answer.headers['Cache-Control'].startswith('private')
    assert 'Content-Type' not in answer.headers
    # That counts before the part.
    both = {'If-None-Match': tag, 'Range': 'bytes=5000-'}
    assert ann.get(path_of(clip), headers=both).status_code == 304
    assert ann.get(path_of(clip), headers={'If-None-Match': '"0"'}).status_code == 200


@pytest.mark.parametrize('alias', ['/api', ''])
def test_only_the_head(ann, photo, clip, alias):
    for record in (photo, clip):
        path = alias + path_of(record).removeprefix('/api')
        answer = ann('HEAD', path, headers={'Range': 'bytes=0-9'})
        assert (answer.status_code, answer.content) == (200, b'')
        assert answer.headers['Content-Length'] == '1024'
        assert answer.headers['Accept-Ranges'] == 'bytes'


def test_heads_are_not_for_strangers(caller, ann, session_control, photo):
    path = path_of(photo)
    assert caller('HEAD', path).status_code == 401
    assert ann('HEAD', '/api/photos/other.jpg').status_code == 404
    caller.checked_in(session_control.open(BOB, ()))
    assert caller('HEAD', path).status_code == 403


def test_somebody_elses_is_not_there_and_the_owner_sees_it(bob, owner, photo, clip):
    for record in (photo, clip):
        path = path_of(record)
        unknown = path.replace(record.filename, f'unknown.{path[-3:]}')
        answers = [bob.get(path), bob.get(unknown), bob.get(f'{path}/thumbnail')]
        for answer in answers:
            assert answer.status_code == 404
            assert answer.content == answers[0].content
        assert answers[0].json()['error'] == 'no_media'
        assert owner.get(path).content == CONTENT


def test_a_photo_is_no_video_and_an_id_no_name(ann, services, photo, clip):
    assert ann.get(f'/api/videos/{photo.filename}').status_code == 404
    assert ann.get(f'/api/photos/{clip.filename}').status_code == 404
    assert ann.get(f'/api/photos/{photo.media_id}').status_code == 404
    assert services.media.asked == []


@pytest.mark.parametrize(
    'name',
    ['../etc/passwd', '..%2Fetc%2Fpasswd', '%2e%2e%2fa.jpg', 'a%00.jpg', '.jpg', 'a%0d%0aX: y.jpg'],
)
def test_other_names_are_not_even_asked_for(ann, services, name):
    assert ann.get(f'/api/photos/{name}').status_code == 404
    assert services.media.asked == []


def test_a_part_that_answers_something_else_is_not_believed(ann, services, photo, clip):
    async def get_media(asker, name):
        return clip

    services.media.get_media = get_media
    assert ann.get(path_of(photo)).status_code == 404


def test_a_thumbnail(ann, photo, clip):
    answer = ann.get(f'{path_of(photo)}/thumbnail')
    assert (answer.status_code, answer.content) == (200, b'small')
    assert answer.headers['Content-Type'] == 'image/jpeg'
    # Not that of the photo itself.
    assert answer.headers['ETag'] == f'"{photo.sha256}-thumbnail"'
    assert answer.headers['Cache-Control'].startswith('private')
    again = {'If-None-Match': answer.headers['ETag']}
    assert ann.get(f'{path_of(photo)}/thumbnail', headers=again).status_code == 304
    assert ann('HEAD', f'{path_of(photo)}/thumbnail').headers['Content-Length'] == '5'
    answer = ann.get(f'{path_of(clip)}/thumbnail')
    assert (answer.status_code, answer.json()['error']) == (404, 'no_thumbnail')


def test_a_file_that_was_deleted_just_now(ann, photo):
    os.unlink(photo.path)
    answer = ann.get(path_of(photo))
    assert (answer.status_code, answer.json()['error']) == (404, 'no_media')


def test_a_file_that_is_in_the_remote_store_only(ann, services):
    record = services.media.keep(PHOTO, ANN)
    answer = ann.get(path_of(record))
    assert (answer.status_code, answer.json()['error']) == (404, 'not_here')


def test_what_is_not_as_it_was_kept_is_not_sent(ann, services, tmp_path, photo):
    with open(photo.path, 'ab') as file:
        file.write(b'more')
    answer = ann.get(path_of(photo))
    assert (answer.status_code, answer.json()['error']) == (500, 'media_damaged')
    secret = tmp_path / 'secret'
    secret.write_bytes(CONTENT)
    os.unlink(photo.path)
    os.symlink(secret, photo.path)
    answer = ann.get(path_of(photo))
    assert answer.json()['error'] == 'media_damaged'
    assert str(tmp_path) not in answer.text


def test_no_file_stays_open(ann, photo):
    def opened():
        gc.collect()
        return [
            os.readlink(f'/proc/self/fd/{number}')
            for number in os.listdir('/proc/self/fd')
            if os.path.lexists(f'/proc/self/fd/{number}')
        ].count(photo.path)

    path = path_of(photo)
    ann.get(path)
    ann('HEAD', path)
    ann.get(path, headers={'Range': 'bytes=5000-'})
    ann.get(path, headers={'If-None-Match': f'"{photo.sha256}"'})
    assert opened() == 0


def test_pages_of_configured_origins_may_ask_for_parts(
    make_services, caller_of, session_control, tmp_path
):
    services = make_services(allowed_origins=('https://app.test',))
    record = services.media.keep(CLIP, ANN, CONTENT, tmp_path)
    caller = caller_of(services)
    origin = {'Origin': 'https://app.test', 'Sec-Fetch-Site': 'cross-site'}
    preflight = {
        'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': 'authorization, range',
    }
    assert caller('OPTIONS', path_of(record), headers={**origin, **preflight}).status_code == 200
    token = session_control.open(ANN, ('view',)).token
    bearer = {**origin, 'Authorization': f'Bearer {token}', 'Range': 'bytes=0-9'}
    answer = caller.get(path_of(record), headers=bearer)
    assert answer.status_code == 206
    assert 'Content-Range' in answer.headers['Access-Control-Expose-Headers']
    assert 'Cookie' in answer.headers['Vary']
    # Without a token of their own, other pages embed nothing.
    caller.checked_in(session_control.open(ANN, ('view',)))
    elsewhere = {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'video'}
    assert caller.get(path_of(record), headers=elsewhere).status_code == 403
