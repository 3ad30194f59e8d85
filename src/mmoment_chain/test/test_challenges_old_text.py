import dataclasses

import pytest
from challenge_world import OLD_TEXT, OTHER, WALLET, issue, kept, new_book, old_text, redeem
from refusals import code

from mmoment_chain.challenges import OLD_TEXT_KEPT_MS, SKEW_MS
from mmoment_chain.sign_in_text import Purpose


def test_the_old_text_is_off_unless_switched_on(book, clock):
    assert code(redeem, book, old_text(clock)) == 'not_enabled'


def test_the_old_text_opens_one_sign_in(store, clock):
    book = new_book(store, clock, OLD_TEXT)
    text = old_text(clock)
    redeem(book, text)
    assert code(redeem, book, text) == 'used_nonce'
    assert code(redeem, book, old_text(clock, offset_ms=1)) == 'used_nonce'
    redeem(book, old_text(clock, nonce='client-nonce-2'))
    others = str(OTHER.pubkey())
    redeem(book, old_text(clock, wallet=others), signer=OTHER, wallet=others)


def test_the_old_text_needs_its_signature_and_wallet(store, clock):
    book = new_book(store, clock, OLD_TEXT)
    text = old_text(clock)
    assert code(redeem, book, text, signer=OTHER) == 'bad_signature'
    others = str(OTHER.pubkey())
    assert code(redeem, book, text, signer=OTHER, wallet=others) == 'wrong_wallet'
    assert code(redeem, book, text, purpose=Purpose.FORGET_ME) == 'not_enabled'
    redeem(book, text)


@pytest.mark.parametrize(
    ('offset_ms', 'expected'),
    [
        (-SKEW_MS + 1, None),
        (SKEW_MS, None),
        (-SKEW_MS, 'expired'),
        (SKEW_MS + 1, 'not_yet_valid'),
        (-(10**12), 'expired'),
        (10**14, 'not_yet_valid'),
    ],
)
def test_the_clock_of_an_old_client_may_be_off_by_two_minutes(store, clock, offset_ms, expected):
    book = new_book(store, clock, OLD_TEXT)
    text = old_text(clock, offset_ms=offset_ms)
    if expected is None:
        redeem(book, text)
    else:
        assert code(redeem, book, text) == expected


@pytest.mark.parametrize(
    'text',
    [
        f'{WALLET}|1767225600000|short',
        f'{WALLET}|1767225600000|with space 1',
        f'{WALLET}|-1|client-nonce-1',
        f'{WALLET}|1767225600000.5|client-nonce-1',
        f'{WALLET}|{"9" * 16}|client-nonce-1',
        f'{WALLET}|1767225600000|client-nonce-1|more',
        f'{WALLET}|1767225600000|{"x" * 129}',
        f'{WALLET}|1767225600000|client-nonce-1\n',
        '|1767225600000|client-nonce-1',
    ],
)
def test_what_is_not_quite_the_old_text_is_refused(store, clock, text):
    assert code(redeem, new_book(store, clock, OLD_TEXT), text) == 'malformed'


@pytest.mark.parametrize('ahead_ms', [SKEW_MS * 2, OLD_TEXT_KEPT_MS // 2, OLD_TEXT_KEPT_MS * 2])
def test_an_old_text_is_not_taken_twice_by_moving_the_clock(store, clock, ahead_ms):
    book = new_book(store, clock, OLD_TEXT)
    text = old_text(clock)
    redeem(book, text)
    today_ms = clock.utc_ms()
    clock.set_wall(today_ms + ahead_ms)
    issue(book)
    clock.set_wall(today_ms)
    assert code(redeem, book, text) in ('used_nonce', 'expired')


def test_old_texts_are_bounded_in_number_too(store, clock):
    book = new_book(store, clock, dataclasses.replace(OLD_TEXT, kept_at_most=10))
    for number in range(10):
        redeem(book, old_text(clock, nonce=f'client-nonce-{number}'))
    assert code(redeem, book, old_text(clock, nonce='client-nonce-x')) == 'too_many'
    assert kept(store) == 10
