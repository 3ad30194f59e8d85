import pytest
from book_world import ANNA, BEN
from fake_clock import FakeClock

from mmoment_chain import consent_records, event_log, template_records
from mmoment_chain.errors import Refused
from mmoment_chain.store import Store
from mmoment_chain.template_records import TemplateRecord
from mmoment_chain.withdrawal import Withdrawn, withdraw


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / 'store.sqlite3', FakeClock()) as store:
        yield store


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
    with pytest.raises(Refused) as caught:
        withdraw(store, 'anna')
    assert caught.value.code == 'bad_wallet'
