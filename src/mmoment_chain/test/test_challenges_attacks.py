import base64
import dataclasses

import pytest
import small_order
from challenge_world import (
    LIFETIME_S,
    OTHER,
    PERSON,
    WALLET,
    issue,
    kept,
    new_book,
    redeem,
    signed_memo,
)
from refusals import code, refusal

from mmoment_chain import siws
from mmoment_chain.store import Store
from mmoment_chain.wallet import wallet_text


def test_somebody_elses_wallet(book):
    challenge = issue(book)
    assert code(redeem, book, challenge.text, signer=OTHER) == 'bad_signature'
    others = str(OTHER.pubkey())
    assert code(redeem, book, challenge.text, signer=OTHER, wallet=others) == 'wrong_wallet'
    message = siws.parse(challenge.text)
    claimed = dataclasses.replace(message, address=others).text()
    assert code(redeem, book, claimed, signer=OTHER, wallet=others) == 'wrong_wallet'
    # None of this used it up.
    redeem(book, challenge.text)


def test_a_nonce_of_another_camera(tmp_path, clock, book):
    with Store(tmp_path / 'second' / 'camera.db', clock) as second:
        text = issue(new_book(second, clock, camera_id='bar')).text
    assert code(redeem, book, text) == 'wrong_camera'
    # Signed for this camera, but asked for by the other.
    renamed = text.replace('camera:bar', 'camera:lobby')
    assert code(redeem, book, renamed) == 'unknown_nonce'


def test_a_nonce_of_another_camera_that_shares_the_store(store, clock, book):
    text = issue(new_book(store, clock, camera_id='bar')).text
    assert code(redeem, book, text) == 'wrong_camera'


def test_another_domain(book):
    assert code(issue, book, domain='evil.example') == 'wrong_domain'
    assert code(issue, book, domain='camera.example:443') == 'wrong_domain'
    text = issue(book).text
    phished = text.replace('camera.example wants', 'evil.example wants')
    assert code(redeem, book, phished) == 'wrong_domain'
    # Ours too, but not the one that was asked for.
    moved = text.replace('camera.example wants', 'localhost:5002 wants')
    assert code(redeem, book, moved) == 'wrong_domain'
    redeem(book, text)


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (lambda m: {'uri': 'https://evil.example'}, 'wrong_uri'),
        (lambda m: {'uri': None}, 'wrong_uri'),
        (lambda m: {'chain_id': 'mainnet'}, 'wrong_chain'),
        (lambda m: {'statement': 'Send me all your coins'}, 'malformed'),
        (lambda m: {'statement': None}, 'malformed'),
        (lambda m: {'nonce': m.nonce[::-1]}, 'unknown_nonce'),
        (lambda m: {'nonce': None}, 'unknown_nonce'),
        (lambda m: {'resources': None}, 'wrong_camera'),
        (lambda m: {'request_id': 'x'}, 'malformed'),
        (lambda m: {'not_before': m.issued_at}, 'malformed'),
        (lambda m: {'not_before': '2099-01-01T00:00:00Z'}, 'not_yet_valid'),
        (lambda m: {'issued_at': '2099-01-01T00:00:00Z'}, 'not_yet_valid'),
        (lambda m: {'issued_at': None}, 'malformed'),
        (lambda m: {'issued_at': '2025-01-01T00:00:00Z'}, 'malformed'),
        (lambda m: {'expiration_time': '2099-01-01T00:00:00Z'}, 'malformed'),
        (lambda m: {'expiration_time': '2025-01-01T00:00:00Z'}, 'expired'),
        (lambda m: {'expiration_time': None}, 'malformed'),
    ],
)
def test_tampered_texts_even_if_the_wallet_signed_them(book, change, expected):
    message = siws.parse(issue(book).text)
    tampered = dataclasses.replace(message, **change(message)).text()
    assert code(redeem, book, tampered) == expected


def test_no_changed_sign_of_a_signed_text_passes(book):
    text = issue(book).text
    signature = bytes(PERSON.sign_message(text.encode()))
    for at in range(len(text)):
        changed = text[:at] + ('x' if text[at] != 'x' else 'y') + text[at + 1 :]
        refusal(redeem, book, changed, signature=signature)
    redeem(book, text, signature=signature)


def test_an_expired_challenge(book, clock):
    text = issue(book).text
    clock.advance(LIFETIME_S - 0.001)
    memo = issue(book)
    redeem(book, text)
    clock.advance(LIFETIME_S)
    assert code(redeem, book, memo.text) == 'expired'
    assert code(book.redeem_memo, WALLET, signed_memo(memo), 'a') == 'expired'


def test_a_challenge_from_the_future(store, clock):
    text = issue(new_book(store, clock)).text
    clock.set_wall(clock.utc_ms() - 3_600_000)
    assert code(redeem, new_book(store, clock), text) == 'not_yet_valid'


def test_keys_of_small_order(book):
    for key, order in small_order.KEYS:
        wallet = wallet_text(key)
        challenge = issue(book, wallet=wallet)
        message = challenge.text.encode()
        forged = small_order.forged(key, order, message)
        assert code(book.redeem, wallet, message, forged, 'a') == 'bad_signature'
        unsigned = base64.b64decode(challenge.memo_transaction)
        forged = small_order.forged(key, order, unsigned[65:])
        transaction = b'\x01' + forged + unsigned[65:]
        assert code(book.redeem_memo, wallet, transaction, 'a') == 'bad_signature'


@pytest.mark.parametrize('signature', [b'', bytes(64), bytes(65), b'\xff' * 64, bytes(100_000)])
def test_other_bytes_for_a_signature(book, signature):
    assert code(redeem, book, issue(book).text, signature=signature) == 'bad_signature'


NASTY_NAME = '.evil'
NASTY = [
    NASTY_NAME,
    "'; DROP TABLE challenges; --",
    "' OR '1'='1",
    '\0',
    '\ud800',
    'Ωμέγα \U0001f511',
    '\u202eevil',
    '\n',
    '',
    'x' * 100_000,
]


@pytest.mark.parametrize('nasty', NASTY)
def test_sql_and_unicode_are_only_data(book, store, nasty):
    text = issue(book).text
    assert code(issue, book, wallet=nasty) == 'bad_wallet'
    assert code(issue, book, domain=nasty) == 'wrong_domain'
    message = nasty.encode('utf-8', 'surrogatepass')
    assert code(book.redeem, WALLET, message, bytes(64), 'a') == 'malformed'
    assert code(book.redeem, nasty, text.encode(), bytes(64), 'a') == 'bad_wallet'
    assert code(book.redeem_memo, WALLET, message, 'a') == 'malformed'
    if nasty:
        spoilt = (text + nasty).encode('utf-8', 'surrogatepass')
        refused = code(book.redeem, WALLET, spoilt, bytes(64), 'a')
        assert refused == ('wrong_camera' if nasty == NASTY_NAME else 'malformed')
    # A source may be anything.
    redeem(book, issue(book, source=nasty).text, source=nasty)
    redeem(book, text)
    assert kept(store) == 2
