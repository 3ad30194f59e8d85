import pytest
from fake_chain import wire
from people import ANN, BEN
from solders.keypair import Keypair

from mmoment_api.built_transactions import (
    KEPT_AT_MOST,
    KEPT_S,
    LIKELY_AT_MOST,
    BuiltTransactions,
)
from mmoment_api.chain_control import BuiltTransaction, TransactionWish

WISH = TransactionWish('mint_face', ANN, 's1')


def built(message=b'message', number=1):
    return BuiltTransaction(f'b{number}', wire(message))


def test_a_signed_transaction_is_known_by_its_message(clock):
    kept = BuiltTransactions(clock)
    kept.note(WISH, built())
    found = kept.find(wire(b'message', filled=2), ANN)
    assert (found.wish, found.built.build_id) == (WISH, 'b1')
    assert kept.find(wire(b'another', filled=2), ANN) is None
    assert kept.find(wire(b'message', filled=2), BEN) is None


@pytest.mark.parametrize('text', ['', '*', 'AA==', 'FA==', 'AQ==', wire(b'')])
def test_what_is_no_transaction_is_nothing_of_ours(clock, text):
    kept = BuiltTransactions(clock)
    kept.note(WISH, BuiltTransaction('b1', text))
    assert kept.find(text, ANN) is None


def test_the_old_and_the_many_are_forgotten(clock):
    kept = BuiltTransactions(clock)
    kept.note(WISH, built(b'first'))
    for number in range(KEPT_AT_MOST):
        kept.note(WISH, built(b'%d' % number))
    assert kept.find(wire(b'first'), ANN) is None
    assert kept.find(wire(b'0'), ANN) is not None
    clock.now_s += KEPT_S
    assert kept.find(wire(b'0'), ANN) is None


def test_what_is_old_is_not_kept_behind_what_is_new(clock):
    kept = BuiltTransactions(clock)
    kept.note(WISH, built(b'first'))
    clock.now_s += KEPT_S
    kept.note(WISH, built(b'second'))
    assert [each.built.transaction for each in kept._kept.values()] == [wire(b'second')]
    clock.now_s += KEPT_S
    kept.forget(BEN)
    assert not kept._kept


def test_of_whom_is_forgotten_nothing_is_kept(clock):
    kept = BuiltTransactions(clock)
    kept.note(WISH, built(b'of Ann'))
    kept.note(TransactionWish('mint_face', BEN, 's2'), built(b'of Ben'))
    kept.forget(ANN)
    assert kept.find(wire(b'of Ann'), ANN) is None
    assert kept.find_signed('no signature', ANN) == []
    assert kept.find(wire(b'of Ben'), BEN) is not None


def test_a_signature_tells_what_was_signed_or_else_it_may_be_any_of_the_newest(clock):
    kept, key = BuiltTransactions(clock), Keypair()
    wallet = str(key.pubkey())
    for number in range(LIKELY_AT_MOST + 2):
        wish = TransactionWish('mint_face', wallet, 's1')
        kept.note(wish, built(b'%d' % number, number))
    kept.note(WISH, built(b'of Ann', 99))
    (found,) = kept.find_signed(str(key.sign_message(b'0')), wallet)
    assert found.built.build_id == 'b0'
    likely = kept.find_signed(str(key.sign_message(b'changed')), wallet)
    assert [each.built.build_id for each in likely] == ['b5', 'b4', 'b3', 'b2']
    assert kept.find_signed(str(key.sign_message(b'0')), BEN) == []
    assert [each.built.build_id for each in kept.find_signed('no signature', ANN)] == ['b99']
    clock.now_s += KEPT_S
    assert kept.find_signed(str(key.sign_message(b'0')), wallet) == []
