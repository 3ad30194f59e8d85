"""Removes credentials from addresses before they reach a log, a topic or a reply.

Written for addresses as people type them, not as the standard has them: a password may hold an
unescaped slash, question mark or hash. In doubt more is hidden than needed.
"""

from __future__ import annotations

import re

HIDDEN = '***'

# Words in the keys that carry credentials in the addresses of cameras and of ingest servers.
_SECRET_WORD = r'(?:pass|pwd|token|key|secret|auth|sig|user|login)'
_SECRET_IN_QUERY = re.compile(rf'(?i)([?&;](?:[\w.-]*{_SECRET_WORD}[\w.-]*)=)[^&;\s]*')
# Some recorders take the password in the path: rtsp://host/user=a_password=b_channel=1
_SECRET_IN_PATH = re.compile(rf'(?i)({_SECRET_WORD}[a-z]*=)[^?\s]*')
_WITHOUT_SCHEME = re.compile(r'^[^/\s]+:\S*@')
_URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://\S+')


def redact_url(url: str) -> str:
    """The address without user, password, secret query values and fragment; else unchanged."""
    scheme, separator, rest = url.partition('://')
    if not separator:
        return _WITHOUT_SCHEME.sub(f'{HIDDEN}@', url)
    if '@' in rest:
        rest = f'{HIDDEN}@{rest.rpartition("@")[2]}'
    rest = rest.partition('#')[0]
    path, question_mark, query = rest.partition('?')
    path = _SECRET_IN_PATH.sub(rf'\g<1>{HIDDEN}', path)
    query = _SECRET_IN_QUERY.sub(rf'\g<1>{HIDDEN}', question_mark + query)
    return f'{scheme}{separator}{path}{query}'


def redact_text(text: str) -> str:
    """The text with every address in it redacted; for messages of libraries that quote them."""
    return _URL.sub(lambda match: redact_url(match.group()), text)
