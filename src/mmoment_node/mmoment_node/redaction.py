"""Removes credentials from addresses before they reach a log, a topic or a reply."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

HIDDEN = '***'

# Query keys that carry credentials in the addresses of cameras and of ingest servers.
_SECRET_QUERY = re.compile(
    r'(?i)([?&;](?:[\w.-]*(?:pass|pwd|token|key|secret|auth|sig|user|login)[\w.-]*)=)[^&;#\s]*'
)
_URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://[^\s\'"<>]+')


def redact_url(url: str) -> str:
    """The address without user, password and secret query values; other text is unchanged."""
    if '://' not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return f'{url.split("://", 1)[0]}://{HIDDEN}'
    netloc = parts.netloc
    if '@' in netloc:
        netloc = f'{HIDDEN}@{netloc.rpartition("@")[2]}'
    return _SECRET_QUERY.sub(
        rf'\g<1>{HIDDEN}', urlunsplit((parts.scheme, netloc, parts.path, parts.query, ''))
    )


def redact_text(text: str) -> str:
    """The text with every address in it redacted; for messages of libraries that quote them."""
    return _URL.sub(lambda match: redact_url(match.group()), text)
