"""How the bytes of accounts and instructions are told in JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from solders.account import Account

from mmoment_chain.base58 import base58
from mmoment_chain.devchain_errors import INVALID_REQUEST, RpcError, invalid

# Base58 takes time with the square of the length; Solana's nodes have the same limit.
BASE58_BYTES_AT_MOST = 128
RENT_EPOCH = 2**64 - 1
"""Told of every account: it pays no rent."""
_ZSTD_BLOCK_BYTES = 128 * 1024


def zstandard(data: bytes) -> bytes:
    """A frame of Zstandard (RFC 8878) with these bytes as they are.

    Readers of the format need no more, and Python has no compressor of it.
    """
    # One segment, with its size in four bytes.
    frame = bytearray(b'\x28\xb5\x2f\xfd\xa0' + len(data).to_bytes(4, 'little'))
    for start in range(0, len(data) or 1, _ZSTD_BLOCK_BYTES):
        block = data[start : start + _ZSTD_BLOCK_BYTES]
        is_last = start + _ZSTD_BLOCK_BYTES >= len(data)
        frame += ((len(block) << 3) | is_last).to_bytes(3, 'little') + block
    return bytes(frame)


def encoded(data: bytes, encoding: str) -> list[str] | str:
    """Data of an account in one of the encodings of Solana. Raises RpcError."""
    if encoding in ('base64', 'jsonParsed'):
        return [base64.b64encode(data).decode('ascii'), 'base64']
    if encoding == 'base64+zstd':
        return [base64.b64encode(zstandard(data)).decode('ascii'), encoding]
    if encoding not in ('base58', 'binary'):
        raise invalid(f'unknown encoding {encoding}')
    if len(data) > BASE58_BYTES_AT_MOST:
        raise RpcError(
            INVALID_REQUEST,
            f'Encoded binary (base 58) data should be less than {BASE58_BYTES_AT_MOST} bytes, '
            'please use Base64 encoding.',
        )
    return base58(data) if encoding == 'binary' else [base58(data), encoding]


def account_json(
    account: Account | None, encoding: str, part: Mapping[str, int] | None = None
) -> dict[str, Any] | None:
    """An account as calls tell it; `part`: `offset` and `length` of the data that is wanted."""
    if account is None:
        return None
    data = bytes(account.data)
    shown = data if part is None else data[part['offset'] : part['offset'] + part['length']]
    return {
        'lamports': account.lamports,
        'owner': str(account.owner),
        'data': encoded(shown, encoding),
        'executable': account.executable,
        'rentEpoch': RENT_EPOCH,
        'space': len(data),
    }
