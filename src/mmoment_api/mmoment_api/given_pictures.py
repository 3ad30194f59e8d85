"""Pictures that come in a request: base64 or a data URL, of a format and size we take."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from mmoment_api.errors import ApiError

# A photo of a phone at its best quality has 3 to 6 MiB.
PICTURE_AT_MOST_BYTES = 8 * 1024 * 1024
# As many as `face_node` takes for one person.
PICTURES_AT_MOST = 10
# Base64 is a third longer. A body has to arrive within ten seconds, see `web_protocol.py`.
PICTURE_BODY_AT_MOST = 12 * 1024 * 1024
_DATA_URL = re.compile(r'data:[\w.+/-]*(?:;[\w.=-]+)*;base64,', re.ASCII)
_BASE64_CHARACTERS_PER_3_BYTES = 4


@dataclass(frozen=True, slots=True, repr=False)
class GivenPicture:
    """An encoded picture; `format` is jpeg, png or webp, by its first bytes."""

    format: str
    data: bytes


def decode_picture(text: str, field: str) -> GivenPicture:
    """The picture behind `text`; raises `ApiError` that names `field`.

    422: not base64. 413: too large. 415: neither JPEG nor PNG nor WebP.
    """
    prefix = _DATA_URL.match(text)
    encoded = text[prefix.end() :] if prefix else text
    if len(encoded) > PICTURE_AT_MOST_BYTES * _BASE64_CHARACTERS_PER_3_BYTES / 3 + 4:
        raise ApiError(
            413,
            'too_large',
            f'{field} may have {PICTURE_AT_MOST_BYTES // 2**20} MiB',
            field=field,
        )
    try:
        data = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(
            422, 'invalid', f'{field} has to be base64 or a data URL with base64', field=field
        ) from None
    kind = picture_format(data)
    if kind is None:
        raise ApiError(415, 'wrong_type', f'{field} has to be JPEG, PNG or WebP', field=field)
    return GivenPicture(kind, data)


def picture_format(data: bytes) -> str | None:
    """jpeg, png or webp; None for anything else."""
    if data.startswith(b'\xff\xd8\xff'):
        return 'jpeg'
    if data.startswith(b'\x89PNG\r\n\x1a\n'):
        return 'png'
    if data.startswith(b'RIFF') and data[8:12] == b'WEBP':
        return 'webp'
    return None
