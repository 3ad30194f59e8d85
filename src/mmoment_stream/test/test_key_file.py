import os

import pytest

from mmoment_stream.key_file import (
    Unusable,
    content_of,
    is_plain_name,
    key_path,
    read_key,
    read_secret,
    read_srt_secrets,
)
from mmoment_stream.push_target import PushError

KEY = 'abcd-efgh-1234-5678'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'main.key'
    path.write_text(f'{KEY}\n')
    path.chmod(0o600)
    return path


def refusal(folder, name, read=read_key):
    with pytest.raises(PushError) as caught:
        read(folder, name)
    assert caught.value.code == 'no_key'
    assert caught.value.is_configuration
    assert KEY not in caught.value.text
    assert name not in caught.value.text
    return caught.value.text


def test_reads_the_key_anew_each_time(file, tmp_path):
    assert read_key(tmp_path, 'main.key') == KEY
    file.write_text('another\n')
    assert read_key(tmp_path, 'main.key') == 'another'


def test_takes_an_absolute_path(file, tmp_path):
    assert read_key(tmp_path / 'elsewhere', str(file)) == KEY


def test_a_name_leads_nowhere_but_into_the_folder(tmp_path):
    assert key_path(tmp_path, 'a.key') == tmp_path / 'a.key'
    for name in ('..', '../main.key', 'a/b', '.hidden', '-x', 'a b', 'ä', 'x' * 101):
        assert not is_plain_name(name)
        refusal(tmp_path, name)


@pytest.mark.parametrize('mode', [0o640, 0o604, 0o620, 0o601])
def test_refuses_what_others_can_get_at(file, tmp_path, mode):
    file.chmod(mode)
    assert 'chmod 600' in refusal(tmp_path, 'main.key')


def test_a_file_of_root_alone_is_read(file, tmp_path):
    file.chmod(0o400)
    assert read_key(tmp_path, 'main.key') == KEY


def test_refuses_a_file_of_another_user(file, tmp_path):
    if os.geteuid():
        pytest.skip('only root gives files away')
    os.chown(file, 12345, 12345)
    assert 'another user' in refusal(tmp_path, 'main.key')


def test_says_what_is_missing_without_waiting(tmp_path):
    assert 'not there' in refusal(tmp_path, 'main.key')
    os.mkfifo(tmp_path / 'pipe', 0o600)
    assert 'no file' in refusal(tmp_path, 'pipe')
    (tmp_path / 'folder').mkdir(0o700)
    refusal(tmp_path, 'folder')


@pytest.mark.parametrize('content', [b'', b'\n\n', b'two words', b'a\nb', b'k\x00y', b'x' * 600])
def test_refuses_what_is_no_key(file, tmp_path, content):
    file.write_bytes(content)
    assert 'one line' in refusal(tmp_path, 'main.key')


def test_refuses_what_is_no_text_or_too_long(file, tmp_path):
    file.write_bytes('schlüssel'.encode())
    assert 'signs' in refusal(tmp_path, 'main.key')
    file.write_bytes(b'x' * (1 << 20))
    assert 'too long' in refusal(tmp_path, 'main.key')


def test_a_secret_may_have_lines(file, tmp_path):
    file.write_text('one two\nthree\n')
    assert read_secret(tmp_path, 'main.key') == 'one two\nthree\n'


def test_the_content_is_what_the_file_has_byte_by_byte(file):
    file.write_bytes('schlüssel\n'.encode())
    assert content_of(file) == 'schlüssel\n'.encode()
    file.chmod(0o640)
    with pytest.raises(Unusable, match='chmod 600'):
        content_of(file)


def test_nothing_that_was_refused_is_left_open(tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir(0o700)
    before = os.listdir('/proc/self/fd')
    refusal(tmp_path, 'folder')
    assert len(os.listdir('/proc/self/fd')) == len(before)


@pytest.mark.parametrize(
    ('content', 'key', 'passphrase'),
    [
        (KEY, KEY, ''),
        ('passphrase=ten letters'.replace(' ', '_'), '', 'ten_letters'),
        (f'{KEY}\npassphrase=a=b=c=d=e=f\n', KEY, 'a=b=c=d=e=f'),
        (f'passphrase=0123456789\n{KEY}', KEY, '0123456789'),
    ],
)
def test_srt_has_a_streamid_a_passphrase_or_both(file, tmp_path, content, key, passphrase):
    file.write_text(content)
    secrets = read_srt_secrets(tmp_path, 'main.key')
    assert (secrets.key, secrets.passphrase) == (key, passphrase)
    assert repr(secrets) == 'SrtSecrets()'


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ('', 'streamid'),
        (f'{KEY} {KEY}', 'streamid'),
        ('passphrase=0123456789 passphrase=0123456789', 'streamid'),
        (f'{KEY}\npassphrase={KEY[:9]}', '10 to 79'),
        (f'passphrase={"x" * 80}', '10 to 79'),
    ],
)
def test_refuses_what_srt_does_not_take(file, tmp_path, content, words):
    file.write_text(content)
    with pytest.raises(PushError) as caught:
        read_srt_secrets(tmp_path, 'main.key')
    assert caught.value.code == 'no_key'
    assert words in caught.value.text
    assert KEY not in caught.value.text
