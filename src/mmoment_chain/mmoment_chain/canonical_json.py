"""JSON in one form only, so that equal values have equal bytes (RFC 8785, without fractions).

Fractions are refused instead of printed the way the RFC wants: nothing that we hash has any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Beyond, other readers of JSON lose digits.
LARGEST_WHOLE = 2**53 - 1


def canonical(value: Any) -> str:
    """Text of a value of objects, lists, strings, whole numbers, booleans and None.

    Raises ValueError for anything else, and for strings that are no Unicode text.
    """
    text = json.dumps(_ordered(value), ensure_ascii=False, separators=(',', ':'))
    text.encode('utf-8')
    return text


def parsed(text: str) -> dict[str, Any]:
    """The object that a text is. Raises ValueError if it is none or has a name twice."""
    try:
        value = json.loads(text, object_pairs_hook=_no_name_twice)
    except RecursionError:
        raise ValueError('nested too deeply') from None
    if not isinstance(value, dict):
        raise ValueError('not a JSON object')
    return value


def _ordered(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST_WHOLE:
            raise ValueError('a whole number of more than 53 bits has no canonical form')
        return int(value)
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise ValueError('names in canonical JSON are strings')
        # The RFC orders by UTF-16 units, Python by code points.
        names = sorted(value, key=lambda name: name.encode('utf-16-be'))
        return {name: _ordered(value[name]) for name in names}
    if isinstance(value, (list, tuple)):
        return [_ordered(one) for one in value]
    raise ValueError(f'{type(value).__name__} has no canonical form here')


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError('a name stands twice')
    return found
