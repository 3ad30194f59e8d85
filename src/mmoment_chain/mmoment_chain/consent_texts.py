"""Which texts people agree to before their face is kept, by whose key opens the template.

Clients show the texts: web/consent.js, or an app of its own. A test holds this table to that page.
Standard library only.
"""

from __future__ import annotations

from types import MappingProxyType

# Versions that are accepted, the newest last; clients show that one. An older one stays as long as
# what was agreed to then covers what the camera does now. Whoever agreed to have the key themselves
# did not agree that the camera has it.
_OWN_KEY = ('2026-11-1',)
_CAMERA_KEY = ('2026-11-1-camera',)
ACCEPTED = MappingProxyType({'user': _OWN_KEY, 'passphrase': _OWN_KEY, 'camera': _CAMERA_KEY})
"""Versions by custody, as template_keeping names custodies."""

# SHA-256 of each text in UTF-8, its paragraphs joined by newlines: what a version stands for.
DIGESTS = MappingProxyType(
    {
        '2026-11-1': 'e3db34a4fe13caf3ba523165b82bb0c7f68984e7066dbd6b1c387c3e3b3ea241',
        '2026-11-1-camera': '5401887321b711e947875eb1ab4cd76edbea04d666ee217cb7d2876552e94145',
    }
)


VERSIONS = tuple(dict.fromkeys(name for names in ACCEPTED.values() for name in names))
"""All that are accepted."""


def covers(text_version: str, custody: str) -> bool:
    """Whether who agreed to this text lets the camera keep a template in this custody."""
    return text_version in ACCEPTED.get(custody, ())
