import threading
import time

import pytest
from livepeer_world import KEY_FILE, NAME, NEVER, calling, key_file, world

from mmoment_stream.livepeer_models import BASE_URL, INGEST_URL
from mmoment_stream.livepeer_provider import SILENT_S
from mmoment_stream.push_target import Cancelled, Playback, PushError
from tests.standins.livepeer_studio import await_true

AWAY = {'status': 503, 'times': 1000}
MULTISTREAM = 'multistream.key'
PLACE = 'rtmp://there.test/app/secret-1'


class Clock:
    def __init__(self):
        self.now_s = 1_000_000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def studio_world(tmp_path):
    with world(tmp_path) as made:
        made.studio.attach('rtmp://127.0.0.1:1999/live')
        yield made


def code(ask):
    with pytest.raises(PushError) as caught:
        ask(NEVER)
    return caught.value.code


def publish(world, event='on_publish'):
    (stream,) = world.streams
    allowed = world.account.hook(event, {'name': stream['streamKey'], 'clientid': '1'})
    is_active = event == 'on_publish'
    assert not allowed or await_true(lambda: stream['isActive'] == is_active)
    return allowed


def test_says_where_to_push_and_where_to_watch(studio_world):
    provider = studio_world.provider()
    assert provider.health(NEVER) is None
    ingest = provider.ingest(NEVER)
    (stream,) = studio_world.streams
    assert (ingest.url, ingest.key) == ('rtmp://127.0.0.1:1999/live', stream['streamKey'])
    assert ingest.playback.playback_id == stream['playbackId']
    assert ingest.playback.hls_url
    assert ingest.playback.webrtc_url
    assert stream['name'] == NAME
    assert stream['streamKey'] not in repr(ingest)


def test_what_does_not_change_is_asked_for_once(studio_world):
    provider = studio_world.provider()
    for _ in range(3):
        provider.ingest(NEVER)
    asked = studio_world.studio.asked
    assert [asked('GET', path) for path in ('/ingest', '/playback/.*', '/stream/.*')] == [1, 1, 2]


def test_many_that_ask_at_once_get_one_stream(studio_world):
    provider, keys = studio_world.provider(), []
    studio_world.studio.fail(method='GET', path='/stream', hangs_s=0.1, is_done=True, status=500)
    asking = [
        threading.Thread(target=lambda: keys.append(provider.ingest(NEVER).key)) for _ in range(4)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    # The first one met the fault.
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert len(studio_world.streams) == 1


def test_while_the_api_is_away_what_was_known_is_used(studio_world):
    provider = studio_world.provider()
    known = provider.ingest(NEVER)
    for fault in (
        AWAY,
        {'closes': True, 'times': 1000},
        {'status': 200, 'body': b'?', 'times': 99},
    ):
        studio_world.studio.fail(**fault)
        assert provider.ingest(NEVER) == known
        assert code(provider.health) in ('provider_fault', 'provider_away')
        studio_world.studio.heal()
    # Another camera of this kind has nothing to go on with.
    studio_world.studio.fail(**AWAY)
    assert code(studio_world.provider().ingest) == 'provider_fault'


@pytest.mark.parametrize(
    ('spoil', 'expected'),
    [
        (lambda world: key_file(world.folder, 'another-key'), 'provider_key'),
        (lambda world: (world.folder / KEY_FILE).unlink(), 'no_key'),
        (lambda world: (world.folder / KEY_FILE).chmod(0o644), 'no_key'),
        (lambda world: setattr(world.account, 'is_suspended', True), 'provider_forbidden'),
        (lambda world: world.streams[0].update(suspended=True), 'provider_suspended'),
    ],
)
def test_what_was_known_is_not_used_against_a_no(studio_world, spoil, expected):
    provider = studio_world.provider()
    provider.ingest(NEVER)
    spoil(studio_world)
    assert code(provider.ingest) == expected


def test_a_stream_that_is_not_to_be_seen_yet_is_used_all_the_same(studio_world):
    provider = studio_world.provider()
    known = provider.ingest(NEVER)
    studio_world.streams[0]['deleted'] = True
    assert provider.ingest(NEVER) == known
    assert studio_world.studio.asked('POST', '/stream') == 1


def test_the_api_key_is_read_anew_so_that_a_right_one_mends_it(studio_world):
    provider = studio_world.provider()
    key_file(studio_world.folder, 'another-key')
    assert code(provider.ingest) == 'provider_key'
    key_file(studio_world.folder, studio_world.studio.api_key)
    assert provider.ingest(NEVER).key


def test_a_stream_that_was_deleted_is_followed_by_another(studio_world):
    clock = Clock()
    provider = studio_world.provider(clock=clock)
    first = provider.ingest(NEVER)
    studio_world.streams[0]['deleted'] = True
    assert code(provider.health) == 'provider_no_stream'
    clock.now_s += 60
    second = provider.ingest(NEVER)
    assert second.key != first.key
    assert second.playback.playback_id != first.playback.playback_id
    assert not provider.health(NEVER).is_active


def test_no_other_servers_key_goes_to_livepeer(studio_world):
    studio_world.studio.fail(method='GET', path='/ingest', **AWAY)
    assert studio_world.studio.base_url != BASE_URL
    assert code(studio_world.provider().ingest) == 'provider_fault'


def test_livepeers_own_address_is_known_where_it_does_not_say_it(studio_world, monkeypatch):
    monkeypatch.setattr('mmoment_stream.livepeer_provider.BASE_URL', studio_world.studio.base_url)
    studio_world.studio.fail(method='GET', path='/ingest', **AWAY)
    assert studio_world.provider().ingest(NEVER).url == INGEST_URL


def test_an_address_that_is_old_is_asked_for_again_and_kept_if_that_fails(studio_world):
    clock = Clock()
    provider = studio_world.provider(clock=clock)
    first = provider.ingest(NEVER)
    studio_world.studio.attach('rtmp://127.0.0.1:1998/live')
    clock.now_s += 1000
    studio_world.studio.fail(method='GET', path='/ingest')
    assert provider.ingest(NEVER).url == first.url
    assert provider.ingest(NEVER).url == 'rtmp://127.0.0.1:1998/live'


def test_who_pushes_does_not_need_to_know_where_to_watch(studio_world):
    provider = studio_world.provider()
    studio_world.studio.fail(method='GET', path='/playback')
    ingest = provider.ingest(NEVER)
    assert ingest.playback == Playback(studio_world.streams[0]['playbackId'])
    assert provider.health(NEVER).playback.hls_url
    assert provider.ingest(NEVER).playback.hls_url


@pytest.mark.parametrize('path', ['', '/ingest', '/playback'])
def test_an_api_that_hangs_holds_up_no_connection_that_was_there_before(studio_world, path):
    clock = Clock()
    provider = studio_world.provider(clock=clock)
    known = provider.ingest(NEVER)
    clock.now_s += 1000
    studio_world.studio.fail(path=path, hangs_s=8.0, times=20)
    began_s = time.monotonic()
    again = provider.ingest(NEVER)
    assert time.monotonic() - began_s < 2.5
    assert (again.url, again.key) == (known.url, known.key)


def test_where_to_watch_holds_up_no_first_connection(studio_world):
    studio_world.studio.fail(path='/playback', hangs_s=8.0)
    provider = studio_world.provider()
    began_s = time.monotonic()
    assert provider.ingest(NEVER).key
    assert time.monotonic() - began_s < 3


def test_health_says_what_livepeer_says(studio_world):
    provider = studio_world.provider(clock=Clock())
    provider.ingest(NEVER)
    idle = provider.health(NEVER)
    assert (idle.is_active, idle.is_healthy, idle.issues) == (False, True, ())
    assert idle.checked_s == Clock().now_s
    assert publish(studio_world)
    assert provider.health(NEVER).is_active
    studio_world.streams[0].update(isHealthy=False, issues=['Frames are dropped'])
    ill = provider.health(NEVER)
    assert (ill.is_active, ill.is_healthy, ill.issues) == (True, False, ('Frames are dropped',))
    studio_world.streams[0]['suspended'] = True
    assert provider.health(NEVER).issues[-1] == 'The stream is suspended'


def test_active_is_not_believed_of_a_stream_without_a_sign_of_life(studio_world):
    clock = Clock()
    provider = studio_world.provider(clock=clock)
    provider.ingest(NEVER)
    assert publish(studio_world)
    assert provider.health(NEVER).is_active
    studio_world.account.hears_heartbeats = False
    clock.now_s += SILENT_S - 1
    assert provider.health(NEVER).is_active
    clock.now_s += 2
    silent = provider.health(NEVER)
    assert studio_world.streams[0]['isActive']
    assert not silent.is_active
    assert 'heard nothing' in silent.issues[0]
    studio_world.account.hears_heartbeats = True
    assert provider.health(NEVER).is_active


def test_the_stream_is_passed_on_when_the_file_changes(studio_world):
    provider = studio_world.provider(multistream_file=MULTISTREAM)
    provider.ingest(NEVER)
    # A fault of it stops no push, and is told.
    assert 'not passed on' in provider.health(NEVER).issues[0]
    key_file(studio_world.folder, f'there {PLACE}\n', MULTISTREAM)
    asked = studio_world.studio.asked
    for _ in range(3):
        provider.health(NEVER)
    assert asked('POST', '/multistream/target') == 1
    (target,) = studio_world.account.targets.values()
    assert (target['name'], target['url']) == (f'{NAME} there', PLACE)
    health = provider.health(NEVER)
    assert health.issues == ()
    key_file(studio_world.folder, f'there {PLACE}2\n', MULTISTREAM)
    provider.health(NEVER)
    assert target['url'] == f'{PLACE}2'
    key_file(studio_world.folder, f'there http{PLACE}\n', MULTISTREAM)
    assert 'secret' not in str(provider.health(NEVER))


def test_a_stream_that_somebody_chose_needs_no_name(studio_world):
    chosen = calling(studio_world.client(), lambda client: client.create_stream('mine'))
    provider = studio_world.provider(name='', stream_id=chosen.id)
    assert provider.ingest(NEVER).key == chosen.stream_key
    assert provider.health(NEVER).is_healthy


@pytest.mark.parametrize('how', ['cancelled', 'closed'])
def test_who_waits_for_livepeer_is_free_at_once(studio_world, how):
    provider, cancelled, found = studio_world.provider(), threading.Event(), []
    studio_world.studio.fail(hangs_s=30)

    def ask():
        with pytest.raises(Cancelled):
            provider.ingest(cancelled)
        found.append(time.monotonic())

    asking = threading.Thread(target=ask)
    asking.start()
    assert await_true(lambda: studio_world.studio.calls)
    since = time.monotonic()
    if how == 'cancelled':
        cancelled.set()
    else:
        provider.close()
    asking.join()
    # It would be half a minute.
    assert found[0] - since < 5
    if how == 'cancelled':
        assert provider.ingest(NEVER).key


def test_many_lives_leave_no_thread(studio_world):
    before = threading.active_count()
    for _ in range(20):
        provider = studio_world.provider()
        provider.ingest(NEVER)
        provider.close()
    assert await_true(lambda: threading.active_count() <= before + 1)
    assert len(studio_world.streams) == 1
