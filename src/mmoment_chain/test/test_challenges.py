import dataclasses

import pytest
from challenge_world import LIFETIME_S, PERSON, WALLET, issue, redeem, signed_memo
from refusals import code

from mmoment_chain import siws
from mmoment_chain.challenges import ChallengeSettings
from mmoment_chain.sign_in_text import Purpose


def test_a_challenge_is_signed_and_opens_one_sign_in(book):
    challenge = issue(book)
    redeem(book, challenge.text)
    assert code(redeem, book, challenge.text) == 'used_nonce'


def test_a_challenge_names_all_it_is_bound_to(book, clock):
    message = siws.parse(issue(book, domain='localhost:5002').text)
    assert message.domain == 'localhost:5002'
    assert message.uri == 'http://localhost:5002'
    assert message.address == WALLET
    assert message.chain_id == 'devnet'
    assert message.resources == ('urn:mmoment:camera:lobby',)
    assert siws.time_ms(message.issued_at) == clock.utc_ms()
    assert siws.time_ms(message.expiration_time) == clock.utc_ms() + LIFETIME_S * 1000


def test_nonces_are_long_and_never_the_same(book):
    nonces = {issue(book).nonce for _ in range(200)}
    assert len(nonces) == 200
    # 62 signs each: 27 of them are more than 128 bits.
    assert all(len(nonce) == 27 and nonce.isalnum() and nonce.isascii() for nonce in nonces)
    assert len({sign for nonce in nonces for sign in nonce}) == 62


def test_a_nonce_is_kept_as_a_digest_only(book, store):
    challenge = issue(book)
    redeem(book, challenge.text)
    files = [*store.path.parent.iterdir()]
    assert any(WALLET.encode() in file.read_bytes() for file in files)
    assert not any(challenge.nonce.encode() in file.read_bytes() for file in files)
    assert challenge.nonce not in repr(challenge)


def test_a_hardware_wallet_signs_a_transaction_instead(book):
    challenge = issue(book)
    transaction = signed_memo(challenge)
    book.redeem_memo(WALLET, transaction, 'a')
    assert code(book.redeem_memo, WALLET, transaction, 'a') == 'used_nonce'
    # One challenge, whichever way it is answered.
    assert code(redeem, book, challenge.text) == 'used_nonce'


def test_a_text_that_a_wallet_wrote_anew_is_accepted_if_it_says_the_same(book):
    message = siws.parse(issue(book).text)
    anew = dataclasses.replace(message, issued_at=message.issued_at.replace('.000Z', 'Z'))
    assert anew.text() != message.text()
    redeem(book, anew.text())


def test_the_signature_must_be_over_the_bytes_that_came_back(book):
    challenge = issue(book)
    signature = bytes(PERSON.sign_message(challenge.text.encode()))
    anew = challenge.text.replace('.000Z', 'Z')
    assert code(redeem, book, anew, signature=signature) == 'bad_signature'


def test_each_purpose_needs_a_challenge_of_its_own(book):
    challenge = issue(book, purpose=Purpose.FORGET_ME)
    assert code(redeem, book, challenge.text) == 'unknown_nonce'
    redeem(book, challenge.text, purpose=Purpose.FORGET_ME)


def spend_for_something_that_fails(book, store, answer):
    with store.transaction() as tx:
        book.spend(tx, answer)
        1 / 0  # noqa: B018


def test_an_answer_is_used_up_together_with_what_it_is_used_for(book, store):
    challenge = issue(book)
    message = challenge.text.encode()
    answer = book.check(WALLET, message, bytes(PERSON.sign_message(message)), 'a')
    with pytest.raises(ZeroDivisionError):
        spend_for_something_that_fails(book, store, answer)
    with store.transaction() as tx:
        book.spend(tx, answer)
    with store.transaction() as tx:
        assert code(book.spend, tx, answer) == 'used_nonce'


def test_nothing_is_begun_for_an_answer_that_cannot_be_spent(book, clock):
    used, late = issue(book).text.encode(), issue(book).text.encode()
    signatures = {text: bytes(PERSON.sign_message(text)) for text in (used, late)}
    book.redeem(WALLET, used, signatures[used], 'a')
    assert code(book.check, WALLET, used, signatures[used], 'a') == 'used_nonce'
    wall_ms = clock.utc_ms()
    clock.advance(LIFETIME_S)
    clock.set_wall(wall_ms)
    assert code(book.check, WALLET, late, signatures[late], 'a') == 'expired'


def test_an_answer_that_waited_too_long_is_not_spent(book, store, clock):
    message = issue(book).text.encode()
    answer = book.check(WALLET, message, bytes(PERSON.sign_message(message)), 'a')
    clock.advance(LIFETIME_S)
    with store.transaction() as tx:
        assert code(book.spend, tx, answer) == 'expired'


@pytest.mark.parametrize(
    'changes',
    [
        {'lifetime_s': 301.0},
        {'lifetime_s': 9.0},
        {'lifetime_s': float('nan')},
        {'kept_at_most': 0},
    ],
)
def test_settings_that_would_weaken_this_are_refused(changes):
    with pytest.raises(ValueError):
        ChallengeSettings(**changes)
