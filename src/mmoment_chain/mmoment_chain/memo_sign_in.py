"""Sign-in for hardware wallets that sign transactions only: one that can never be submitted.

It is a legacy transaction with one instruction of the Memo program, whose memo is the sign-in text,
and the wallet as the payer. The block hash that it names is the digest of that text, which no block
has; and without an instruction that advances a durable nonce, no cluster takes it otherwise.
"""

from __future__ import annotations

import hashlib

from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from mmoment_chain.errors import Refused
from mmoment_chain.transaction_size import WIRE_BYTES_AT_MOST
from mmoment_chain.wallet import SIGNATURE_BYTES, verify

MEMO_PROGRAM = Pubkey.from_string('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr')

# A signed transaction begins with the number of its signatures, then come these, then the message.
ONE_SIGNATURE = b'\x01'
MESSAGE_AT = 1 + SIGNATURE_BYTES

# In front of what is hashed, so that the digest means nothing elsewhere.
BLOCK_HASH_PURPOSE = b'Mmoment sign-in, not for any block\0'


def unsigned_transaction(wallet: bytes, text: str) -> bytes:
    """The transaction for the wallet to sign. Raises ValueError if the text is too long for one."""
    transaction = bytes(Transaction.new_unsigned(_message(wallet, text)))
    if len(transaction) > WIRE_BYTES_AT_MOST:
        raise ValueError(
            f'a sign-in of {len(text)} characters makes a transaction of {len(transaction)} bytes; '
            f'{WIRE_BYTES_AT_MOST} is the limit'
        )
    return transaction


def signed_text(wallet: bytes, transaction: bytes) -> str:
    """The sign-in text of a signed transaction, which has nothing but what we put into it.

    Raises Refused 'wrong_wallet' if another wallet was to pay, 'bad_signature' if this wallet did
    not sign, and 'malformed' for any other transaction.
    """
    if len(transaction) > WIRE_BYTES_AT_MOST or transaction[:1] != ONE_SIGNATURE:
        raise _malformed()
    signature, message = transaction[1:MESSAGE_AT], transaction[MESSAGE_AT:]
    try:
        parsed = Message.from_bytes(message)
        (instruction,) = parsed.instructions
        payer = bytes(parsed.account_keys[0])
        text = bytes(instruction.data).decode('utf-8')
    except (ValueError, IndexError):
        raise _malformed() from None
    # Everything the transaction does follows from payer and text: it must be the one we would make.
    if message != bytes(_message(payer, text)):
        raise _malformed()
    if payer != wallet:
        raise Refused('wrong_wallet')
    if not verify(wallet, message, signature):
        raise Refused('bad_signature')
    return text


def _message(wallet: bytes, text: str) -> Message:
    data = text.encode('utf-8')
    payer = Pubkey.from_bytes(wallet)
    # The Memo program itself checks that the accounts it is given have signed.
    memo = Instruction(MEMO_PROGRAM, data, [AccountMeta(payer, is_signer=True, is_writable=True)])
    block_hash = Hash.from_bytes(hashlib.sha256(BLOCK_HASH_PURPOSE + data).digest())
    return Message.new_with_blockhash([memo], payer, block_hash)


def _malformed() -> Refused:
    return Refused('malformed', 'The signed transaction is not one that this camera asked for')
