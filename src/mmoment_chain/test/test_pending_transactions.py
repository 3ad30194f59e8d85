import pytest
from refusals import refusal
from solders.keypair import Keypair

from mmoment_chain.pending_transactions import (
    KEPT_AT_MOST,
    KEPT_PER_WALLET,
    KEPT_S,
    PendingTransactions,
)
from mmoment_chain.transaction_kinds import Row
from mmoment_chain.transaction_sending import Outcome, Sent

ANNA, BEN = b'a' * 32, b'b' * 32
ROW = Row([None, None])


@pytest.fixture
def pending(clock):
    return PendingTransactions(clock)


def add(pending, wallet=ANNA, number=0):
    return pending.add('kind', wallet, ROW, number, None)


def test_what_was_built_is_found_by_its_id_and_nothing_else_is(pending):
    first, second = add(pending), add(pending, number=1)
    assert first.id != second.id
    assert pending.get(first.id) is first
    assert (first.is_last, second.is_last) == (False, True)
    assert refusal(pending.get, 'x').code == 'not_ours'


def test_after_a_while_it_is_forgotten(pending, clock):
    made = add(pending)
    clock.advance(KEPT_S - 1)
    assert pending.get(made.id)
    clock.advance(1)
    assert refusal(pending.get, made.id).code == 'not_ours'


def test_who_asks_often_pushes_out_their_own_only(pending):
    ben = add(pending, BEN)
    made = [add(pending) for _ in range(KEPT_PER_WALLET + 3)]
    for lost in made[:3]:
        assert refusal(pending.get, lost.id).code == 'not_ours'
    for kept in (ben, *made[3:]):
        assert pending.get(kept.id) is kept


def test_there_is_an_end_to_it_and_what_is_being_sent_stays(pending):
    wallets = [bytes(Keypair().pubkey()) for _ in range(KEPT_AT_MOST)]
    made = [add(pending, wallet) for wallet in wallets]
    made[0].sending = object()
    add(pending)
    assert pending.get(made[0].id)
    assert refusal(pending.get, made[1].id).code == 'not_ours'
    for each in made[2:]:
        each.sending = object()
    add(pending, BEN).sending = object()
    assert refusal(add, pending, BEN).code == 'too_many_open'


def test_only_what_the_chain_has_is_confirmed(pending):
    made = add(pending)
    assert not made.is_confirmed
    made.sent = Sent(Outcome.EXPIRED, bytes(64))
    assert not made.is_confirmed
    made.sent = Sent(Outcome.CONFIRMED, bytes(64))
    assert made.is_confirmed
