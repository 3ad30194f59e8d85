import pytest
from fake_clock import START_MS
from store_world import OTHER_WALLET, WALLET, opened

from mmoment_chain import consent_records
from mmoment_chain.consent_records import Consent


@pytest.fixture
def tx(tmp_path):
    with opened(tmp_path) as store, store.transaction() as opened_transaction:
        yield opened_transaction


def test_a_consent_stands_until_it_is_withdrawn(tx):
    assert consent_records.give(tx, WALLET, 'recognition-1', START_MS)
    assert not consent_records.give(tx, WALLET, 'recognition-1', START_MS + 1)
    assert consent_records.standing(tx, WALLET) == [Consent(WALLET, 'recognition-1', START_MS)]
    assert consent_records.withdraw(tx, WALLET, 'recognition-1', START_MS + 2)
    assert not consent_records.withdraw(tx, WALLET, 'recognition-1', START_MS + 3)
    assert consent_records.standing(tx, WALLET) == []


def test_history_keeps_what_was_withdrawn_and_given_again(tx):
    consent_records.give(tx, WALLET, 'recognition-1', START_MS)
    consent_records.withdraw(tx, WALLET, 'recognition-1', START_MS + 2)
    consent_records.give(tx, WALLET, 'recognition-1', START_MS + 4)
    assert consent_records.history(tx, WALLET) == [
        Consent(WALLET, 'recognition-1', START_MS, START_MS + 2),
        Consent(WALLET, 'recognition-1', START_MS + 4),
    ]


def test_consent_to_one_text_is_none_to_another(tx):
    consent_records.give(tx, WALLET, 'recognition-1', START_MS)
    assert not consent_records.withdraw(tx, WALLET, 'recognition-2', START_MS)
    assert not consent_records.withdraw(tx, OTHER_WALLET, 'recognition-1', START_MS)
    assert consent_records.give(tx, WALLET, 'recognition-2', START_MS)
    assert len(consent_records.standing(tx, WALLET)) == 2


def test_erasing_leaves_the_consents_of_others(tx):
    consent_records.give(tx, WALLET, 'recognition-1', START_MS)
    consent_records.give(tx, OTHER_WALLET, 'recognition-1', START_MS)
    assert consent_records.erase(tx, WALLET) == 1
    assert consent_records.history(tx, WALLET) == []
    assert len(consent_records.history(tx, OTHER_WALLET)) == 1
