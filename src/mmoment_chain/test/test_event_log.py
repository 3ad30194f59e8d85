import contextlib
import hashlib
import json
import sqlite3

import pytest
from fake_clock import START_MS
from store_world import OTHER_WALLET, WALLET, opened, traces

from mmoment_chain import event_log
from mmoment_chain.event_log import GENESIS

NAME = 'Zoë O’Hara'


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path) as opened_store:
        yield opened_store


def fill(store):
    with store.transaction() as tx:
        event_log.append(tx, 'started', data={'version': '0.1.0'})
        event_log.append(tx, 'check_in', WALLET, {'rights': ['view']}, {'display_name': NAME})
        event_log.append(tx, 'check_in', OTHER_WALLET, personal={'display_name': 'Ann'})
        event_log.append(tx, 'granted', OTHER_WALLET, personal={'granted_by': WALLET})
        event_log.append(tx, 'check_out', WALLET, {'reason': 'absent'})


def verified(store):
    with store.reading() as query:
        return event_log.verify(query)


def raw_entries(store):
    with store.reading() as query:
        return [json.loads(row['entry']) for row in query.all('SELECT * FROM events')]


@contextlib.contextmanager
def tampering(store):
    """A way past the triggers, as anybody with the file has it."""
    store.close()
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as raw:
        raw.execute('DROP TRIGGER events_stay')
        raw.execute('DROP TRIGGER events_are_kept')
        yield raw


def verified_after(tmp_path):
    with opened(tmp_path) as store:
        return verified(store)


def test_an_empty_log_is_good(store):
    assert verified(store).is_good
    with store.reading() as query:
        assert event_log.head(query) == (0, GENESIS)
        assert event_log.read(query) == []


def test_what_was_appended_is_read(store):
    fill(store)
    with store.reading() as query:
        events = event_log.read(query)
        assert [event.kind for event in events] == [
            'started',
            'check_in',
            'check_in',
            'granted',
            'check_out',
        ]
        second = events[1]
        assert (second.sequence, second.time_ms, second.subject) == (2, START_MS, WALLET)
        assert (second.data, second.personal) == ({'rights': ['view']}, {'display_name': NAME})
        assert events[0].subject is None
        assert event_log.read(query, after=3, limit=1) == [events[3]]
        assert event_log.of_subject(query, WALLET) == [events[1], events[4]]
        assert event_log.head(query) == (5, events[4].hash)
    assert verified(store) == event_log.Verdict(5, events[4].hash)


def test_the_hash_is_the_documented_one(store):
    fill(store)
    with store.reading() as query:
        rows = query.all('SELECT * FROM events ORDER BY sequence')
    previous = bytes(32)
    for row in rows:
        text = json.dumps(
            json.loads(row['entry']), sort_keys=True, separators=(',', ':'), ensure_ascii=False
        )
        assert text == row['entry']
        previous = hashlib.sha256(previous + text.encode()).digest()
        assert row['hash'] == previous


def test_the_commitment_is_the_documented_one(store):
    fill(store)
    with store.reading() as query:
        row = query.one(
            'SELECT * FROM event_fields WHERE sequence = 2 AND name = ?', 'display_name'
        )
    expected = hashlib.sha256(row['salt'] + NAME.encode()).hexdigest()
    assert len(row['salt']) == 32
    assert raw_entries(store)[1]['personal'] == {'display_name': expected}


def test_hashed_entries_hold_no_personal_field(store):
    fill(store)
    text = json.dumps(raw_entries(store), ensure_ascii=False)
    for secret in (WALLET, OTHER_WALLET, NAME, 'Ann'):
        assert secret not in text
        assert hashlib.sha256(secret.encode()).hexdigest() not in text


def test_no_two_fields_have_the_same_commitment(store):
    with store.transaction() as tx:
        for _ in range(5):
            event_log.append(tx, 'seen', WALLET, personal={'display_name': WALLET})
    entries = raw_entries(store)
    found = {entry['subject'] for entry in entries}
    found |= {entry['personal']['display_name'] for entry in entries}
    assert len(found) == 10


def test_an_event_goes_with_the_transaction_that_it_records(store):
    fill(store)
    with contextlib.suppress(KeyError), store.transaction() as tx:
        event_log.append(tx, 'check_in', WALLET)
        raise KeyError
    assert verified(store).entries == 5
    with store.transaction() as tx:
        assert event_log.append(tx, 'check_in', WALLET).sequence == 6
    assert verified(store).entries == 6


def test_a_clock_set_back_does_not_break_the_order(store):
    fill(store)
    store.clock.set_wall(5)
    with store.transaction() as tx:
        event_log.append(tx, 'check_in', WALLET)
    assert verified(store).is_good
    with store.reading() as query:
        assert event_log.read(query, after=5)[0].time_ms == 5


@pytest.mark.parametrize(
    'options',
    [{'data': {'share': 0.5}}, {'data': {'raw': b'x'}}, {'personal': {'subject': 'x'}}],
)
def test_what_cannot_be_recorded_is_refused(store, options):
    with pytest.raises(ValueError), store.transaction() as tx:
        event_log.append(tx, 'x', WALLET, **options)
    assert verified(store).entries == 0


@pytest.mark.parametrize(
    'statement',
    [
        "UPDATE events SET entry = ''",
        'DELETE FROM events',
        "INSERT OR REPLACE INTO events VALUES (1, '', x'00')",
        "INSERT INTO events VALUES (7, '', x'00')",
    ],
)
def test_the_store_itself_changes_no_entry(store, statement):
    fill(store)
    with pytest.raises(sqlite3.IntegrityError), store.transaction() as tx:
        tx.change(statement)
    assert verified(store).is_good


@pytest.mark.parametrize(
    ('statement', 'first_bad', 'reason'),
    [
        (
            "UPDATE events SET entry = replace(entry, 'check', 'cheat') WHERE sequence = 3",
            3,
            'hash',
        ),
        (
            "UPDATE events SET entry = replace(entry, '0.1.0', '0.1.1') WHERE sequence = 1",
            1,
            'hash',
        ),
        ("UPDATE events SET entry = entry || ' ' WHERE sequence = 2", 2, 'canonical'),
        ("UPDATE events SET entry = 'x' WHERE sequence = 2", 2, 'no entry'),
        ("UPDATE events SET entry = '{}' WHERE sequence = 2", 2, 'no entry'),
        ("UPDATE events SET hash = x'00' WHERE sequence = 4", 4, 'hash'),
        ('DELETE FROM events WHERE sequence = 1', 1, 'taken out'),
        ('DELETE FROM events WHERE sequence = 3', 3, 'taken out'),
        ("UPDATE event_fields SET value = 'x' WHERE sequence = 4", 4, 'personal field'),
        ("UPDATE event_fields SET salt = x'00' WHERE sequence = 5", 5, 'personal field subject'),
        ("UPDATE event_fields SET name = 'age' WHERE name = 'granted_by'", 4, 'field age'),
        ("INSERT INTO event_fields VALUES (1, 'subject', x'00', 'x')", 1, 'field subject'),
    ],
)
def test_the_first_tampered_entry_is_named(store, tmp_path, statement, first_bad, reason):
    fill(store)
    with tampering(store) as raw:
        raw.execute(statement)
        raw.execute('DELETE FROM event_fields WHERE sequence NOT IN (SELECT sequence FROM events)')
    verdict = verified_after(tmp_path)
    assert (verdict.first_bad, verdict.entries) == (first_bad, first_bad - 1)
    assert reason in verdict.reason


def test_entries_that_changed_places_are_found(store, tmp_path):
    fill(store)
    with tampering(store) as raw:
        raw.execute('PRAGMA foreign_keys = OFF')
        for old, new in ((2, 99), (3, 2), (99, 3)):
            raw.execute('UPDATE events SET sequence = ? WHERE sequence = ?', (new, old))
    assert verified_after(tmp_path).first_bad == 2


def test_an_entry_recorded_again_with_a_hash_that_fits_breaks_the_next_one(store, tmp_path):
    fill(store)
    with store.reading() as query:
        second, third = query.all('SELECT * FROM events WHERE sequence IN (2, 3)')
    text = third['entry'].replace('check_in', 'check_on')
    with tampering(store) as raw:
        forged = (text, event_log.link_hash(second['hash'], text))
        raw.execute('UPDATE events SET entry = ?, hash = ? WHERE sequence = 3', forged)
    assert verified_after(tmp_path).first_bad == 4


def test_an_end_that_was_cut_off_is_found_with_a_noted_hash(store, tmp_path):
    fill(store)
    noted = verified(store).head
    with store.transaction() as tx:
        event_log.append(tx, 'check_in', WALLET)
    with store.reading() as query:
        assert event_log.verify(query, noted).is_good
    with tampering(store) as raw:
        raw.execute('DELETE FROM event_fields WHERE sequence >= 5')
        raw.execute('DELETE FROM events WHERE sequence >= 5')
    with opened(tmp_path) as again, again.reading() as query:
        assert event_log.verify(query).is_good
        verdict = event_log.verify(query, noted)
    assert (verdict.first_bad, verdict.entries) == (5, 4)
    assert 'noted hash' in verdict.reason


def test_erasing_leaves_a_chain_that_verifies_and_says_nothing(store, tmp_path):
    fill(store)
    before = raw_entries(store)
    with store.transaction() as tx:
        assert event_log.erase(tx, WALLET) == 4
    store.scrub()
    assert verified(store).is_good
    # What was hashed is what it was.
    assert raw_entries(store)[:5] == before
    assert traces(tmp_path, WALLET) == []
    assert traces(tmp_path, NAME) == []
    with store.reading() as query:
        events = event_log.read(query)
        assert event_log.of_subject(query, WALLET) == []
    assert [event.subject for event in events] == [
        None,
        None,
        OTHER_WALLET,
        OTHER_WALLET,
        None,
        None,
    ]
    assert events[1].personal == events[3].personal == {}
    assert events[2].personal == {'display_name': 'Ann'}


def test_salts_of_the_erased_are_gone(store, tmp_path):
    fill(store)
    with store.reading() as query:
        rows = query.all('SELECT * FROM event_fields WHERE value = ?', WALLET)
        salts = [row['salt'] for row in rows]
    assert len(salts) == 3
    with store.transaction() as tx:
        event_log.erase(tx, WALLET)
    store.scrub()
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert not any(salt in content for salt in salts for content in files)


def test_the_tombstone_carries_no_identifier(store):
    fill(store)
    for wallet in (WALLET, OTHER_WALLET, 'somebody who never came'):
        with store.transaction() as tx:
            event_log.erase(tx, wallet)
    tombstones = raw_entries(store)[5:]
    for number, entry in enumerate(tombstones, 6):
        assert entry == {
            'sequence': number,
            'time_ms': START_MS,
            'kind': 'erasure',
            'subject': None,
            'data': {},
            'personal': {},
        }
    assert verified(store).is_good
