import json

import pytest
from livepeer_world import calling, client

from mmoment_stream.livepeer_models import Profile
from mmoment_stream.push_target import PushError
from tests.standins.livepeer_studio import LivepeerStudio

SMALL = Profile('small', 640, 360, 800_000, 15)


@pytest.fixture
def studio():
    with LivepeerStudio() as made:
        yield made


def code(made, work):
    with pytest.raises(PushError) as caught:
        calling(made, work)
    return caught.value.code


def test_a_stream_from_its_creation_to_its_end(studio):
    async def life(client):
        made = await client.create_stream('gym', record=True, profiles=[SMALL])
        assert made == await client.stream(made.id)
        assert (made.name, made.record, made.profiles) == ('gym', True, (SMALL,))
        assert (made.is_active, made.is_healthy, made.last_seen_ms) == (False, None, 0)
        assert len(made.playback_id) == 16
        assert made.stream_key.count('-') == 3
        assert made.stream_key not in repr(made)
        await client.change_stream(made.id, record=False, profiles=[], suspended=True)
        changed = await client.stream(made.id)
        assert (changed.record, changed.profiles, changed.suspended) == (False, (), True)
        await client.terminate_stream(made.id)
        studio.account.streams[made.id]['deleted'] = True
        return made.id

    stream_id = calling(client(studio), life)
    assert code(client(studio), lambda client: client.stream(stream_id)) == 'provider_no_stream'


def test_profiles_are_left_to_livepeer_only_if_that_is_wanted(studio):
    async def work(client):
        own = await client.create_stream('a')
        source = await client.create_stream('b', profiles=())
        return own.profiles, source.profiles

    own, source = calling(client(studio), work)
    assert len(own) == 2
    assert source == ()


def test_a_name_finds_only_itself_the_oldest_first(studio):
    async def work(client):
        for name in ('gym', 'gym 2', 'my gym', 'GYM', 'gym', 'other'):
            made = await client.create_stream(name)
            studio.account.streams[made.id]['createdAt'] -= 1000 if name == 'gym' else 0
        studio.account.streams[made.id]['streamKey'] = 5
        return await client.find_streams('gym')

    found = calling(client(studio), work)
    assert [stream.name for stream in found] == ['gym', 'gym']
    assert found[0].created_ms <= found[1].created_ms


def test_two_ends_within_five_seconds_are_refused_with_a_pause(studio):
    async def work(client):
        made = await client.create_stream('gym')
        await client.terminate_stream(made.id)
        await client.terminate_stream(made.id)

    with pytest.raises(PushError) as caught:
        calling(client(studio), work)
    assert caught.value.code == 'provider_busy'
    assert 0 < caught.value.retry_after_s <= 5


def test_sessions_and_their_recordings(studio):
    async def work(client):
        made = await client.create_stream('gym', record=True)
        name = {'name': made.stream_key, 'clientid': '1'}
        assert studio.account.hook('on_publish', name)
        (session,) = await client.sessions(made.id)
        assert (session.record, session.recording_status, session.mp4_url) == (True, 'waiting', '')
        known = studio.account.sessions[session.id]
        known.update(
            recordingStatus='ready',
            recordingUrl='https://host.test/index.m3u8',
            mp4Url='javascript:alert(1)',
        )
        (session,) = await client.sessions(made.id)
        return session

    session = calling(client(studio), work)
    assert session.recording_status == 'ready'
    assert session.recording_url == 'https://host.test/index.m3u8'
    assert session.mp4_url == ''


def test_where_to_watch_and_where_to_push(studio):
    studio.attach('rtmp://127.0.0.1:1999/live')

    async def work(client):
        made = await client.create_stream('gym')
        return made, await client.playback(made.playback_id), await client.ingest()

    made, playback, ingest = calling(client(studio), work)
    assert playback.playback_id == made.playback_id
    assert playback.hls_url.endswith(f'/hls/{made.playback_id}/index.m3u8')
    assert playback.webrtc_url.endswith(f'/webrtc/{made.playback_id}')
    assert ingest == 'rtmp://127.0.0.1:1999/live'


@pytest.mark.parametrize(
    'answer',
    [
        [],
        {},
        [{'ingests': {'srt': 'srt://h:1'}}],
        [{'ingest': 'http://h/live'}],
        [{'ingest': 'rtmp://user:secret@h/live'}],
        [{'ingest': 5}],
        'rtmp://h/live',
    ],
)
def test_an_address_that_is_none_is_not_pushed_to(studio, answer):
    studio.fail(status=200, body=json.dumps(answer).encode())
    assert code(client(studio), lambda client: client.ingest()) == 'provider_fault'


def test_multistream_targets_tell_no_address(studio):
    url = 'rtmps://live.test/app/secret-key'

    async def work(client):
        stream = await client.create_stream('gym')
        made = await client.create_multistream_target('there', url)
        await client.change_multistream_target(made.id, url + '2')
        assert await client.multistream_targets(stream.user_id) == (made,)
        await client.change_stream(stream.id, multistream=[('source', made.id)])
        assert (await client.stream(stream.id)).multistream == (('source', made.id),)
        assert studio.account.targets[made.id]['url'] == url + '2'
        await client.delete_multistream_target(made.id)
        return made

    assert 'secret-key' not in repr(calling(client(studio), work))
    assert studio.account.targets == {}
    other = code(client(studio), lambda client: client.multistream_targets('somebody'))
    assert other == 'provider_forbidden'
    no_place = code(client(studio), lambda client: client.create_multistream_target('a', 'ftp://a'))
    assert no_place == 'provider_refused'


def test_webhooks(studio):
    async def work(client):
        made = await client.create_webhook(
            'gym', 'https://gym.test/hook', ['stream.idle'], secret='s3cret', stream_id='abc'
        )
        assert await client.webhooks() == (made,)
        assert studio.account.events.webhooks[made.id]['sharedSecret'] == 's3cret'
        await client.delete_webhook(made.id)
        return made, await client.webhooks()

    made, left = calling(client(studio), work)
    assert made.events == ('stream.idle',)
    assert left == ()


def test_an_id_leads_to_no_other_call(studio):
    for identity in ('', '..', 'a/terminate', 'a?b', 'a b', 'x' * 65):
        assert code(client(studio), lambda client: client.stream(identity)) == 'provider_refused'  # noqa: B023
    assert studio.calls == []
