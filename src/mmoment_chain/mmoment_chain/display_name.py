"""Names that people give themselves: shown to everybody, so they are kept to one plain line.

Two names that look the same should be the same: what nobody sees is taken out, or somebody could
go by the name of another.
"""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 64
# Cc: control characters; Cs: halves of a pair; Co, Cn: nobody knows what; Zl, Zp: new lines.
UNSHOWN = ('Cc', 'Cs', 'Co', 'Cn', 'Zl', 'Zp')
# Without width, or turning the direction of all that follows: marks, tags, soft hyphens.
FORMAT = 'Cf'
# Letters, marks and symbols by their category, but empty to the eye.
BLANKS = frozenset('\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0')
NON_JOINER, JOINER = '\u200c', '\u200d'
# Canonical combining class of the signs after which Indic scripts write a joiner.
VIRAMA = 9
ARABIC_LETTER = 'AL'  # bidirectional class
SYMBOL = 'So'
SKIN_COLOURS = frozenset('\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff')


def display_name(text: str) -> str:
    """The name as it is kept: composed, on one line, without what cannot be shown, not too long."""
    signs = [
        sign if unicodedata.category(sign) not in UNSHOWN else ' '
        for sign in unicodedata.normalize('NFC', text)
        if _may_be_seen(sign)
    ]
    shown = ['']
    for sign, after in zip(signs, [*signs, ''][1:], strict=True):
        if _changes_something(shown[-1], sign, after):
            shown.append(sign)
    # Once more: what stood between a letter and its accent is gone.
    line = ' '.join(unicodedata.normalize('NFC', ''.join(shown)).split())
    return line[:LONGEST_NAME].rstrip(f' {NON_JOINER}{JOINER}')


def _may_be_seen(sign: str) -> bool:
    if sign in (NON_JOINER, JOINER):
        return True
    return sign not in BLANKS and unicodedata.category(sign) != FORMAT


def _changes_something(before: str, sign: str, after: str) -> bool:
    """Whether a sign that has no look of its own changes that of its neighbours."""
    if _is_selector(sign):
        return _is_symbol(before)
    if sign not in (NON_JOINER, JOINER):
        return True
    if not before or not after:
        return False
    if sign == JOINER and (_is_symbol(before) or _is_selector(before)):
        return _is_symbol(after)
    return unicodedata.combining(before) == VIRAMA or (
        unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == ARABIC_LETTER
    )


def _is_symbol(sign: str) -> bool:
    return sign != '' and (unicodedata.category(sign) == SYMBOL or sign in SKIN_COLOURS)


def _is_selector(sign: str) -> bool:
    return '\ufe00' <= sign <= '\ufe0f' or '\U000e0100' <= sign <= '\U000e01ef'
