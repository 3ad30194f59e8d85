import threading

import pytest

from mmoment_stream.livepeer_models import LivepeerOptions
from mmoment_stream.livepeer_provider import LivepeerProvider
from mmoment_stream.push_target import LIVEPEER, NONE, RTMP, Cancelled, PushError, PushTarget
from mmoment_stream.stream_provider import open_provider

GO_ON = threading.Event()
KEY = 'abcd-1234'


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'main.key'
    path.write_text(f'{KEY}\n')
    path.chmod(0o600)
    return tmp_path


def provider(folder, url, key_file='main.key', kind=RTMP):
    return open_provider(PushTarget('main', kind, url, key_file), folder)


def refusal(asked):
    with pytest.raises(PushError) as caught:
        asked.ingest(GO_ON)
    assert KEY not in caught.value.text
    return caught.value.code


def test_the_key_of_a_server_comes_from_its_file_each_time(folder):
    asked = provider(folder, 'rtmps://host.test/app')
    ingest = asked.ingest(GO_ON)
    assert (ingest.url, ingest.key) == ('rtmps://host.test/app', KEY)
    assert KEY not in repr(ingest)
    (folder / 'main.key').write_text('other')
    assert asked.ingest(GO_ON).key == 'other'
    assert asked.health(GO_ON) is None
    asked.close()


def test_srt_needs_no_file_and_takes_a_streamid_and_a_passphrase_from_one(folder):
    url = 'srt://host.test:9000'
    ingest = provider(folder, url, '').ingest(GO_ON)
    assert (ingest.url, ingest.key, ingest.passphrase) == (url, '', '')
    ingest = provider(folder, url).ingest(GO_ON)
    assert (ingest.key, ingest.passphrase) == (KEY, '')
    (folder / 'main.key').write_text(f'{KEY}\npassphrase=open sesame')
    assert refusal(provider(folder, url)) == 'no_key'
    (folder / 'main.key').write_text(f'{KEY}\npassphrase=open-sesame')
    ingest = provider(folder, url).ingest(GO_ON)
    assert (ingest.key, ingest.passphrase) == (KEY, 'open-sesame')
    assert 'sesame' not in repr(ingest)
    assert refusal(provider(folder, 'rtmp://host.test/app')) == 'no_key'


def test_says_what_is_wrong(folder):
    assert refusal(provider(folder, 'rtmp://host.test/app', 'none.key')) == 'no_key'
    assert refusal(provider(folder, f'rtmp://user:{KEY}@host.test/app')) == 'bad_address'
    assert refusal(provider(folder, 'rtmp://host.test/app/name', '')) == 'no_key'
    assert refusal(provider(folder, '', kind=NONE)) == 'bad_address'
    assert provider(folder, '', kind=NONE).health(GO_ON) is None


def test_who_was_told_to_end_gets_no_key(folder):
    over = threading.Event()
    over.set()
    with pytest.raises(Cancelled):
        provider(folder, 'rtmp://host.test/app').ingest(over)


def test_livepeer_is_opened_without_asking_it(folder):
    target = PushTarget('studio', LIVEPEER, key_file='main.key')
    options = LivepeerOptions(base_url='http://livepeer.test/api')
    asked = open_provider(target, folder, stream_name='gym', livepeer=options)
    assert isinstance(asked, LivepeerProvider)
    assert refusal(asked) == 'bad_address'
    asked.close()
    asked = open_provider(target, folder)
    assert refusal(asked) == 'bad_address'
    asked.close()
