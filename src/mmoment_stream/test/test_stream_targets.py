"""Targets as people write them, and what is said of those that are wrong."""

import pytest

from mmoment_stream.errors import Refused
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_targets import MOST_TARGETS, checked_targets, parse_targets

SECRET = 'p1anted-5ecret'


def refused(check, targets, **more):
    """The text of the refusal, which is of the code that clients know."""
    with pytest.raises(Refused) as caught:
        check(targets, **more)
    assert caught.value.code == 'malformed'
    return caught.value.text


def test_a_target_is_words():
    (server, studio) = parse_targets(
        [
            "name=main url=rtmps://host/app key_file='/etc/my keys/main.key' audio=silent",
            'name=studio provider=livepeer key_file=api.key stream_id=ab-12 enabled=false',
        ]
    )
    assert server == PushTarget(
        'main', 'rtmp', 'rtmps://host/app', '/etc/my keys/main.key', silent_audio=True
    )
    assert studio == PushTarget('studio', 'livepeer', '', 'api.key', 'ab-12', enabled=False)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ("name=a url='rtmp://host/live", 'quotation mark'),
        (f'name=a {SECRET}', 'key=value'),
        (f'name=a {SECRET}=1 url=rtmp://host/live', 'key=value'),
        ('name=a name=b url=rtmp://host/live', 'each key once'),
        (f'name=a url=rtmp://host/live audio={SECRET}', 'silent, none'),
        (f'name=a url=rtmp://host/live enabled={SECRET}', 'true, false'),
        (f'name=a provider={SECRET} url=rtmp://host/live', 'livepeer, rtmp, none'),
        ('url=rtmp://host/live/abc', 'needs a name'),
        (f'name="{SECRET} {SECRET}" url=rtmp://host/live', 'needs a name'),
        ('name=a', 'needs a url'),
        (f'name=a url=rtmp://user:{SECRET}@host/live/x', 'key file'),
        (f'name=a url=srt://host:9000?passphrase={SECRET}', 'key file'),
        (f'name=a url=https://host/{SECRET}', 'rtmp'),
        (f'name=a url=rtmp://host/live/{SECRET}', 'key_file has to name the file'),
        (f'name=a provider=none url=rtmps://host/live/{SECRET}', 'key_file has to name the file'),
        (f'name=a url=rtmp://host/app?a=1;key={SECRET} key_file=k', 'it holds a ;'),
        (f'name=a url=rtmp://host/app?region={SECRET} key_file=k', 'put it in the key file'),
        (f'name=a url=srt://host:9000?mode=listener&latency={SECRET}', 'latency'),
        (f'name=a url=rtmp://host/live key_file=folder/{SECRET}', 'key folder'),
        (f'name=a url=rtmp://host/live key_file=../{SECRET}', 'key folder'),
        ('name=a url=rtmp://host/live key_file=settings.json', 'settings.json'),
        ('name=a url=rtmp://host/live/x stream_id=abc', 'only the provider livepeer'),
        ('name=a provider=livepeer', 'API key'),
        ('name=a provider=livepeer key_file=k url=rtmp://host/live', 'leave out url'),
        (f'name=a provider=livepeer key_file=k stream_id={SECRET}/..', 'stream_id'),
    ],
)
def test_a_wrong_one_is_refused_without_repeating_it(text, words):
    said = refused(parse_targets, [text])
    assert words in said
    assert SECRET not in said


def test_names_are_unique_and_there_are_not_too_many():
    def many(count):
        return [PushTarget(f't{n}', url='srt://host:9000') for n in range(count)]

    assert checked_targets(many(MOST_TARGETS)) == tuple(many(MOST_TARGETS))
    assert f'{MOST_TARGETS} targets' in refused(checked_targets, many(MOST_TARGETS + 1))
    assert 'called t0' in refused(checked_targets, [*many(2), *many(1)])


def test_who_may_not_write_the_configuration_names_no_other_file_of_the_machine():
    target = PushTarget('a', url='rtmp://host/live', key_file='/etc/shadow')
    assert 'key folder' in refused(checked_targets, [target])
    assert 'key folder' in refused(checked_targets, [target], paths={'/etc/other'})
    assert checked_targets([target], paths={'/etc/shadow'}) == (target,)
    assert checked_targets([target], paths=None) == (target,)


def test_one_of_no_provider_needs_no_place():
    assert parse_targets(['name=later provider=none'])[0].provider == 'none'
