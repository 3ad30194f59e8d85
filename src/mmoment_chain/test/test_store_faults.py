"""Accidents: each ends in one line that says what to do, and what was acknowledged is kept."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from store_world import opened, other_process, session

from mmoment_chain import migrations, session_records
from mmoment_chain.errors import StoreBusy, StoreError, StoreFull, StoreUnusable

NOBODY = 65534
LIMIT_MARGIN_BYTES = 200_000
SMALL_DISK_KIB = 1024

HOLDS_A_STORE = """
import sys
sys.path[:0] = sys.argv[2:]
from store_world import opened
store = opened(sys.argv[1])
print('open', flush=True)
sys.stdin.read()
"""
HOLDS_A_WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()
"""
# Fills a small disk, then finds room again; prints what a parent checks.
FILLS_THE_DISK = """
import os, sys
folder = sys.argv[1]
sys.path[:0] = sys.argv[2:]
from store_world import opened, session
from mmoment_chain import session_records
from mmoment_chain.errors import StoreError, StoreUnusable
ballast = os.path.join(folder, 'ballast')
with open(ballast, 'wb') as file:
    file.write(bytes(100_000))
kept = 0
with opened(folder) as store:
    try:
        while True:
            with store.transaction() as tx:
                session_records.add(tx, session(kept, display_name='x' * 2000))
            kept += 1
    except StoreError as error:
        print(type(error).__name__, error)
    os.unlink(ballast)
    with store.transaction() as tx:
        session_records.add(tx, session(kept, display_name='x' * 2000))
    kept += 1
with opened(folder) as store, store.reading() as query:
    print(kept == session_records.count_open(query), kept > 10)
with open(ballast, 'wb', 0) as file:
    try:
        while True:
            file.write(bytes(1024))
    except OSError:
        pass
os.makedirs(os.path.join(folder, 'new'))
try:
    opened(os.path.join(folder, 'new'))
except StoreUnusable as error:
    print(error)
"""


def paths():
    return [path for path in sys.path if path]


def put(store, *sessions):
    with store.transaction() as tx:
        for one in sessions:
            session_records.add(tx, one)


def count(store):
    with store.reading() as query:
        return session_records.count_open(query)


def one_line(error):
    text = str(error.value)
    assert '\n' not in text
    assert text
    return text


@pytest.fixture
def filled(tmp_path):
    """Folder of a closed store with some sessions."""
    with opened(tmp_path) as store:
        put(store, *(session(number) for number in range(500)))
    return tmp_path


# Beginnings of pages: SQLite keeps no checksums, so damage within a text is seen by nobody but the
# hash chain of the event log.
@pytest.mark.parametrize('offset', [0, 100, *range(4096, 100_000, 16 * 1024)])
@pytest.mark.parametrize('read_only', [False, True])
def test_a_damaged_file_is_refused_and_left_as_it_is(filled, offset, read_only):
    path = filled / 'store.sqlite3'
    content = bytearray(path.read_bytes())
    content[offset : offset + 64] = bytes(range(64))
    path.write_bytes(content)
    with pytest.raises(StoreUnusable) as error:
        opened(filled, read_only=read_only)
    assert 'store.sqlite3' in one_line(error)
    assert any(word in one_line(error) for word in ('put a backup in their place', 'another'))
    assert path.read_bytes() == content


def test_a_file_cut_short_is_refused(filled):
    path = filled / 'store.sqlite3'
    with path.open('r+b') as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(StoreUnusable, match=r'is damaged \(.*put a backup') as error:
        opened(filled)
    one_line(error)


def test_a_damaged_index_is_found(filled):
    with contextlib.closing(sqlite3.connect(filled / 'store.sqlite3')) as raw:
        raw.execute('PRAGMA writable_schema = ON')
        # The table says one thing, an index of it another.
        raw.execute("DELETE FROM sqlite_schema WHERE name = 'sessions_created'")
        raw.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'wallet, c', 'source, c') "
            "WHERE name = 'sessions_wallet'"
        )
        raw.commit()
    with pytest.raises(StoreUnusable, match=r'is damaged \(.*put a backup'):
        opened(filled)


def test_a_reference_to_nothing_is_found(filled):
    with contextlib.closing(sqlite3.connect(filled / 'store.sqlite3')) as raw:
        raw.execute("INSERT INTO event_fields VALUES (7, 'subject', x'00', 'x')")
        raw.commit()
    with pytest.raises(StoreUnusable, match='a row of event_fields belongs to nothing'):
        opened(filled)


def test_text_is_no_store(tmp_path):
    (tmp_path / 'store.sqlite3').write_text('a letter to my aunt\n' * 100)
    with pytest.raises(StoreUnusable, match='not a database'):
        opened(tmp_path)


def test_a_database_of_another_program_is_left_alone(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / 'store.sqlite3')) as raw:
        raw.execute('CREATE TABLE recipes (name)')
        raw.commit()
    before = (tmp_path / 'store.sqlite3').read_bytes()
    with pytest.raises(StoreUnusable, match='another program: choose another file'):
        opened(tmp_path)
    assert (tmp_path / 'store.sqlite3').read_bytes() == before


def test_a_store_of_a_newer_version_is_left_alone(filled):
    with contextlib.closing(sqlite3.connect(filled / 'store.sqlite3')) as raw:
        raw.execute(f'PRAGMA user_version = {migrations.NEWEST + 1}')
        raw.commit()
    before = (filled / 'store.sqlite3').read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreUnusable, match='update the camera'):
            opened(filled, read_only=read_only)
    assert (filled / 'store.sqlite3').read_bytes() == before


def test_reading_makes_no_store(tmp_path):
    with pytest.raises(StoreUnusable, match='there is no store at'):
        opened(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_is_refused_with_the_number_of_the_first(filled):
    with other_process(HOLDS_A_STORE, filled, *paths()) as first:
        with pytest.raises(StoreUnusable, match=f'in use by process {first.pid}: stop'):
            opened(filled)
        with opened(filled, read_only=True) as reader:
            assert count(reader) == 500
            reader.backup(filled / 'copy')
    # The lock went with its holder, however that ended.
    opened(filled).close()


def test_a_second_writer_in_the_same_process_is_refused(filled):
    with opened(filled), pytest.raises(StoreUnusable, match='in use by process'):
        opened(filled)


def test_a_store_held_by_another_program_is_told_and_used_again_afterwards(filled):
    with opened(filled, busy_timeout_s=0.05) as store:
        with other_process(HOLDS_A_WRITE, store.path):
            with pytest.raises(StoreBusy, match='is held by another program: end it') as error:
                put(store, session(1000))
            one_line(error)
            assert count(store) == 500
        put(store, session(1000))
        assert count(store) == 501


def test_a_write_that_the_system_cuts_off_keeps_nothing_and_harms_nothing(filled):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(filled) as store:
        put(store, session(1000))
        size = store.path.with_name('store.sqlite3-wal').stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + LIMIT_MARGIN_BYTES, limits[1]))
        try:
            with pytest.raises(StoreFull, match='takes no writes') as error:
                put(store, *(session(number) for number in range(2000, 10_000)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        one_line(error)
        assert count(store) == 501
        put(store, session(1001))
    with opened(filled) as store:
        assert count(store) == 502


def in_a_small_disk(folder, options=f'size={SMALL_DISK_KIB}k'):
    """Command prefix that mounts a small disk at `folder`, for one command alone."""
    command = f'mount -t tmpfs -o {options} tmpfs {folder} && exec "$@"'
    prefix = ('unshare', '--mount', 'sh', '-c', command, 'sh')
    if shutil.which('unshare') is None or os.geteuid() != 0:
        pytest.skip('needs unshare(1) and root to mount a small disk')
    if subprocess.run([*prefix, 'true'], capture_output=True, check=False).returncode:
        pytest.skip('this system allows no mount namespaces')
    return prefix


def test_a_full_disk_loses_nothing_and_is_used_on_when_there_is_room(tmp_path):
    prefix = in_a_small_disk(tmp_path)
    done = subprocess.run(
        [*prefix, sys.executable, '-c', FILLS_THE_DISK, str(tmp_path), *paths()],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0].startswith('StoreFull store ')
    assert 'free some space' in lines[0]
    assert lines[1] == 'True True'
    assert 'new/store.sqlite3' in lines[2]
    assert len(lines) == 3


def test_a_folder_that_cannot_be_written_is_told(filled):
    program = 'import sys; sys.path[:0] = sys.argv[2:]; from store_world import opened\n'
    program += 'from mmoment_chain.errors import StoreUnusable\n'
    program += 'try: opened(sys.argv[1])\nexcept StoreUnusable as error: print(error)\n'
    prefix = in_a_small_disk(filled / 'disk', 'size=1m,ro') if make(filled / 'disk') else ()
    done = subprocess.run(
        [*prefix, sys.executable, '-c', program, str(filled / 'disk'), *paths()],
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = done.stdout.splitlines()
    assert 'disk/store.sqlite3 cannot be used (Read-only file system): run this as' in line


def make(folder):
    folder.mkdir()
    return folder


def as_nobody(work):
    """Run `work` in a child of a user who may do nothing here; returns what it says."""
    if os.geteuid() != 0:
        pytest.skip('needs root to become another user')
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            work()
            text = 'nothing'
        except StoreError as error:
            text = f'{type(error).__name__} {error}'
        except BaseException as error:
            text = repr(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, encoding='utf-8') as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.parametrize('read_only', [False, True])
def test_a_store_of_somebody_else_is_told(filled, read_only):
    for folder in (filled, *list(filled.parents)[:3]):
        folder.chmod(0o755)
    text = as_nobody(lambda: opened(filled, read_only=read_only))
    assert text.startswith('StoreUnusable store ')
    assert 'run this as the user' in text


def test_a_backup_to_a_place_that_is_not_there_is_told(filled):
    with opened(filled) as store, pytest.raises(StoreError, match='choose another place') as error:
        store.backup(Path('/no/such/folder/copy'))
    one_line(error)


def test_a_backup_that_fails_leaves_no_file(filled, tmp_path_factory):
    target = tmp_path_factory.mktemp('copies') / 'copy'
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(filled) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        try:
            with pytest.raises(StoreError):
                store.backup(target)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert count(store) == 500
    assert list(target.parent.iterdir()) == []
