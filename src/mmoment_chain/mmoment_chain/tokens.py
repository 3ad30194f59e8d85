"""Tokens of sessions: secrets of 256 bits, of which a camera keeps digests only.

A digest holds for one camera: a store that is copied to another one opens nothing there.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from mmoment_chain.errors import Refused

TOKEN_BYTES = 32
IS_TOKEN = re.compile(r'[A-Za-z0-9_-]{43}')
# Long enough that no two are the same, short enough to be read out. Opens nothing.
SESSION_ID_BYTES = 12


def new_token() -> str:
    """A token that was never given out: base64url without padding."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_session_id() -> str:
    """Public name of a session."""
    return secrets.token_hex(SESSION_ID_BYTES)


def token_digest(token: str, camera_id: str) -> bytes:
    """What is kept of a token. Refused 'bad_token' for what is none.

    One hash is enough: nobody finds 256 random bits by trying.
    """
    if not IS_TOKEN.fullmatch(token):
        raise Refused('bad_token')
    return hashlib.sha256(f'Mmoment token|{camera_id}|{token}'.encode('ascii')).digest()
