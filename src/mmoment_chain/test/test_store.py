import contextlib
import os
import random
import signal
import sqlite3
import stat
import threading

import pytest
from fake_clock import START_MS
from store_world import WALLET, opened, session, traces

from mmoment_chain import event_log, session_records
from mmoment_chain.errors import StoreError
from mmoment_chain.store import READERS_KEPT

ROUNDS = 30
WRITERS = 4


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path) as opened_store:
        yield opened_store


def put(store, *sessions):
    with store.transaction() as tx:
        for one in sessions:
            session_records.add(tx, one)


def count(store):
    with store.reading() as query:
        return session_records.count_open(query)


def connections_to(path):
    found = 0
    for fd in os.listdir('/proc/self/fd'):
        # The folder's own descriptor is gone by now.
        with contextlib.suppress(FileNotFoundError):
            found += os.readlink(f'/proc/self/fd/{fd}') == str(path)
    return found


def test_what_was_written_is_there_after_opening_again(tmp_path):
    with opened(tmp_path) as store:
        put(store, session())
    with opened(tmp_path) as store, store.reading() as query:
        assert session_records.get(query, 'session-1') == session()


def test_a_committed_change_is_forced_to_the_disk(store):
    # 2 is FULL: the log is forced to the disk at each commit.
    for query in (store.transaction(), store.reading()):
        with query as look:
            assert look.one('PRAGMA synchronous')[0] == 2
            assert look.one('PRAGMA journal_mode')[0] == 'wal'
            assert look.one('PRAGMA foreign_keys')[0] == 1
            assert look.one('PRAGMA secure_delete')[0] == 1


def test_files_are_readable_by_their_owner_alone(tmp_path):
    folder = tmp_path / 'deep' / 'folder'
    earlier = os.umask(0)
    try:
        store = opened(folder)
    finally:
        os.umask(earlier)
    with store:
        put(store, session())
        files = list(folder.iterdir())
        assert len(files) == 4
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_store_that_others_could_read_is_closed_to_them(tmp_path):
    opened(tmp_path).close()
    path = tmp_path / 'store.sqlite3'
    path.chmod(0o644)
    opened(tmp_path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_transaction_that_raises_leaves_nothing(store):
    def fail_half_way():
        with store.transaction() as tx:
            session_records.add(tx, session())
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    assert count(store) == 0
    put(store, session())
    assert count(store) == 1


def test_a_transaction_sees_its_own_changes_and_readers_do_not(store):
    with store.transaction() as tx:
        session_records.add(tx, session())
        assert session_records.count_open(tx) == 1
        assert count(store) == 0
    assert count(store) == 1


def test_a_reader_sees_one_state_throughout(store):
    put(store, session(1))
    with store.reading() as query:
        assert session_records.count_open(query) == 1
        put(store, session(2))
        assert session_records.count_open(query) == 1
    assert count(store) == 2


def test_readers_cannot_write(store):
    with pytest.raises(StoreError), store.reading() as query:
        query.one('DELETE FROM sessions RETURNING id')


def test_a_look_that_has_ended_is_of_no_use(store):
    with store.transaction() as tx:
        pass
    with pytest.raises(RuntimeError):
        session_records.add(tx, session())
    assert count(store) == 0


def test_a_transaction_within_a_transaction_is_a_mistake_and_no_deadlock(store):
    with pytest.raises(RuntimeError), store.transaction(), store.transaction():
        pass
    put(store, session())


def test_a_mistake_of_the_program_is_not_told_as_one_of_the_disk(store):
    put(store, session())
    with pytest.raises(sqlite3.IntegrityError):
        put(store, session())


def test_threads_write_one_after_another_and_lose_nothing(store):
    def work(writer):
        for number in range(ROUNDS):
            put(store, session(writer * 1000 + number))
            count(store)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(store) == ROUNDS * WRITERS


def test_many_readers_at_once_leave_no_more_than_one_such_crowd(store):
    found = []
    for _ in range(5):
        looks = [store.reading() for _ in range(READERS_KEPT + 3)]
        for look in looks:
            look.__enter__()
        for look in looks:
            look.__exit__(None, None, None)
        found.append(connections_to(store.path))
    # SQLite keeps the files of closed connections for the next ones.
    assert max(found) <= READERS_KEPT + 4


def test_a_closed_store_says_so(store):
    store.close()
    for look in (store.reading, store.transaction):
        with pytest.raises(StoreError, match='closed'), look():
            pass
    store.close()


def test_closing_puts_everything_into_the_one_file(tmp_path):
    with opened(tmp_path) as store:
        put(store, session())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'store.sqlite3',
        'store.sqlite3.lock',
    ]


def test_a_read_only_store_is_opened_beside_its_writer_and_changes_nothing(store, tmp_path):
    put(store, session(1))
    with opened(tmp_path, read_only=True) as other:
        assert count(other) == 1
        put(store, session(2))
        assert count(other) == 2
        with pytest.raises(RuntimeError), other.transaction():
            pass


def test_a_backup_is_one_private_file_that_opens_as_a_store(store, tmp_path):
    put(store, session())
    target = tmp_path / 'copies' / 'one.sqlite3'
    target.parent.mkdir()
    store.backup(target)
    assert [path.name for path in target.parent.iterdir()] == ['one.sqlite3']
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    # Not in the write-ahead mode, in which it could be read in a folder that can be written only.
    assert target.read_bytes()[18:20] == b'\1\1'
    (target.parent / 'store.sqlite3').write_bytes(target.read_bytes())
    with opened(target.parent) as copy:
        assert count(copy) == 1


def test_a_backup_replaces_nothing(store, tmp_path):
    target = tmp_path / 'one.sqlite3'
    target.write_text('mine')
    for there in (target, store.path):
        with pytest.raises(StoreError, match='exists already'):
            store.backup(there)
    assert target.read_text() == 'mine'
    assert count(store) == 0


def test_a_backup_while_others_write_is_of_one_moment(store, tmp_path):
    # Two sessions at a time: an odd number would be half a transaction.
    put(store, *(session(number) for number in range(2000)))
    is_over = threading.Event()

    def work():
        number = 10_000
        while not is_over.is_set():
            put(store, session(number), session(number + 1))
            number += 2

    writer = threading.Thread(target=work)
    writer.start()
    try:
        before = count(store)
        for number in range(5):
            store.backup(tmp_path / f'{number}')
        after = count(store)
    finally:
        is_over.set()
        writer.join()
    found = []
    for number in range(5):
        with sqlite3.connect(tmp_path / f'{number}') as copy:
            assert copy.execute('PRAGMA integrity_check').fetchone() == ('ok',)
            found.append(copy.execute('SELECT count(*) FROM sessions').fetchone()[0])
        copy.close()
    assert found == sorted(found)
    assert all(number % 2 == 0 and before <= number <= after for number in found)
    assert after > before


def test_nothing_erased_can_be_read_in_the_files_after_scrubbing(tmp_path):
    # Pages that are split leave copies of rows in their unused parts, which deleting the rows does
    # not reach; with these three orders of events some are left.
    for seed in range(3):
        chance = random.Random(seed)
        wallets = [f'{chance.getrandbits(128):032x}' for _ in range(300)]
        folder = tmp_path / str(seed)
        with opened(folder) as store:
            with store.transaction() as tx:
                for number in range(1800):
                    wallet = chance.choice(wallets)
                    name = 'N' * chance.randrange(300) + wallet
                    event_log.append(tx, 'check_in', wallet, personal={'display_name': name})
                    fields = {'id': f'{chance.getrandbits(64):x}', 'display_name': name}
                    session_records.add(tx, session(number, wallet, **fields))
            assert traces(folder, wallets[0])
            with store.transaction() as tx:
                for wallet in wallets[:100]:
                    session_records.erase(tx, wallet)
                    event_log.erase(tx, wallet)
            store.scrub()
            left = b''.join(path.read_bytes() for path in folder.iterdir())
            assert [wallet for wallet in wallets[:100] if wallet.encode() in left] == []
            assert wallets[150].encode() in left
            assert count(store) == 1800


def erase_with_a_reader(store):
    """Erase somebody while a reader, whom the test ends, looks at the state before."""
    look = store.reading()
    session_records.count_open(look.__enter__())
    with store.transaction() as tx:
        session_records.erase(tx, WALLET)
    return look


def log_bytes(store):
    return store.path.with_name(f'{store.path.name}-wal').stat().st_size


def test_scrubbing_does_not_pretend_while_a_reader_holds_the_old_state(store, tmp_path):
    put(store, session())
    look = erase_with_a_reader(store)
    assert not store.scrub()
    assert traces(tmp_path, WALLET)
    look.__exit__(None, None, None)
    assert store.scrub()
    assert traces(tmp_path, WALLET) == []


@pytest.mark.parametrize('is_scrubbed_before', [False, True])
def test_a_reader_in_the_way_of_scrubbing_holds_no_writer_up_and_fills_no_disk(
    tmp_path, is_scrubbed_before
):
    # Whoever waits for the reader waits for as long as the test may take.
    with opened(tmp_path, busy_timeout_s=3600.0) as store:
        put(store, *(session(number, display_name='x' * 1000) for number in range(200)))
        if is_scrubbed_before:
            # The reader then needs the file itself, and nothing beside it.
            with store.transaction() as tx:
                tx.leave_no_trace()
            assert store.scrub()
            store._main.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        look = erase_with_a_reader(store)
        grown = 0
        for number in range(20):
            before = log_bytes(store)
            assert not store.scrub()
            grown += log_bytes(store) - before
            put(store, session(1000 + number, wallet=None))
        # At most one copy of the whole, which has some 400 kB.
        assert grown < 500_000
        look.__exit__(None, None, None)
        assert store.scrub()
        assert traces(tmp_path, WALLET) == []


def test_what_is_to_be_scrubbed_is_known_after_a_restart(tmp_path):
    with opened(tmp_path) as store:
        put(store, session())
        with store.transaction() as tx:
            session_records.erase(tx, WALLET)
    with opened(tmp_path) as store:
        with store.reading() as query:
            assert query.count('SELECT count(*) FROM scrub_note') == 1
        assert store.scrub()
        with store.reading() as query:
            assert query.count('SELECT count(*) FROM scrub_note') == 0


def test_scrubbing_where_nothing_was_erased_writes_nothing(store):
    put(store, session())
    before = log_bytes(store)
    assert store.scrub()
    assert log_bytes(store) == before


def test_a_log_left_by_a_killed_process_is_emptied_when_the_store_is_opened(tmp_path):
    child = os.fork()
    if child == 0:
        put(opened(tmp_path), session())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / 'store.sqlite3-wal').stat().st_size > 0
    with opened(tmp_path) as store:
        assert log_bytes(store) == 0
        assert count(store) == 1


def test_time_comes_from_the_clock_of_the_store(store):
    with store.transaction() as tx:
        assert tx.utc_ms() == START_MS
    store.clock.advance(1)
    with store.reading() as query:
        assert query.utc_ms() == START_MS + 1000
