"""Names that people give themselves: shown to everybody, so they are kept to one plain line."""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 64
# Turn the direction of all that follows them on the line.
DIRECTION_MARKS = frozenset(
    '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069'
)
# Cc: control characters; Cs: halves of a pair; Co, Cn: nobody knows what; Zl, Zp: new lines.
UNSHOWN = ('Cc', 'Cs', 'Co', 'Cn', 'Zl', 'Zp')


def display_name(text: str) -> str:
    """The name as it is kept: composed, on one line, without what cannot be shown, not too long."""
    shown = ''.join(
        sign if unicodedata.category(sign) not in UNSHOWN else ' '
        for sign in unicodedata.normalize('NFC', text)
        if sign not in DIRECTION_MARKS
    )
    return ' '.join(shown.split())[:LONGEST_NAME].rstrip()
