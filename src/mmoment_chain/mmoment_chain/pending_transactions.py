"""Transactions that were built and wait to be signed: kept in memory, few, and not for long.

Nothing is ever sent that is not among them. A row of several transactions is one case: its ids lead
from one to the next.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from mmoment_chain.clock import Clock
from mmoment_chain.errors import Refused
from mmoment_chain.transaction_building import Built
from mmoment_chain.transaction_kinds import Row
from mmoment_chain.transaction_sending import Sent

KEPT_S = 3600.0
KEPT_AT_MOST = 512
KEPT_PER_WALLET = 16
ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Looking:
    """Somebody looks for what a wallet has sent."""

    signature: bytes
    task: asyncio.Task[Sent]


@dataclass(frozen=True, slots=True)
class LookedFor:
    """A signature, and the last block that can take what it signs, as of the first look."""

    signature: bytes
    last_valid_height: int


@dataclass(slots=True)
class Pending:
    """A transaction of a row, which was built."""

    id: str
    kind: str
    wallet: bytes
    row: Row
    number: int  # of this transaction in its row, from 0
    built: Built
    made_s: float
    session_id: str = ''  # in which it was asked for; empty: by the owner of the camera
    sending: asyncio.Task[Sent] | None = field(default=None)
    looking: Looking | None = field(default=None)
    looked_for: LookedFor | None = field(default=None)
    sent: Sent | None = field(default=None)

    @property
    def about(self) -> bytes | None:
        """Wallet whose rights it changes."""
        return self.row.about

    @property
    def is_last(self) -> bool:
        """Whether no other follows."""
        return self.number + 1 == len(self.row.plans)

    @property
    def is_confirmed(self) -> bool:
        """Whether the chain has it."""
        return self.sent is not None and self.sent.is_confirmed

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for what the chain says of it."""
        return self.sending is not None or self.looking is not None

    @property
    def is_halfway(self) -> bool:
        """Whether its row can go on only from here: without it, what the row locks stays locked."""
        return self.is_confirmed and not self.is_last


class PendingTransactions:
    """Belongs to one event loop."""

    def __init__(
        self, clock: Clock, new_id: Callable[[], str] = lambda: secrets.token_hex(ID_BYTES)
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._kept: dict[str, Pending] = {}

    def add(
        self, kind: str, wallet: bytes, row: Row, number: int, built: Built, session_id: str = ''
    ) -> Pending:
        """Keep what was built. Refused 'too_many_open' if all that is kept is waited for."""
        self._let_go(wallet)
        made_s = self._clock.elapsed_s()
        pending = Pending(self._new_id(), kind, wallet, row, number, built, made_s, session_id)
        self._kept[pending.id] = pending
        return pending

    def get(self, pending_id: str) -> Pending:
        """What has this id. Refused 'not_ours'."""
        pending = self._kept.get(pending_id)
        if pending is None or self._clock.elapsed_s() - pending.made_s >= KEPT_S:
            raise Refused('not_ours')
        return pending

    def looks_of(self, wallet: bytes) -> int:
        """For how much that was built for this wallet somebody looks now."""
        kept = self._kept.values()
        return sum(each.wallet == wallet and each.looking is not None for each in kept)

    def forget(self, wallet: bytes) -> None:
        """Let go of what was built for somebody, or names them. What is under way ends by itself."""
        for pending in list(self._kept.values()):
            if wallet in (pending.wallet, pending.about):
                del self._kept[pending.id]

    def tidy(self) -> None:
        """Let go of what is too old."""
        now_s = self._clock.elapsed_s()
        for pending in list(self._kept.values()):
            if now_s - pending.made_s >= KEPT_S and not pending.is_busy:
                del self._kept[pending.id]

    def _let_go(self, wallet: bytes) -> None:
        """Make room: of what is old, then of the same wallet's, then of anybody's.

        Of these the oldest goes first, and what others of its row still need goes last.
        """
        self.tidy()
        free = [pending for pending in self._kept.values() if not pending.is_busy]
        free.sort(key=lambda pending: pending.is_halfway)  # stable: the oldest stay in front
        own = [pending for pending in free if pending.wallet == wallet]
        if len(own) >= KEPT_PER_WALLET:
            del self._kept[own[0].id]
        elif len(self._kept) >= KEPT_AT_MOST:
            if not free:
                raise Refused('too_many_open')
            del self._kept[free[0].id]
