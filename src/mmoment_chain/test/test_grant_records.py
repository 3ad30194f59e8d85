import pytest
from fake_clock import START_MS
from store_world import OTHER_WALLET, WALLET, opened

from mmoment_chain import grant_records
from mmoment_chain.grant_records import Grant

OWNER = 'owner'


@pytest.fixture
def tx(tmp_path):
    with opened(tmp_path) as store, store.transaction() as opened_transaction:
        yield opened_transaction


def grant(wallet=WALLET, right='view', expires_ms=None, granted_by=OWNER):
    return Grant(wallet, right, granted_by, START_MS, expires_ms)


def test_grants_end_when_they_expire(tx):
    grant_records.put(tx, grant())
    grant_records.put(tx, grant(right='stream', expires_ms=START_MS + 10))
    both = [grant(right='stream', expires_ms=START_MS + 10), grant()]
    assert grant_records.of_wallet(tx, WALLET, START_MS + 9) == both
    assert grant_records.of_wallet(tx, WALLET, START_MS + 10) == [grant()]
    assert grant_records.of_wallet(tx, OTHER_WALLET, START_MS) == []


def test_a_grant_replaces_the_one_before(tx):
    grant_records.put(tx, grant(expires_ms=START_MS + 10))
    grant_records.put(tx, grant(expires_ms=START_MS + 20))
    assert grant_records.everything(tx) == [grant(expires_ms=START_MS + 20)]


def test_a_grant_is_taken_back_once(tx):
    grant_records.put(tx, grant())
    assert grant_records.remove(tx, WALLET, 'view')
    assert not grant_records.remove(tx, WALLET, 'view')
    assert grant_records.everything(tx) == []


def test_pruning_removes_what_expired(tx):
    grant_records.put(tx, grant())
    grant_records.put(tx, grant(right='stream', expires_ms=START_MS + 10))
    assert grant_records.prune(tx, START_MS + 10) == 0
    assert grant_records.prune(tx, START_MS + 11) == 1
    assert grant_records.everything(tx) == [grant()]


def test_erasing_removes_what_a_wallet_has_and_gave(tx):
    grant_records.put(tx, grant())
    grant_records.put(tx, grant(OTHER_WALLET))
    grant_records.put(tx, grant(OTHER_WALLET, 'stream', granted_by=WALLET))
    assert grant_records.erase(tx, WALLET) == 2
    assert grant_records.everything(tx) == [grant(OTHER_WALLET)]
