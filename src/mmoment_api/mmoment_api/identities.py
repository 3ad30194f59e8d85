"""Who may learn who somebody is: the owner everything, everybody else only of themselves.

Works on the plain data of events: every field `identity` in it, however deep, is a name. Where it is
private, whatever has a name belongs to that person, and without one to the owner of the camera.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NAME = 'identity'
# What would tell that there is a name, without telling it, or more of its person than is said.
BESIDE_A_NAME = ('similarity', 'session', 'reason')

MayKnow = Callable[[str], bool]


def nobody(identity: str) -> bool:
    """For those who may know no name."""
    return False


def names_in(data: Any) -> frozenset[str]:
    """All names in some data."""
    if isinstance(data, dict):
        own = data.get(NAME)
        inner = frozenset().union(*map(names_in, data.values()))
        return inner | {own} if isinstance(own, str) and own else inner
    if isinstance(data, list):
        return frozenset().union(*map(names_in, data))
    return frozenset()


def as_seen_by(data: Any, may_know: MayKnow) -> Any:
    """The data with every name removed that this caller may not know; the original is kept."""
    if isinstance(data, list):
        return [as_seen_by(item, may_know) for item in data]
    if not isinstance(data, dict):
        return data
    seen = {key: as_seen_by(value, may_know) for key, value in data.items()}
    name = seen.get(NAME)
    if isinstance(name, str) and not may_know(name):
        for key in (NAME, *BESIDE_A_NAME):
            if key in seen:
                seen[key] = None
    return seen


def as_owned_by(data: Any, may_know: MayKnow) -> Any:
    """The data without whatever belongs to others than this caller; None: all of it does."""
    if isinstance(data, list):
        seen = [as_owned_by(item, may_know) for item in data]
        return [item for item in seen if item is not None]
    if not isinstance(data, dict):
        return data
    if NAME in data and not may_know(data[NAME] or ''):
        return None
    return {key: as_owned_by(value, may_know) for key, value in data.items()}
