import contextlib
import sqlite3

import pytest
from fake_clock import START_MS
from store_world import OTHER_WALLET, WALLET, opened, session, traces

from mmoment_chain import consent_records, event_log, session_records, template_records
from mmoment_chain.retention import EVENTS_AT_ONCE, prune_people
from mmoment_chain.template_records import TemplateRecord

DAY_MS = 24 * 3600 * 1000
NAME = 'Anna Unmistakable'


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path) as opened_store:
        yield opened_store


def visit(store, number, wallet=WALLET, name=NAME, is_over=True):
    with store.transaction() as tx:
        now_ms = tx.utc_ms()
        session_records.add(tx, session(number, wallet, display_name=name, created_ms=now_ms))
        event_log.append(tx, 'checked_in', wallet, None, {'display_name': name})
        if is_over:
            session_records.end(tx, f'session-{number}', now_ms, 'asked')


def of(store, wallet):
    """How many sessions and events name this wallet."""
    with store.reading() as query:
        assert event_log.verify(query).is_good
        sessions = session_records.of_wallet(query, wallet)
        return len(sessions), len(event_log.of_subject(query, wallet))


def test_people_of_long_ago_are_forgotten_and_the_chain_verifies(store, tmp_path):
    visit(store, 1)
    store.clock.advance(40 * DAY_MS / 1000)
    visit(store, 2, OTHER_WALLET, 'Ben Stays')
    # Two fields of the event, and the session.
    assert prune_people(store, 30 * DAY_MS) == 3
    assert of(store, WALLET) == (0, 0)
    assert of(store, OTHER_WALLET) == (1, 1)
    assert store.scrub()
    assert traces(tmp_path, WALLET) == traces(tmp_path, NAME) == []
    assert traces(tmp_path, 'Ben Stays')
    assert prune_people(store, 30 * DAY_MS) == 0


def test_the_age_is_counted_to_the_millisecond(store):
    visit(store, 1)
    store.clock.advance(30 * DAY_MS / 1000)
    assert prune_people(store, 30 * DAY_MS) == 0
    store.clock.advance(0.001)
    assert prune_people(store, 30 * DAY_MS) == 3


def test_who_is_still_here_stays_with_what_they_gave(store):
    visit(store, 1, is_over=False)
    with store.transaction() as tx:
        consent_records.give(tx, WALLET, 'text-1', START_MS)
        template_records.put(tx, TemplateRecord('r', WALLET, 'm', 'user', b'sealed', START_MS))
    store.clock.advance(40 * DAY_MS / 1000)
    prune_people(store, 30 * DAY_MS)
    assert of(store, WALLET) == (1, 0)
    with store.reading() as query:
        assert consent_records.standing(query, WALLET)
        assert template_records.of_wallet(query, WALLET)


def test_many_are_forgotten_in_several_steps(store):
    with store.transaction() as tx:
        for _ in range(2 * EVENTS_AT_ONCE + 1):
            event_log.append(tx, 'seen', WALLET)
        event_log.append(tx, 'started')
    store.clock.advance(1)
    assert prune_people(store, 0) == 2 * EVENTS_AT_ONCE + 1
    assert of(store, WALLET) == (0, 0)


def test_an_event_dated_in_the_future_by_mistake_keeps_no_other(store):
    store.clock.set_wall(START_MS + 1000 * DAY_MS)
    visit(store, 1)
    store.clock.set_wall(START_MS)
    visit(store, 2, OTHER_WALLET)
    store.clock.advance(40 * DAY_MS / 1000)
    prune_people(store, 30 * DAY_MS)
    assert of(store, WALLET) == (1, 1)
    assert of(store, OTHER_WALLET) == (0, 0)


def test_an_entry_that_was_tampered_with_does_not_keep_the_others(store, tmp_path):
    visit(store, 1)
    visit(store, 2, OTHER_WALLET)
    store.close()
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as raw:
        raw.execute('DROP TRIGGER events_stay')
        raw.execute("UPDATE events SET entry = 'x' WHERE sequence = 1")
    with opened(tmp_path) as again:
        again.clock.advance(1)
        assert prune_people(again, 0) == 4
        with again.reading() as query:
            assert event_log.of_subject(query, OTHER_WALLET) == []


def test_where_there_is_nobody_nothing_is_written(store):
    with store.transaction() as tx:
        event_log.append(tx, 'started')
    store.clock.advance(1)
    assert prune_people(store, 0) == 0
    with store.reading() as query:
        assert query.count('SELECT count(*) FROM scrub_note') == 0
