"""What is said and kept of a challenge gives nothing away."""

import base64
import sqlite3
import traceback

from challenge_world import (
    DOMAIN,
    OLD_TEXT,
    OTHER,
    PERSON,
    WALLET,
    issue,
    new_book,
    old_text,
    redeem,
    signed_memo,
)
from refusals import refusal


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
