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


def test_what_is_looked_for_stays(pending):
    made = [add(pending) for _ in range(KEPT_PER_WALLET)]
    made[0].looking = object()
    assert [pending.looks_of(wallet) for wallet in (ANNA, BEN)] == [1, 0]
    made += [add(pending) for _ in range(2)]
    assert pending.get(made[0].id) is made[0]
    assert refusal(pending.get, made[1].id).code == 'not_ours'


def test_what_a_row_goes_on_from_goes_last(pending):
    made = [add(pending) for _ in range(KEPT_PER_WALLET - 1)]
    made.append(add(pending, number=1))
    halfway, done = made[0], made[-1]
    halfway.sent = done.sent = Sent(Outcome.CONFIRMED, bytes(64))
    made[1].sent = Sent(Outcome.EXPIRED, bytes(64))
    assert [each.is_halfway for each in (halfway, made[1], done)] == [True, False, False]
    for _ in range(KEPT_PER_WALLET - 1):
        add(pending)
    assert pending.get(halfway.id) is halfway
    for lost in made[1:]:
        assert refusal(pending.get, lost.id).code == 'not_ours'


def test_of_whom_is_forgotten_nothing_is_kept(pending):
    own, ben = add(pending), add(pending, BEN)
    about = pending.add('grant', BEN, Row([None], about=ANNA), 0, None)
    own.sending = object()
    pending.forget(ANNA)
    for lost in (own, about):
        assert refusal(pending.get, lost.id).code == 'not_ours'
    assert pending.get(ben.id) is ben


def test_what_is_old_goes_also_if_nothing_is_built(pending, clock):
    add(pending)
    busy = add(pending)
    busy.looking = object()
    clock.advance(KEPT_S - 1)
    pending.tidy()
    assert len(pending._kept) == 2
    clock.advance(1)
    pending.tidy()
    assert list(pending._kept.values()) == [busy]


def test_only_what_the_chain_has_is_confirmed(pending):
    made = add(pending)
    assert not made.is_confirmed
    made.sent = Sent(Outcome.EXPIRED, bytes(64))
    assert not made.is_confirmed
    made.sent = Sent(Outcome.CONFIRMED, bytes(64))
    assert made.is_confirmed
