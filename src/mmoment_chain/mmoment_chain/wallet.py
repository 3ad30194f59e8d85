"""Wallets of Solana: an address is 32 bytes, an Ed25519 public key, written in base58."""

from __future__ import annotations

import base64
import binascii

from solders.pubkey import Pubkey
from solders.signature import Signature

from mmoment_chain.errors import Refused

ADDRESS_BYTES = 32
# 32 bytes need between 32 characters (all zero) and 44.
ADDRESS_CHARACTERS = range(32, 45)

SIGNATURE_BYTES = 64
# 64 bytes need between 64 characters (all zero) and 88 in base58, and always 88 in base64.
SIGNATURE_CHARACTERS = range(64, 89)


def parse_wallet(text: str) -> bytes:
    """The 32 bytes of an address. Raises Refused 'bad_wallet' for any but its one right spelling."""
    if len(text) not in ADDRESS_CHARACTERS or not text.isascii():
        raise Refused('bad_wallet')
    try:
        # 32 bytes have one spelling in base58: more or fewer ones in front are other lengths.
        return bytes(Pubkey.from_string(text))
    except ValueError:
        raise Refused('bad_wallet') from None


def wallet_text(wallet: bytes) -> str:
    """The address of these 32 bytes in base58."""
    return str(Pubkey.from_bytes(wallet))


def parse_signature(text: str) -> bytes:
    """The 64 bytes of a signature in base58, as Solana writes it, or in base64, as browsers do.

    Raises Refused 'bad_signature' for anything else.
    """
    if len(text) not in SIGNATURE_CHARACTERS or not text.isascii():
        raise Refused('bad_signature')
    try:
        # 64 bytes leave two places of base64 over; base58 has no such sign.
        if text.endswith('=='):
            signature = base64.b64decode(text, validate=True)
            spelled_right = base64.b64encode(signature).decode('ascii') == text
        else:
            signature = bytes(Signature.from_string(text))
            spelled_right = str(Signature.from_bytes(signature)) == text
    except (ValueError, binascii.Error):
        raise Refused('bad_signature') from None
    if not spelled_right or len(signature) != SIGNATURE_BYTES:
        raise Refused('bad_signature')
    return signature


def verify(wallet: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this wallet signed these bytes.

    The check is the strict one: keys of small order, for which everybody can make signatures that
    fit nearly every message, sign nothing here, and a signature has one spelling only.
    """
    if len(wallet) != ADDRESS_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    return bool(Signature.from_bytes(signature).verify(Pubkey.from_bytes(wallet), message))
