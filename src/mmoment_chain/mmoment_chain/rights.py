"""What somebody may do at a camera: words, and who has which.

Everybody who is checked in has the rights that the camera gives to all, and those that its owner
granted them. The owner has all.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from mmoment_chain.errors import Refused

ADMIN = 'admin'
"""Who has this right has all."""
ENROLL = 'enroll'
RECOGNIZE = 'recognize'
RIGHTS = ('view', 'capture', 'record', RECOGNIZE, ENROLL, 'stream', ADMIN)
DEFAULT_RIGHTS = ('view', 'capture', 'record', RECOGNIZE, ENROLL)
"""Of a guest: what shows the camera to the world, and the camera itself, are not theirs."""


def checked(names: Iterable[str]) -> frozenset[str]:
    """These rights. Refused 'unknown_right', with those there are."""
    rights = frozenset(names)
    if unknown := sorted(rights.difference(RIGHTS)):
        raise Refused(
            'unknown_right', f'There is no right {unknown[0]!r}: choose of {", ".join(RIGHTS)}'
        )
    return rights


def combined(*parts: Set[str]) -> frozenset[str]:
    """All of these together; `admin` brings the rest."""
    rights = frozenset[str]().union(*parts)
    return frozenset(RIGHTS) if ADMIN in rights else rights


def require(rights: Set[str], right: str) -> None:
    """Refused 'missing_right' where `right` is not among them, 'unknown_right' for no right."""
    checked([right])
    if right not in rights and ADMIN not in rights:
        raise Refused('missing_right', f'You do not have the right to do this: {right}')


def in_order(rights: Iterable[str]) -> list[str]:
    """As lists show them."""
    return sorted(rights, key=RIGHTS.index)
