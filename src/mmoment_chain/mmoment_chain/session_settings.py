"""How sessions are given out."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain.rights import DEFAULT_RIGHTS


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How sessions are given out."""

    owner_wallet: str = ''  # empty: nobody owns the camera by a wallet
    session_s: float = 12 * 3600.0
    absent_s: float = 30 * 60.0
    at_most: int = 32
    per_wallet: int = 3
    default_rights: frozenset[str] = frozenset(DEFAULT_RIGHTS)
