"""Base58 of bytes of any length; of addresses and signatures alone `wallet.py` takes what solders has."""

from __future__ import annotations

ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
_DIGITS = {sign: number for number, sign in enumerate(ALPHABET)}


def base58(data: bytes) -> str:
    """The text of these bytes."""
    number = int.from_bytes(data, 'big')
    signs = []
    while number:
        number, rest = divmod(number, 58)
        signs.append(ALPHABET[rest])
    zeros = len(data) - len(data.lstrip(b'\0'))
    return ALPHABET[0] * zeros + ''.join(reversed(signs))


def from_base58(text: str) -> bytes:
    """The bytes of this text. Raises ValueError."""
    number = 0
    for sign in text:
        if sign not in _DIGITS:
            raise ValueError(f'{sign!r} is no sign of base58')
        number = number * 58 + _DIGITS[sign]
    zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, 'big')
