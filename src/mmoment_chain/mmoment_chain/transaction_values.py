"""The values of a transaction that somebody wants built: named texts, checked one by one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

from mmoment_chain import rights
from mmoment_chain.errors import Refused
from mmoment_chain.wallet import parse_wallet

FLAGS = {'yes': True, 'no': False}
FEATURES_BELOW = 1 << 64
LONGEST_GRANT_HOURS = 87_660
HOUR_S = 3600


class Values:
    """Each is asked for by its name. Every fault is a Refused 'bad_value' with a sentence."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._known: set[str] = set()

    def text(self, name: str, at_most_bytes: int, default: str | None = None) -> str:
        """A text, as long as that in UTF-8 at most. Without a default it must be there."""
        text = self._value(name, default)
        if len(text.encode('utf-8', 'replace')) > at_most_bytes:
            raise _bad(f'{name} has at most {at_most_bytes} bytes in UTF-8')
        if not text.isprintable():
            raise _bad(f'{name} has characters in it that cannot be shown')
        return text

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Yes or no, in these words."""
        text = self._value(name, None if default is None else ('yes' if default else 'no'))
        if text not in FLAGS:
            raise _bad(f'{name} is yes or no')
        return FLAGS[text]

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of these words."""
        text = self._value(name, default)
        if text not in choices:
            raise _bad(f'{name} is one of: {", ".join(choices)}')
        return text

    def number(self, name: str, default: int, below: int) -> int:
        """A whole number from 0 on."""
        text = self._value(name, str(default))
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else below
        if number >= below:
            raise _bad(f'{name} is a whole number from 0 to {below - 1}')
        return number

    def wallet(self, name: str, default: bytes | None = None) -> bytes:
        """An address of 32 bytes; the default may be none at all."""
        if name not in self._given and default is not None:
            self._known.add(name)
            return default
        try:
            return parse_wallet(self._value(name, None))
        except Refused:
            raise _bad(f'{name} is an address in base58') from None

    def rights(self, name: str) -> frozenset[str]:
        """Words with spaces between, at least one."""
        words = self._value(name, None).split()
        try:
            found = rights.checked(words)
        except Refused as refusal:
            raise _bad(refusal.text) from None
        if not found:
            raise _bad(f'{name} has at least one of: {", ".join(rights.RIGHTS)}')
        return found

    def seconds(self, name: str) -> int:
        """Of hours, which may have a fraction; 0 for none."""
        try:
            hours = float(self._value(name, '0'))
        except ValueError:
            hours = -1.0
        # NaN is not between them either.
        if not 0 <= hours <= LONGEST_GRANT_HOURS:
            raise _bad(f'{name} is a number of hours from 0 (no end) to {LONGEST_GRANT_HOURS}')
        return round(hours * HOUR_S)

    def bytes(self, name: str) -> bytes:
        """What stands there in base64."""
        try:
            return base64.b64decode(self._value(name, None), validate=True)
        except (ValueError, binascii.Error):
            raise _bad(f'{name} is written in base64') from None

    def has(self, name: str) -> bool:
        """Whether it was given."""
        self._known.add(name)
        return name in self._given

    def check_names(self) -> None:
        """To be called once all were asked for: refuses what nobody asked for."""
        if unknown := sorted(set(self._given) - self._known):
            known = ', '.join(sorted(self._known)) or 'no values'
            raise _bad(f'There is no value {unknown[0]!r} here; this takes: {known}')

    def _value(self, name: str, default: str | None) -> str:
        self._known.add(name)
        value = self._given.get(name, default)
        if value is None:
            raise _bad(f'The value {name} is missing')
        return value


def paired(names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Two lists that go together. Refused 'bad_value'."""
    if len(names) != len(values) or len(set(names)) != len(names):
        raise _bad('Each value has one name, and each name one value')
    return dict(zip(names, values, strict=True))


def _bad(text: str) -> Refused:
    return Refused('bad_value', text)
