"""What every module of records promises: the words of people are data, and no table is searched.

How each kind of record behaves is tested beside its module.
"""

import sqlite3

import pytest
from fake_clock import START_MS
from store_world import OTHER_WALLET, WALLET, digest, opened, session

from mmoment_chain import (
    challenge_records,
    consent_records,
    event_log,
    grant_records,
    session_records,
    template_records,
)
from mmoment_chain.challenge_records import ChallengeRecord
from mmoment_chain.grant_records import Grant
from mmoment_chain.template_records import TemplateRecord

STRANGE_TEXTS = [
    "Robert'); DROP TABLE sessions;--",
    '" OR ""="',
    '% _ \\ ? :name @x $y',
    'Zoë ‮evil‬ 👩‍👩‍👧 名前',
    'a\0b\nc\td',
    '',
    'x' * 10_000,
]
SCANS = {
    # All that there are, on purpose; old ones are pruned.
    'SELECT count(*) FROM challenges',
    # An index that holds open sessions and no others.
    'SELECT count(*) FROM sessions WHERE ended_ms IS NULL',
    'SELECT * FROM sessions WHERE ended_ms IS NULL ORDER BY created_ms',
    # From the end, where the one row is.
    'SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1',
}


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path) as opened_store:
        yield opened_store


@pytest.mark.parametrize('text', STRANGE_TEXTS)
def test_words_of_people_are_data(store, text):
    stranger = session(1, wallet=text, display_name=text, source=text)
    grant = Grant(text, text, text, START_MS, None)
    template = TemplateRecord('1', text, text, 'user', b'sealed', START_MS)
    challenge = ChallengeRecord(digest(text), text, text, START_MS, START_MS)
    with store.transaction() as tx:
        session_records.add(tx, stranger)
        session_records.add(tx, session(2))
        grant_records.put(tx, grant)
        consent_records.give(tx, text, text, START_MS)
        template_records.put(tx, template)
        challenge_records.add(tx, challenge)
        event_log.append(tx, 'check_in', text, {'text': text}, {'name': text})
    with store.reading() as query:
        assert session_records.of_wallet(query, text) == [stranger]
        assert grant_records.of_wallet(query, text, START_MS) == [grant]
        assert consent_records.standing(query, text)[0].text_version == text
        assert template_records.of_wallet(query, text) == [template]
        assert challenge_records.get(query, digest(text)) == challenge
        assert event_log.of_subject(query, text)[0].personal == {'name': text}
        assert event_log.verify(query).is_good
        assert session_records.count_open(query) == 2


class Watched:
    """Hands statements on to a look at the store, and notes which there were."""

    def __init__(self, look, seen):
        self._look = look
        self._seen = seen

    def __getattr__(self, name):
        method = getattr(self._look, name)
        if name not in ('one', 'all', 'each', 'count', 'change'):
            return method

        def call(sql, *parameters):
            self._seen.append((sql, parameters))
            return method(sql, *parameters)

        return call


def every_use(tx):
    """Every statement of every module of records, as the session core uses them."""
    session_records.add(tx, session())
    session_records.get(tx, 'session-1')
    session_records.by_token_hash(tx, digest('no token'))
    session_records.open_sessions(tx)
    session_records.count_open(tx)
    session_records.of_wallet(tx, WALLET)
    session_records.recent(tx, 10)
    session_records.renew(tx, 'session-1', digest('new'), START_MS, START_MS)
    session_records.forget_previous_token(tx, 'session-1')
    session_records.set_last_seen(tx, {'session-1': START_MS})
    session_records.set_expiry(tx, 'session-1', START_MS)
    session_records.set_rights(tx, 'session-1', ['view'])
    session_records.end(tx, 'session-1', START_MS, 'check_out')
    session_records.forget_people(tx, START_MS)
    session_records.erase(tx, WALLET)
    grant_records.put(tx, Grant(WALLET, 'view', OTHER_WALLET, START_MS, None))
    grant_records.of_wallet(tx, WALLET, START_MS)
    grant_records.remove(tx, WALLET, 'view')
    grant_records.prune(tx, START_MS)
    grant_records.erase(tx, WALLET)
    challenge = ChallengeRecord(digest('n'), WALLET, 'd', START_MS, START_MS)
    challenge_records.add(tx, challenge)
    challenge_records.get(tx, digest('n'))
    challenge_records.use(tx, digest('n'), START_MS)
    challenge_records.count(tx)
    challenge_records.prune(tx, START_MS)
    challenge_records.erase(tx, WALLET)
    consent_records.give(tx, WALLET, 'a-1', START_MS)
    consent_records.standing(tx, WALLET)
    consent_records.withdraw(tx, WALLET, 'a-1', START_MS)
    consent_records.erase(tx, WALLET)
    template_records.put(tx, TemplateRecord('1', WALLET, 'm', 'user', b'', START_MS))
    template_records.get(tx, '1')
    template_records.of_wallet(tx, WALLET)
    template_records.replace_envelope(tx, '1', b'')
    template_records.erase(tx, WALLET)
    event_log.append(tx, 'x', WALLET)
    event_log.head(tx)
    event_log.read(tx, 0, 10)
    event_log.of_subject(tx, WALLET)
    event_log.forget_fields(tx, event_log.named_before(tx, START_MS))
    event_log.named_before(tx, START_MS + 1)
    event_log.erase(tx, WALLET)


def test_no_statement_reads_a_whole_table(store):
    seen = []
    with store.transaction() as tx:
        every_use(Watched(tx, seen))
        assert len(seen) > 50
        found = []
        for sql, parameters in list(seen):
            if sql in SCANS:
                continue
            plan = [row['detail'] for row in tx.all(f'EXPLAIN QUERY PLAN {sql}', *parameters)]
            found += [(sql, step) for step in plan if step.startswith(('SCAN', 'USE TEMP'))]
    assert {sql for sql, _ in seen} >= SCANS
    assert found == []


def test_open_sessions_are_listed_from_an_index_of_their_own(store):
    sql = 'SELECT * FROM sessions WHERE ended_ms IS NULL ORDER BY created_ms'
    with store.reading() as query:
        plan = [row['detail'] for row in query.all(f'EXPLAIN QUERY PLAN {sql}')]
    assert plan == ['SCAN sessions USING INDEX sessions_open']


def test_ten_thousand_sessions_are_searched_as_one_is(store):
    with store.transaction() as tx:
        for number in range(10_000):
            session_records.add(tx, session(number, f'{WALLET[:-5]}{number:05}'))
            if number % 100:
                session_records.end(tx, f'session-{number}', START_MS + number, 'check_out')
    steps = []
    with store.reading() as query:
        connection = query._connection
        connection.set_progress_handler(lambda: steps.append(1), 1)
        try:
            found = session_records.by_token_hash(query, digest('token 5000'))
            other = session_records.get(query, 'session-5001')
        finally:
            connection.set_progress_handler(None, 0)
    assert found == session(5000, f'{WALLET[:-5]}05000')
    assert not other.is_open
    # Instructions of SQLite's machine: some 40 a search; 10,000 rows would take as many at least.
    assert len(steps) < 500


def test_what_is_no_text_at_all_is_refused_by_name(store):
    with pytest.raises((ValueError, sqlite3.Error)), store.transaction() as tx:
        session_records.add(tx, session(display_name='\ud800'))
    with store.reading() as query:
        assert session_records.count_open(query) == 0
