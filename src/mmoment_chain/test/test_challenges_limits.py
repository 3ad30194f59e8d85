"""Whoever asks, and however often: memory and table are bounded, and others are served."""

import dataclasses

import pytest
from book_world import NO_LIMITS
from challenge_world import DOMAIN, LIFETIME_S, OTHER, WALLET, issue, kept, new_book, redeem, result
from refusals import code, refusal

from mmoment_chain.challenges import ChallengeSettings
from mmoment_chain.errors import Refused
from mmoment_chain.wallet import wallet_text


def test_a_thousand_challenges_from_one_source(store, clock):
    book = new_book(store, clock, ChallengeSettings())
    wallets = [wallet_text(number.to_bytes(32, 'big')) for number in range(1000)]
    refused = []
    for number, wallet in enumerate(wallets):
        try:
            issue(book, wallet=wallet, source=f'2001:db8::{number:x}')
        except Refused as error:
            refused.append(error)
    assert len(refused) == 980
    assert {error.code for error in refused} == {'too_many'}
    assert all(0 < error.retry_after_s <= 3.0 for error in refused)
    # Nothing was kept of those, and others are served.
    assert kept(store) == 20
    redeem(book, issue(book).text)
    clock.advance(3.1)
    issue(book, source='2001:db8::1')


def test_a_source_cannot_use_up_what_a_wallet_has_elsewhere(store, clock):
    book = new_book(store, clock, ChallengeSettings())
    told = [result(issue, book, WALLET, DOMAIN, '198.51.100.1') for _ in range(100)]
    assert told[-1] == 'too_many'
    redeem(book, issue(book, source='203.0.113.7').text)


def test_many_sources_cannot_lock_a_wallet_out(store, clock):
    book = new_book(store, clock, ChallengeSettings())
    told = {
        result(issue, book, WALLET, DOMAIN, f'198.51.100.{number}')
        for number in range(50)
        for _ in range(20)
    }
    # Otherwise nothing here would be limited.
    assert 'too_many' in told
    redeem(book, issue(book, source='203.0.113.7').text)


def test_one_wallet_does_not_use_up_what_an_address_has(store, clock):
    book = new_book(store, clock, ChallengeSettings())
    for _ in range(10):
        issue(book)
    refused = refusal(issue, book)
    assert (refused.code, refused.retry_after_s) == ('too_many', pytest.approx(6.0))
    # As others in that address's network are, who share it.
    issue(book, wallet=str(OTHER.pubkey()))
    assert kept(store) == 11


def test_one_home_cannot_take_the_places_of_all_others(store, clock):
    book = new_book(store, clock, ChallengeSettings())
    wallets = [wallet_text(number.to_bytes(32, 'big')) for number in range(1, 100)]
    # A /48, whose every address asks, for as long as a challenge lives.
    for second in range(LIFETIME_S):
        for number in range(20):
            network = (second * 20 + number) % 65536
            source = f'2001:db8:1:{network:x}::1'
            result(issue, book, wallets[number], DOMAIN, source)
        clock.advance(1)
    assert 240 < kept(store) < 4096 / 2
    redeem(book, issue(book, source='2001:db8:2::1').text)


def test_the_last_places_are_the_owners(store, clock):
    settings = dataclasses.replace(NO_LIMITS, kept_at_most=32, owner_wallet=WALLET)
    book = new_book(store, clock, settings)
    other = str(OTHER.pubkey())
    for _ in range(30):
        issue(book, wallet=other)
    assert code(issue, book, wallet=other) == 'too_many'
    redeem(book, issue(book).text)
    issue(book)
    assert code(issue, book) == 'too_many'
    assert kept(store) == 32


def test_guessed_answers_are_limited_by_source(store, clock):
    book = new_book(store, clock, ChallengeSettings())
    text = issue(book).text
    codes = [code(redeem, book, text, signature=bytes(64)) for _ in range(100)]
    assert codes == ['bad_signature'] * 60 + ['too_many'] * 40
    assert code(book.redeem_memo, WALLET, b'', '203.0.113.7') == 'too_many'
    redeem(book, text, source='198.51.100.1')


def test_the_table_and_memory_are_bounded_whoever_asks(store, clock):
    book = new_book(store, clock, dataclasses.replace(NO_LIMITS, kept_at_most=50))
    for number in range(50):
        issue(book, source=str(number))
    refused = refusal(issue, book, source='new')
    assert refused.code == 'too_many'
    assert refused.retry_after_s > 0
    # Not by moving the clock either: what is in memory goes with the time that went by.
    clock.set_wall(clock.utc_ms() + 86_400_000)
    assert code(issue, book) == 'too_many'
    assert kept(store) <= 50
    clock.advance(LIFETIME_S)
    issue(book)
    issue(book)
    assert kept(store) == 2
    assert len(book._ends_s) == 2
