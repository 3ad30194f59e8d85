import pytest
from book_world import ANNA, BEN
from fake_clock import FakeClock
from store_world import session as stored_session

from mmoment_chain import (
    consent_records,
    consent_texts,
    event_log,
    session_records,
    template_records,
)
from mmoment_chain.consent import Withdrawn, give, withdraw
from mmoment_chain.errors import Refused
from mmoment_chain.store import Store
from mmoment_chain.template_records import TemplateRecord


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / 'store.sqlite3', FakeClock()) as store:
        yield store


def code(function, *arguments):
    with pytest.raises(Refused) as caught:
        function(*arguments)
    return caught.value.code


@pytest.fixture
def session(store):
    session = stored_session(1, ANNA)
    with store.transaction() as tx:
        session_records.add(tx, session)
    return session


@pytest.mark.parametrize('version', consent_texts.VERSIONS)
def test_a_consent_is_recorded_once_with_text_and_time_and_in_the_log(store, session, version):
    given_ms = store.clock.utc_ms()
    give(store, session, version)
    store.clock.advance(60)
    give(store, session, version)
    with store.reading() as query:
        (consent,) = consent_records.history(query, ANNA)
        assert (consent.text_version, consent.given_ms) == (version, given_ms)
        (event,) = event_log.of_subject(query, ANNA)
    assert (event.kind, dict(event.data)) == ('consent_given', {'text_version': version})
    withdraw(store, ANNA)
    give(store, session, version)
    with store.reading() as query:
        assert len(consent_records.history(query, ANNA)) == 2
        assert len(consent_records.standing(query, ANNA)) == 1


@pytest.mark.parametrize('version', ['', '2020-01-1', "'; DROP TABLE consents"])
def test_nobody_agrees_to_a_text_that_the_camera_does_not_know(store, session, version):
    assert code(give, store, session, version) == 'no_consent'
    with store.reading() as query:
        assert consent_records.history(query, ANNA) == []


def test_nothing_is_recorded_of_who_left_or_was_forgotten_meanwhile(store, session):
    with store.transaction() as tx:
        session_records.end(tx, session.id, tx.utc_ms(), 'asked')
    assert code(give, store, session, consent_texts.VERSIONS[0]) == 'session_over'
    with store.transaction() as tx:
        session_records.erase(tx, ANNA)
    assert code(give, store, session, consent_texts.VERSIONS[0]) == 'session_over'
    with store.reading() as query:
        assert consent_records.history(query, ANNA) == []


def keep(store, wallet, *models):
    with store.transaction() as tx:
        consent_records.give(tx, wallet, 'text-1', tx.utc_ms())
        for model in models:
            record = TemplateRecord(
                f'{wallet[:8]}-{model}', wallet, model, 'user', b'sealed of ' + wallet.encode(), 1
            )
            template_records.put(tx, record)


def test_templates_go_and_consents_end_and_both_are_in_the_log(store):
    keep(store, ANNA, 'one', 'two')
    keep(store, BEN, 'one')
    assert withdraw(store, ANNA) == Withdrawn(templates=2, consents=1)
    with store.reading() as query:
        assert template_records.of_wallet(query, ANNA) == []
        assert consent_records.standing(query, ANNA) == []
        (consent,) = consent_records.history(query, ANNA)
        assert consent.withdrawn_ms == store.clock.utc_ms()
        assert len(template_records.of_wallet(query, BEN)) == 1
        assert len(consent_records.standing(query, BEN)) == 1
        events = event_log.of_subject(query, ANNA)
        assert [(one.kind, dict(one.data)) for one in events] == [
            ('consent_withdrawn', {'text_version': 'text-1'}),
            ('templates_deleted', {'templates': 2}),
        ]


def test_nothing_of_a_template_stays_in_the_files(store):
    keep(store, ANNA, 'one')
    withdraw(store, ANNA)
    assert store.scrub()
    for path in store.path.parent.iterdir():
        assert b'sealed of ' not in path.read_bytes()


def test_where_there_is_nothing_nothing_happens(store):
    assert withdraw(store, ANNA) == Withdrawn(0, 0)
    with store.reading() as query:
        assert event_log.head(query) == (0, event_log.GENESIS)


def test_only_a_wallet_can_withdraw(store):
    assert code(withdraw, store, 'anna') == 'bad_wallet'
