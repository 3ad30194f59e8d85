"""Another part of the camera writes beside the process that keeps the store."""

import contextlib
import itertools
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from fake_clock import FakeClock
from store_world import WALLET, opened, other_process, session, traces

from mmoment_chain import event_log, migrations, session_records
from mmoment_chain.errors import StoreBusy, StoreUnusable
from mmoment_chain.store import Store

APPENDED = 150
APPENDS = """
import sys, time
sys.path[:0] = sys.argv[4:]
from store_world import opened
from mmoment_chain import event_log
with opened(sys.argv[1], beside=True) as store:
    print('open', flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        with store.transaction() as tx:
            event_log.append(tx, sys.argv[2], sys.argv[2], {'number': number})
        print(number, flush=True)
        time.sleep(0.001)
"""
HOLDS_AND_READS = """
import sys
sys.path[:0] = sys.argv[2:]
from store_world import opened
from mmoment_chain import session_records
store = opened(sys.argv[1], beside=True)
look = store.reading()
session_records.count_open(look.__enter__())
print('reading', flush=True)
sys.stdin.readline()
look.__exit__(None, None, None)
print('idle', flush=True)
sys.stdin.readline()
"""


def paths():
    return [path for path in sys.path if path]


def put(store, *sessions):
    with store.transaction() as tx:
        for one in sessions:
            session_records.add(tx, one)


def appender(folder, kind, count=APPENDED):
    words = [sys.executable, '-c', APPENDS, str(folder), kind, str(count), *paths()]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'open\n'
    return process


@pytest.mark.graph
def test_two_processes_append_beside_the_holder_and_nothing_is_lost(tmp_path):
    with opened(tmp_path) as store:
        writers = [appender(tmp_path, kind) for kind in ('left', 'right')]
        for process in writers:
            process.stdin.write('go\n')
            process.stdin.flush()
        for number in range(APPENDED):
            with store.transaction() as tx:
                event_log.append(tx, 'holder', WALLET, {'number': number})
            # Whoever waits asks again after some milliseconds only.
            time.sleep(0.001)
        for process in writers:
            out, _ = process.communicate()
            assert process.returncode == 0
            assert out.split() == [str(number) for number in range(APPENDED)]
        with store.reading() as query:
            verdict = event_log.verify(query)
            events = event_log.read(query, limit=-1)
    assert verdict.is_good
    assert verdict.entries == 3 * APPENDED
    for kind in ('left', 'right', 'holder'):
        numbers = [event.data['number'] for event in events if event.kind == kind]
        assert numbers == list(range(APPENDED))
    # They did write at the same time, not one after the other.
    kinds = [event.kind for event in events]
    assert sum(a != b for a, b in itertools.pairwise(kinds)) > 10


@pytest.mark.graph
def test_a_writer_beside_that_is_killed_leaves_what_it_acknowledged_and_a_good_chain(tmp_path):
    with opened(tmp_path) as store:
        process = appender(tmp_path, 'left', 100_000)
        process.stdin.write('go\n')
        process.stdin.flush()
        for _ in range(40):
            last = int(process.stdout.readline())
        process.kill()
        rest, _ = process.communicate()
        last = int(rest.split()[-1]) if rest.split() else last
        with store.transaction() as tx:
            event_log.append(tx, 'holder')
        with store.reading() as query:
            verdict = event_log.verify(query)
    assert verdict.is_good
    # The last one may have been done without time to say so.
    assert verdict.entries in (last + 2, last + 3)


@pytest.mark.graph
def test_the_holder_cleans_its_files_beside_another_process_but_not_while_that_reads(tmp_path):
    with opened(tmp_path) as store:
        put(store, session(1))
        with other_process(HOLDS_AND_READS, tmp_path, *paths()) as other:
            with store.transaction() as tx:
                session_records.erase(tx, WALLET)
            assert not store.scrub()
            other.stdin.write('end\n')
            other.stdin.flush()
            assert other.stdout.readline() == 'idle\n'
            assert store.scrub()
            assert traces(tmp_path, WALLET) == []


def test_a_transaction_beside_asks_the_holder_to_clean(tmp_path):
    with opened(tmp_path) as store:
        put(store, session(1))
        with opened(tmp_path, beside=True) as beside:
            with beside.transaction() as tx:
                session_records.erase(tx, WALLET)
            assert traces(tmp_path, WALLET)
            with pytest.raises(RuntimeError, match='keeps the store'):
                beside.scrub()
        assert store.scrub()
        assert traces(tmp_path, WALLET) == []


def test_beside_makes_nothing(tmp_path):
    with pytest.raises(StoreBusy, match='waiting for session_node'):
        opened(tmp_path / 'new', beside=True)
    assert list(tmp_path.iterdir()) == []


def test_beside_waits_until_the_schema_is_the_newest(tmp_path):
    path = tmp_path / 'store.sqlite3'
    path.touch()
    with pytest.raises(StoreBusy, match='has schema 0'):
        opened(tmp_path, beside=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute('PRAGMA journal_mode = WAL')
        migrations.migrate(raw, 0, migrations.STEPS[:-1])
    with pytest.raises(StoreBusy, match=f'not yet {migrations.NEWEST}'):
        opened(tmp_path, beside=True)
    opened(tmp_path).close()
    with opened(tmp_path, beside=True) as beside:
        put(beside, session(1))


def test_beside_waits_while_the_store_is_locked(tmp_path):
    opened(tmp_path).close()
    path = tmp_path / 'store.sqlite3'
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute('PRAGMA locking_mode = EXCLUSIVE')
        raw.execute('BEGIN EXCLUSIVE')
        with pytest.raises(StoreBusy):
            opened(tmp_path, beside=True, busy_timeout_s=0.05)


def test_a_store_of_a_newer_version_is_for_a_person_to_deal_with(tmp_path):
    opened(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / 'store.sqlite3')) as raw:
        raw.execute(f'PRAGMA user_version = {migrations.NEWEST + 1}')
    with pytest.raises(StoreUnusable, match='update the camera'):
        opened(tmp_path, beside=True)


def test_the_holder_alone_checkpoints(tmp_path):
    with opened(tmp_path) as store, opened(tmp_path, beside=True) as beside:
        log = store.path.with_name('store.sqlite3-wal')
        put(store, session(1))
        size = store.path.stat().st_size
        for number in range(2, 5):
            # Each is longer than what SQLite lets a log become.
            put(beside, session(number, display_name='x' * 6_000_000))
        assert store.path.stat().st_size == size
        assert log.stat().st_size > 18_000_000
        put(store, session(9))
        assert store.path.stat().st_size > size


def test_a_writer_beside_waits_for_the_holder(tmp_path):
    with opened(tmp_path) as store, opened(tmp_path, beside=True) as beside:
        is_held, is_done = threading.Event(), threading.Event()

        def hold():
            with store.transaction() as tx:
                session_records.add(tx, session(1))
                is_held.set()
                is_done.wait(0.2)

        holder = threading.Thread(target=hold)
        holder.start()
        is_held.wait()
        with beside.transaction() as tx:
            # Both changes are there: this one began when the other had ended.
            assert session_records.count_open(tx) == 1
        holder.join()


def test_the_holder_may_come_and_go_while_another_writes_beside(tmp_path):
    opened(tmp_path).close()
    with opened(tmp_path, beside=True) as beside:
        put(beside, session(1))
        with Store(tmp_path / 'store.sqlite3', FakeClock()) as store:
            put(store, session(2))
            put(beside, session(3))
        put(beside, session(4))
    with opened(tmp_path) as store, store.reading() as query:
        assert session_records.count_open(query) == 4
