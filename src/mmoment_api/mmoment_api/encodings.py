"""Bytes in JSON: base64, with what it has to hold checked while a request is read."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field

KEY_BYTES = 32
# A sealed template has less; a wrapped key far less.
BASE64_AT_MOST = 32 * 1024


def _checked_base64(text: str) -> str:
    if text != '':
        decoded(text)
    return text


def decoded(text: str) -> bytes:
    """The bytes behind base64; raises `ValueError`."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError('not base64') from None


def encoded(data: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(data).decode('ascii')


def _checked_key(text: str) -> str:
    if text != '' and len(decoded(text)) != KEY_BYTES:
        raise ValueError('not 32 bytes')
    return text


Base64 = Annotated[str, Field(max_length=BASE64_AT_MOST), AfterValidator(_checked_base64)]
PublicKey = Annotated[
    str,
    Field(max_length=BASE64_AT_MOST, description='X25519 public key, 32 bytes in base64'),
    AfterValidator(_checked_key),
]
