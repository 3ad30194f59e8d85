import contextlib
import hashlib
import io
import os
import stat

import pytest

from mmoment_node.errors import ConfigurationError
from mmoment_stream import media_remote
from mmoment_stream.media_remote import Differs, NotWanted, RemoteFault, hide, open_remote

CONTENT = bytes(range(256)) * 20_000
NAME = '2026-11-25/clip.mp4'


def always():
    return True


def put(remote, content=CONTENT, name=NAME, sha256=None, is_wanted=always):
    digest = sha256 or hashlib.sha256(content).hexdigest()
    remote.put(name, io.BytesIO(content), len(content), digest, is_wanted)


def options_file(folder, text, mode=0o600):
    path = folder / 'remote.json'
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.fixture
def remote(tmp_path):
    return open_remote(f'file://{tmp_path}/copies', folder='camera-1')


def names(tmp_path):
    found = (tmp_path / 'copies').rglob('*')
    return [str(path.relative_to(tmp_path / 'copies')) for path in found if path.is_file()]


def test_a_copy_is_what_was_sent_and_lies_in_the_folder_of_its_camera(remote, tmp_path):
    put(remote)
    assert names(tmp_path) == [f'camera-1/{NAME}']
    assert (tmp_path / 'copies' / 'camera-1' / NAME).read_bytes() == CONTENT


def test_copies_on_this_machine_are_for_the_user_of_the_camera_alone(remote, tmp_path):
    given = tmp_path / 'copies'
    given.mkdir(0o755)
    part = given / 'camera-1' / f'{NAME}.part'
    earlier = os.umask(0)
    try:
        put(remote, name=f'{NAME}.json')
        # Left by a program that was not as careful.
        part.write_bytes(b'x')
        put(remote)
    finally:
        os.umask(earlier)
    paths = list(given.rglob('*'))
    assert len(paths) == 4
    for path in paths:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    assert stat.S_IMODE(given.stat().st_mode) == 0o755


def test_a_copy_on_this_machine_has_its_name_once_it_is_on_the_disk(remote, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, 'fsync', lambda descriptor: synced.append(os.readlink(f'/proc/self/fd/{descriptor}'))
    )
    put(remote)
    target = str(tmp_path / 'copies' / 'camera-1' / NAME)
    # The file before it is renamed, its folder after.
    assert synced[-2:] == [f'{target}.part', os.path.dirname(target)]
    assert str(tmp_path) in synced


def test_sending_again_what_is_there_writes_nothing(remote, tmp_path):
    put(remote)
    path = tmp_path / 'copies' / 'camera-1' / NAME
    before = path.stat()
    put(remote)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize('there', [b'', CONTENT[:-1], bytes(len(CONTENT))])
def test_a_copy_that_is_not_whole_is_replaced(remote, tmp_path, there):
    path = tmp_path / 'copies' / 'camera-1' / NAME
    path.parent.mkdir(parents=True)
    for name in (path, path.with_name('clip.mp4.part')):
        name.write_bytes(there)
    put(remote)
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == [f'camera-1/{NAME}']


def test_an_upload_that_breaks_shows_no_copy(remote, tmp_path):
    asked = []

    def until_then():
        asked.append(1)
        return len(asked) < 3

    with pytest.raises(NotWanted):
        put(remote, is_wanted=until_then)
    assert names(tmp_path) == [f'camera-1/{NAME}.part']
    put(remote)
    assert names(tmp_path) == [f'camera-1/{NAME}']


def test_a_copy_that_arrives_damaged_is_not_taken_for_whole(remote, tmp_path, monkeypatch):
    new_file = remote._new_file

    class Damaged:
        def __init__(self, file):
            self._file = file

        def write(self, data):
            self._file.write(bytes(len(data)))

    @contextlib.contextmanager
    def damaging(path):
        with new_file(path) as file:
            yield Damaged(file)

    monkeypatch.setattr(remote, '_new_file', damaging)
    with pytest.raises(RemoteFault, match='did not arrive'):
        put(remote)
    assert names(tmp_path) == [f'camera-1/{NAME}.part']


def test_a_file_that_is_not_the_one_that_was_kept_is_not_sent(remote, tmp_path):
    with pytest.raises(Differs):
        put(remote, sha256='0' * 64)
    assert names(tmp_path) == []


def test_deleting_leaves_nothing(remote, tmp_path):
    put(remote)
    (tmp_path / 'copies' / 'camera-1' / f'{NAME}.part').write_bytes(b'x')
    remote.delete(NAME, always)
    assert names(tmp_path) == []
    remote.delete(NAME, always)


def test_other_file_systems_are_written_to_through_fsspec():
    remote = open_remote('memory://copies', folder='camera-1')
    assert type(remote) is media_remote.FileStore
    put(remote)
    assert remote._system.cat(f'/copies/camera-1/{NAME}') == CONTENT
    remote.delete(NAME, always)
    assert remote._system.find('/copies') == []


def test_a_fault_of_the_system_is_told_as_one_of_the_remote_store(remote, tmp_path):
    (tmp_path / 'copies').write_text('in the way')
    with pytest.raises(RemoteFault, match='copies'):
        put(remote)


def test_the_options_file_is_for_its_owner_alone(tmp_path):
    for mode in (0o640, 0o604, 0o644):
        path = options_file(tmp_path, '{}', mode)
        with pytest.raises(ConfigurationError, match='chmod go= '):
            open_remote('file:///tmp/x', path)


@pytest.mark.parametrize('text', ['', '[]', '"hunter22"', 'key: hunter22'])
def test_an_options_file_that_is_none_is_told_without_its_content(tmp_path, text):
    with pytest.raises(ConfigurationError, match='is no JSON object') as caught:
        open_remote('file:///tmp/x', options_file(tmp_path, text))
    assert 'hunter22' not in str(caught.value)


def test_an_options_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match='cannot be read'):
        open_remote('file:///tmp/x', str(tmp_path / 'none'))


@pytest.mark.parametrize('url', ['ftp://me:hunter22@host/x', 's3://key:hunter22@bucket/x'])
def test_credentials_in_the_address_are_refused_and_not_repeated(url):
    with pytest.raises(ConfigurationError, match='options file') as caught:
        open_remote(url)
    assert 'hunter22' not in str(caught.value)


@pytest.mark.parametrize('url', ['nothing://bucket', 's3a4://x'])
def test_an_address_of_no_known_kind_is_told(url):
    with pytest.raises(ConfigurationError, match='cannot be used'):
        open_remote(url)


def test_credentials_that_a_library_quotes_are_hidden():
    options = {'key': 'AKIA12', 'client_kwargs': {'password': 'hunter22'}, 'anon': False, 'a': 'x'}
    text = 'key AKIA12 with hunter22 at https://me:word@host/x?token=abc'
    assert hide(text, options) == 'key *** with *** at https://***@host/x?token=***'
    assert media_remote.SHORTEST_SECRET == 4
