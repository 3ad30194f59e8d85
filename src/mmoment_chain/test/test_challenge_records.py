import pytest
from fake_clock import START_MS
from store_world import OTHER_WALLET, WALLET, digest, opened

from mmoment_chain import challenge_records
from mmoment_chain.challenge_records import ChallengeRecord


@pytest.fixture
def tx(tmp_path):
    with opened(tmp_path) as store, store.transaction() as opened_transaction:
        yield opened_transaction


def challenge(nonce='nonce', wallet=WALLET, expires_ms=START_MS + 100):
    return ChallengeRecord(digest(nonce), wallet, 'cam.example:8443', START_MS, expires_ms)


def test_a_challenge_is_used_once(tx):
    assert challenge_records.add(tx, challenge())
    assert challenge_records.get(tx, digest('nonce')) == challenge()
    assert challenge_records.use(tx, digest('nonce'), START_MS + 5)
    assert not challenge_records.use(tx, digest('nonce'), START_MS + 6)
    assert challenge_records.get(tx, digest('nonce')).used_ms == START_MS + 5
    assert not challenge_records.use(tx, digest('other'), START_MS)
    assert challenge_records.get(tx, digest('other')) is None


def test_a_used_challenge_stays_used_whatever_happens(tmp_path):
    with opened(tmp_path) as store, store.transaction() as tx:
        challenge_records.add(tx, challenge())
        challenge_records.use(tx, digest('nonce'), START_MS)
    with opened(tmp_path) as store, store.transaction() as tx:
        assert not challenge_records.use(tx, digest('nonce'), START_MS)


def test_a_nonce_is_kept_once(tx):
    challenge_records.add(tx, challenge())
    assert not challenge_records.add(tx, challenge(wallet=OTHER_WALLET))
    assert challenge_records.get(tx, digest('nonce')) == challenge()


def test_pruning_removes_only_what_expired_used_or_not(tx):
    challenge_records.add(tx, challenge('used and expired'))
    challenge_records.add(tx, challenge('expired'))
    challenge_records.add(tx, challenge('used', expires_ms=START_MS + 200))
    for nonce in ('used and expired', 'used'):
        challenge_records.use(tx, digest(nonce), START_MS)
    assert challenge_records.prune(tx, START_MS + 100) == 0
    assert challenge_records.prune(tx, START_MS + 101) == 2
    assert challenge_records.count(tx) == 1
    assert not challenge_records.use(tx, digest('used'), START_MS)


def test_of_the_erased_a_used_challenge_stays_used_and_names_nobody(tx):
    for nonce in ('used', 'unused'):
        challenge_records.add(tx, challenge(nonce))
    challenge_records.use(tx, digest('used'), START_MS + 5)
    assert challenge_records.erase(tx, WALLET) == 2
    left = challenge_records.get(tx, digest('used'))
    assert (left.wallet, left.used_ms) == (challenge_records.NOBODY, START_MS + 5)
    assert not challenge_records.add(tx, challenge('used'))
    assert not challenge_records.use(tx, digest('used'), START_MS)
    assert challenge_records.get(tx, digest('unused')) is None
    assert challenge_records.prune(tx, START_MS + 101) == 1


def test_erasing_leaves_the_challenges_of_others(tx):
    challenge_records.add(tx, challenge('one'))
    challenge_records.add(tx, challenge('two', OTHER_WALLET))
    assert challenge_records.erase(tx, WALLET) == 1
    assert challenge_records.get(tx, digest('one')) is None
    assert challenge_records.get(tx, digest('two')) is not None
