import base64
import dataclasses
import sqlite3
import subprocess
import sys
import textwrap
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
import small_order
from fake_clock import FakeClock
from solders.keypair import Keypair
from solders.transaction import Transaction, VersionedTransaction

from mmoment_chain import challenge_records, siws
from mmoment_chain.challenges import (
    OLD_TEXT_KEPT_MS,
    SKEW_MS,
    ChallengeBook,
    ChallengeSettings,
)
from mmoment_chain.errors import Refused
from mmoment_chain.rate_limit import RateLimit
from mmoment_chain.sign_in_text import Purpose
from mmoment_chain.store import Store
from mmoment_chain.wallet import wallet_text

PERSON = Keypair.from_seed(bytes(range(32)))
WALLET = str(PERSON.pubkey())
OTHER = Keypair.from_seed(bytes(32))
DOMAIN = 'camera.example'
DOMAINS = ('https://camera.example', 'localhost:5002')
LIFETIME_S = 300
# For tests that are about something else.
MANY = RateLimit(1_000_000, 0.001)
NO_LIMITS = ChallengeSettings(source_limit=MANY, wallet_limit=MANY, answer_limit=MANY)
OLD_TEXT = dataclasses.replace(NO_LIMITS, old_text_enabled=True)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(tmp_path, clock):
    with Store(tmp_path / 'camera.db', clock) as opened:
        yield opened


def new_book(store, clock, settings=NO_LIMITS, camera_id='lobby'):
    return ChallengeBook(store, camera_id, DOMAINS, settings, clock)


@pytest.fixture
def book(store, clock):
    return new_book(store, clock)


def issue(book, wallet=WALLET, domain=DOMAIN, source='203.0.113.7', **more):
    return book.issue(wallet, domain, source, **more)


def redeem(book, text, signer=PERSON, wallet=WALLET, signature=None, source='203.0.113.7', **more):
    message = text.encode()
    signed = bytes(signer.sign_message(message)) if signature is None else signature
    book.redeem(wallet, message, signed, source, **more)


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as caught:
        function(*arguments, **named)
    return caught.value


def code(function, *arguments, **named):
    return refusal(function, *arguments, **named).code


def signed_memo(challenge, signer=PERSON):
    unsigned = Transaction.from_bytes(base64.b64decode(challenge.memo_transaction))
    return bytes(VersionedTransaction(unsigned.message, [signer]))


def spend_for_something_that_fails(book, store, answer):
    with store.transaction() as tx:
        book.spend(tx, answer)
        1 / 0  # noqa: B018


def result(function, *arguments):
    try:
        function(*arguments)
    except Refused as refused:
        return refused.code
    return 'won'


def kept(store):
    with store.reading() as query:
        return challenge_records.count(query)


# What is asked for


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


# Attacks


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
    for _ in range(100):
        try:
            issue(book, source='198.51.100.1')
        except Refused:
            continue
    redeem(book, issue(book, source='203.0.113.7').text)


def test_many_sources_cannot_lock_a_wallet_out(store, clock):
    book = new_book(store, clock, ChallengeSettings())
    for number in range(50):
        for _ in range(20):
            result(issue, book, WALLET, DOMAIN, f'198.51.100.{number}')
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


# Clocks


def test_a_clock_set_back_lets_no_challenge_live_longer(book, clock):
    text = issue(book).text
    clock.advance(LIFETIME_S - 1)
    clock.set_wall(clock.utc_ms() - 100_000)
    clock.advance(1.001)
    assert code(redeem, book, text) == 'expired'


@pytest.mark.parametrize('back_s', [60, 310, 3600])
def test_a_clock_set_back_revives_no_challenge(book, store, clock, back_s):
    unused, used = issue(book).text, issue(book).text
    redeem(book, used)
    clock.advance(LIFETIME_S + 10)
    # Cleans up, by the clock on the wall and by the time that went by.
    issue(book)
    clock.set_wall(clock.utc_ms() - back_s * 1000)
    for opened in (book, new_book(store, clock)):
        assert code(redeem, opened, used) in (
            'unknown_nonce',
            'used_nonce',
            'expired',
            'not_yet_valid',
        )
        assert code(redeem, opened, unused) in ('unknown_nonce', 'expired', 'not_yet_valid')


def test_what_ended_while_the_clock_was_set_back_stays_ended_after_a_restart(book, store, clock):
    text = issue(book).text
    clock.set_wall(clock.utc_ms() - 60_000)
    clock.advance(LIFETIME_S)
    issue(book)
    restarted = new_book(store, FakeClock(clock.utc_ms(), elapsed_s=5.0))
    assert code(redeem, restarted, text) == 'used_nonce'


def test_a_clock_set_forward_ends_challenges_early_and_nothing_worse(book, clock):
    text = issue(book).text
    clock.set_wall(clock.utc_ms() + 86_400_000)
    assert code(redeem, book, text) == 'expired'
    redeem(book, issue(book).text)


def test_a_small_correction_of_the_clock_ends_nothing(book, clock):
    text = issue(book).text
    clock.set_wall(clock.utc_ms() - SKEW_MS)
    redeem(book, text)


def test_challenges_outlive_a_restart_by_the_clock_on_the_wall(tmp_path, clock):
    path = tmp_path / 'camera.db'
    with Store(path, clock) as store:
        book = new_book(store, clock)
        used, unused, late = (issue(book).text for _ in range(3))
        redeem(book, used)
    after = FakeClock(clock.utc_ms() + 200_000, elapsed_s=3.0)
    with Store(path, after) as store:
        book = new_book(store, after)
        redeem(book, unused)
        assert code(redeem, book, used) == 'used_nonce'
        after.advance(100)
        assert code(redeem, book, late) == 'expired'


# Several at once, and sudden ends


def together(start, *attempt):
    start.wait()
    return result(*attempt)


def spend(book, store, answer):
    with store.transaction() as tx:
        book.spend(tx, answer)


def test_of_many_redeems_of_one_challenge_one_wins(book, store):
    for _ in range(5):
        text = issue(book).text
        message, signature = text.encode(), bytes(PERSON.sign_message(text.encode()))
        answers = [book.check(WALLET, message, signature, 'a') for _ in range(8)]
        start = threading.Barrier(16)
        attempts = [(spend, book, store, answer) for answer in answers]
        attempts += [(book.redeem, WALLET, message, signature, 'a')] * 8
        with ThreadPoolExecutor(16) as pool:
            running = [pool.submit(together, start, *attempt) for attempt in attempts]
            results = [each.result() for each in running]
        assert sorted(results) == ['used_nonce'] * 15 + ['won']


def test_a_used_nonce_survives_kill_9(tmp_path, clock):
    path = tmp_path / 'camera.db'
    with Store(path, clock) as store:
        text = issue(new_book(store, clock)).text
    signature = bytes(PERSON.sign_message(text.encode()))
    program = f"""
        import os, signal, sys
        sys.path.insert(0, {str(tmp_path)!r})
        sys.path.insert(0, {__file__.rpartition('/')[0]!r})
        from pathlib import Path
        from fake_clock import FakeClock
        from mmoment_chain.challenges import ChallengeBook, ChallengeSettings
        from mmoment_chain.store import Store
        clock = FakeClock({clock.utc_ms()})
        store = Store(Path({str(path)!r}), clock)
        book = ChallengeBook(store, 'lobby', {DOMAINS!r}, ChallengeSettings(), clock)
        book.redeem({WALLET!r}, {text.encode()!r}, {signature!r}, 'a')
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, '-c', textwrap.dedent(program)], check=False)
    assert ended.returncode == -9
    with Store(path, clock) as store:
        assert code(redeem, new_book(store, clock), text) == 'used_nonce'


# The old text


def old_text(clock, nonce='client-nonce-1', offset_ms=0, wallet=WALLET):
    return f'{wallet}|{clock.utc_ms() + offset_ms}|{nonce}'


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


# After an erasure


def test_what_was_signed_before_an_erasure_opens_nothing_after_it(store, clock):
    book = new_book(store, clock, OLD_TEXT)
    used, unused, old = issue(book).text, issue(book).text, old_text(clock)
    redeem(book, used)
    redeem(book, old)
    with store.transaction() as tx:
        challenge_records.erase(tx, WALLET)
    for opened in (book, new_book(store, clock, OLD_TEXT)):
        assert code(redeem, opened, used) == 'used_nonce'
        assert code(redeem, opened, old) == 'used_nonce'
        assert code(redeem, opened, unused) == 'unknown_nonce'


# What is said


def test_no_refusal_holds_a_secret(store, clock, caplog):
    book = new_book(store, clock, OLD_TEXT)
    challenge = issue(book)
    text = challenge.text
    signature = bytes(PERSON.sign_message(text.encode()))
    memo = signed_memo(challenge)
    old = old_text(clock, nonce='planted-client-nonce')
    attempts = [
        lambda: redeem(book, text, signature=signature[::-1]),
        lambda: redeem(book, text + '\n', signature=signature),
        lambda: redeem(book, text + 'é', signature=signature),
        lambda: redeem(book, text.replace('Version', 'version'), signature=signature),
        lambda: redeem(book, text.replace('lobby', 'bar'), signature=signature),
        lambda: redeem(book, text.replace('devnet', 'mainnet'), signature=signature),
        lambda: redeem(book, text.replace('2026', '2020'), signature=signature),
        lambda: redeem(book, text, signer=OTHER, wallet=str(OTHER.pubkey())),
        lambda: book.redeem_memo(WALLET, memo[:-1], 'a'),
        lambda: book.redeem_memo(WALLET, memo[:1] + bytes(64) + memo[65:], 'a'),
        lambda: book.redeem_memo(str(OTHER.pubkey()), memo, 'a'),
        lambda: redeem(book, old, signer=OTHER),
        lambda: book.issue(text, DOMAIN, 'a'),
    ]
    redeem(book, text)
    attempts.append(lambda: redeem(book, text))
    secrets = [
        challenge.nonce,
        'planted-client-nonce',
        signature.hex(),
        repr(signature)[2:20],
        base64.b64encode(signature).decode(),
        str(PERSON.sign_message(text.encode())),
    ]
    for attempt in attempts:
        refused = refusal(attempt)
        said = [str(refused), repr(refused), refused.text, repr(vars(refused))]
        # As a log would have it, with the faults behind it.
        said += [f'{link!r}' for link in _chain(refused)]
        said += [line.splitlines()[0] for line in traceback.format_exception_only(refused)]
        for secret in secrets:
            assert not any(secret in text for text in said)
    assert not caplog.records


def _chain(error):
    shown = []
    while error is not None:
        shown.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return shown


def test_answers_can_be_shown_without_giving_the_nonce_away(book):
    challenge = issue(book)
    message = challenge.text.encode()
    answer = book.check(WALLET, message, bytes(PERSON.sign_message(message)), 'a')
    assert challenge.nonce not in repr(answer)


def test_nothing_but_digests_and_public_facts_is_in_the_table(book, store):
    issue(book)
    with sqlite3.connect(f'file:{store.path}?mode=ro', uri=True) as plain:
        (row,) = plain.execute('SELECT * FROM challenges').fetchall()
    assert len(row[0]) == 32
    assert row[1:3] == (WALLET, DOMAIN)


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
