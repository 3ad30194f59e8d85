import itertools
import os
import signal
import stat
import threading
from pathlib import Path

import pytest
from vault_vectors import secret

from mmoment_chain.device_key_files import (
    DeviceKeyError,
    create_folder,
    locked,
    read_file,
    replace_file,
    sweep_drafts,
)
from mmoment_node.durable_files import draft_of
from mmoment_node.errors import ConfigurationError
from tests.killed_child import killed_at_line

OLD, NEW = b'old content', b'new content, longer'
MODULES = ('device_key_files', 'durable_files')


def create(folder, content=OLD):
    with secret(content) as one, secret(content) as two:
        return create_folder(folder, {'one.key': one, 'two.key': two})


def replace(path, content=NEW):
    with secret(content) as new, locked(path.parent):
        replace_file(path, new)


def content_of(path):
    with read_file(path) as content:
        return bytes(content.view)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'keys'
    assert create(folder)
    return folder


def test_only_their_owner_may_open_them(tmp_path):
    umask = os.umask(0)
    try:
        create(tmp_path / 'keys')
        replace(tmp_path / 'keys' / 'one.key')
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / 'keys').stat().st_mode) == 0o700
    files = list((tmp_path / 'keys').iterdir())
    assert sorted(file.name for file in files) == ['one.key', 'two.key']
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_widest_umask_takes_nothing_away(tmp_path):
    umask = os.umask(0o777)
    try:
        create(tmp_path / 'keys')
    finally:
        os.umask(umask)
    assert content_of(tmp_path / 'keys' / 'one.key') == OLD


def test_what_is_there_is_never_made_anew(folder):
    assert not create(folder, NEW)
    assert content_of(folder / 'one.key') == OLD


@pytest.mark.parametrize('left', ['one.key', 'two.key'])
def test_nor_if_a_part_of_it_is_gone(folder, left):
    for file in folder.iterdir():
        if file.name != left:
            file.unlink()
    assert not create(folder, NEW)
    assert [file.name for file in folder.iterdir()] == [left]


def test_an_empty_folder_counts_as_none(tmp_path):
    (tmp_path / 'keys').mkdir(mode=0o755)
    assert create(tmp_path / 'keys')
    assert stat.S_IMODE((tmp_path / 'keys').stat().st_mode) == 0o700


def test_folders_above_are_made(tmp_path):
    assert create(tmp_path / 'state' / 'camera' / 'keys')


def test_of_many_at_once_one_makes_it(tmp_path):
    contents = [f'content {i}'.encode() for i in range(8)]
    made = []
    threads = [
        threading.Thread(
            target=lambda each=each: create(tmp_path / 'keys', each) and made.append(each)
        )
        for each in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert content_of(tmp_path / 'keys' / 'one.key') == made[0]
    assert [path.name for path in tmp_path.iterdir()] == ['keys']


def test_killed_at_any_line_there_is_the_whole_folder_or_none(tmp_path):
    unfinished, number = 0, 0
    while True:
        folder = tmp_path / f'{number}' / 'keys'
        if not killed_at_line(number, MODULES, lambda folder=folder: create(folder)):
            break
        if folder.exists():
            assert content_of(folder / 'one.key') == content_of(folder / 'two.key') == OLD
            assert not create(folder, NEW)
        else:
            unfinished += 1
            assert create(folder, NEW)
            assert content_of(folder / 'one.key') == content_of(folder / 'two.key') == NEW
        # What was begun and not finished is cleaned up by the next who makes one.
        if content_of(folder / 'one.key') == NEW:
            assert [path.name for path in folder.parent.iterdir()] == ['keys']
        number += 1
    assert 20 < unfinished < number


def test_killed_at_any_line_there_is_the_old_file_or_the_new_one(folder):
    path = folder / 'one.key'
    found = []
    while killed_at_line(len(found), MODULES, lambda: replace(path)):
        found.append(content_of(path))
        replace(path, OLD)
        assert content_of(path) == OLD
        assert sorted(file.name for file in folder.iterdir()) == ['one.key', 'two.key']
    assert set(found) == {OLD, NEW}
    # Once there, it stays.
    assert found == sorted(found, key=lambda content: content == NEW)


@pytest.fixture
def steps(monkeypatch):
    """What was made durable and renamed, in this order."""
    noted = []

    def noting(name, what):
        original = getattr(os, name)

        def call(first, *more, **named):
            path = os.readlink(f'/proc/self/fd/{first}') if name == 'fsync' else str(first)
            original(first, *more, **named)
            noted.append((what, Path(path).name))

        monkeypatch.setattr(os, name, call)

    noting('fsync', 'synced')
    noting('replace', 'renamed')
    noting('rename', 'renamed')
    return noted


def test_a_power_cut_finds_the_new_file_on_disk_before_it_has_the_name(folder, steps):
    steps.clear()
    replace(folder / 'one.key')
    new = '.one.key.draft'
    assert steps == [('synced', new), ('renamed', new), ('synced', 'keys')]


def test_a_power_cut_finds_the_files_on_disk_before_the_folder_has_its_name(tmp_path, steps):
    create(tmp_path / 'keys')
    made = steps[2][1]
    assert made.startswith('.keys.new-')
    assert steps == [
        ('synced', 'one.key'),
        ('synced', 'two.key'),
        ('synced', made),
        ('renamed', made),
        ('synced', tmp_path.name),
    ]


def test_a_full_disk_leaves_the_old_file(folder):
    """A limit to the size of files is met like a full disk: in the middle of writing."""

    def action():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))
        with pytest.raises(DeviceKeyError, match='still there: make room'):
            replace(folder / 'one.key')

    assert not killed_at_line(10**9, MODULES, action)
    assert content_of(folder / 'one.key') == OLD
    replace(folder / 'one.key')
    assert content_of(folder / 'one.key') == NEW


def test_a_full_disk_at_the_first_start_leaves_nothing(tmp_path):
    def action():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))
        with pytest.raises(DeviceKeyError, match=r'cannot be made in .*keys'):
            create(tmp_path / 'keys')

    assert not killed_at_line(10**9, MODULES, action)
    assert not (tmp_path / 'keys').exists()
    assert create(tmp_path / 'keys')


def test_a_disk_that_keeps_no_names_is_not_said_to_have_the_old_keys(folder, monkeypatch):
    path, real = folder / 'one.key', os.fsync

    def failing(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, 'Input/output error')
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, 'fsync', failing)
        with pytest.raises(DeviceKeyError, match=r'Input/output error.*do it again') as refused:
            replace(path)
    assert 'still there' not in str(refused.value)
    assert 'those in use' in str(refused.value)
    assert content_of(path) == NEW


def test_what_an_interrupted_change_has_left_is_deleted_and_nothing_else(folder):
    path, left = folder / 'one.key', 0
    for number in itertools.count():
        if not killed_at_line(number, MODULES, lambda: replace(path)):
            break
        left += draft_of(path).exists()
        sweep_drafts(folder)
        assert sorted(file.name for file in folder.iterdir()) == ['one.key', 'two.key']
        assert content_of(path) in (OLD, NEW)
    assert left


def test_a_change_that_is_under_way_is_not_taken_for_one_that_was_interrupted(folder):
    draft = draft_of(folder / 'one.key')
    with locked(folder):
        draft.write_bytes(NEW)
        sweeping = threading.Thread(target=sweep_drafts, args=(folder,))
        sweeping.start()
        sweeping.join(0.3)
        assert draft.exists()
    sweeping.join(10.0)
    assert not draft.exists()


@pytest.mark.parametrize('mode', [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_open_is_not_used(folder, mode):
    (folder / 'one.key').chmod(mode)
    with pytest.raises(ConfigurationError) as refused:
        read_file(folder / 'one.key')
    assert f'(mode {mode:04o})' in str(refused.value)
    assert f'chmod go= {folder / "one.key"}' in str(refused.value)


def test_nor_one_in_a_folder_that_others_may_open(folder):
    folder.chmod(0o755)
    with pytest.raises(DeviceKeyError, match=r'may open .*keys \(mode 0755\): .*chmod go='):
        read_file(folder / 'one.key')


def test_a_missing_file_is_not_replaced_but_explained(folder):
    (folder / 'one.key').unlink()
    with pytest.raises(DeviceKeyError) as refused:
        read_file(folder / 'one.key')
    text = str(refused.value)
    assert text.startswith(f'{folder / "one.key"} is missing: put {folder} back from a backup')
    assert 'this is a new camera' in text


def test_a_link_is_no_file_of_keys(folder):
    (folder / 'one.key').rename(folder / 'elsewhere.key')
    (folder / 'one.key').symlink_to('elsewhere.key')
    with pytest.raises(DeviceKeyError, match='cannot be read'):
        read_file(folder / 'one.key')


@pytest.mark.parametrize('content', [b'', bytes(64 * 1024 + 1)])
def test_what_has_no_possible_size_is_no_file_of_keys(folder, content):
    (folder / 'one.key').write_bytes(content)
    with pytest.raises(DeviceKeyError, match='is no file of keys'):
        read_file(folder / 'one.key')


def test_a_folder_in_place_of_a_file_is_no_file_of_keys(folder):
    (folder / 'one.key').unlink()
    (folder / 'one.key').mkdir(mode=0o700)
    with pytest.raises(DeviceKeyError, match=r'one\.key'):
        read_file(folder / 'one.key')


def test_a_file_in_place_of_the_folder_is_explained(tmp_path):
    (tmp_path / 'keys').touch(mode=0o600)
    with pytest.raises(DeviceKeyError, match='keys'):
        create(tmp_path / 'keys')
    with pytest.raises(DeviceKeyError, match='keys'):
        read_file(tmp_path / 'keys' / 'one.key')


@pytest.mark.skipif(os.geteuid() != 0, reason='only root becomes another user')
def test_another_user_is_told_whose_keys_they_are(folder):
    folder.parent.chmod(0o755)

    def action():
        os.setegid(65534)
        os.seteuid(65534)
        with pytest.raises(DeviceKeyError, match=r'\(number 65534\): start as the user'):
            read_file(folder / 'one.key')

    for above in list(folder.parents)[:-2]:
        above.chmod(above.stat().st_mode | 0o055)
    assert not killed_at_line(10**9, MODULES, action)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gives files away')
def test_files_of_another_user_are_not_used(folder):
    os.chown(folder / 'one.key', 65534, 65534)
    with pytest.raises(DeviceKeyError, match='belongs to user number 65534'):
        read_file(folder / 'one.key')
