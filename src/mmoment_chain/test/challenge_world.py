"""A camera's challenges on a fake clock, and somebody who answers them."""

import base64
import dataclasses

from book_world import NO_LIMITS
from solders.keypair import Keypair
from solders.transaction import Transaction, VersionedTransaction

from mmoment_chain import challenge_records
from mmoment_chain.challenges import ChallengeBook
from mmoment_chain.errors import Refused

PERSON = Keypair.from_seed(bytes(range(32)))
WALLET = str(PERSON.pubkey())
OTHER = Keypair.from_seed(bytes(32))
DOMAIN = 'camera.example'
DOMAINS = ('https://camera.example', 'localhost:5002')
LIFETIME_S = 300
OLD_TEXT = dataclasses.replace(NO_LIMITS, old_text_enabled=True)


def new_book(store, clock, settings=NO_LIMITS, camera_id='lobby'):
    return ChallengeBook(store, camera_id, DOMAINS, settings, clock)


def issue(book, wallet=WALLET, domain=DOMAIN, source='203.0.113.7', **more):
    return book.issue(wallet, domain, source, **more)


def redeem(book, text, signer=PERSON, wallet=WALLET, signature=None, source='203.0.113.7', **more):
    message = text.encode()
    signed = bytes(signer.sign_message(message)) if signature is None else signature
    book.redeem(wallet, message, signed, source, **more)


def signed_memo(challenge, signer=PERSON):
    unsigned = Transaction.from_bytes(base64.b64decode(challenge.memo_transaction))
    return bytes(VersionedTransaction(unsigned.message, [signer]))


def result(function, *arguments):
    try:
        function(*arguments)
    except Refused as refused:
        return refused.code
    return 'won'


def kept(store):
    with store.reading() as query:
        return challenge_records.count(query)


def old_text(clock, nonce='client-nonce-1', offset_ms=0, wallet=WALLET):
    return f'{wallet}|{clock.utc_ms() + offset_ms}|{nonce}'
