"""Wallet addresses of Solana: 32 bytes, written in base58.

The alphabet is Bitcoin's: digits and letters without 0, O, I and l. Each leading zero byte is
written as '1'.
"""

from __future__ import annotations

ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
ADDRESS_BYTES = 32
# 32 bytes need between 32 characters (all zero) and 44.
SHORTEST, LONGEST = 32, 44
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def is_wallet_address(text: str) -> bool:
    """Whether `text` is the base58 form of exactly 32 bytes."""
    if not SHORTEST <= len(text) <= LONGEST or not _VALUES.keys() >= set(text):
        return False
    number = 0
    for character in text:
        number = number * len(ALPHABET) + _VALUES[character]
    leading_zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    return leading_zeros + (number.bit_length() + 7) // 8 == ADDRESS_BYTES
