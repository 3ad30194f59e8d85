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
        """Keep what was built. Refused 'too_many_open' if all that is kept is being sent."""
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

    def _let_go(self, wallet: bytes) -> None:
        """Make room: of what is old, then of the same wallet's, then of anybody's."""
        now_s = self._clock.elapsed_s()
        for pending in list(self._kept.values()):
            if now_s - pending.made_s >= KEPT_S and pending.sending is None:
                del self._kept[pending.id]
        free = [pending for pending in self._kept.values() if pending.sending is None]
        own = [pending for pending in free if pending.wallet == wallet]
        if len(own) >= KEPT_PER_WALLET:
            del self._kept[own[0].id]
        elif len(self._kept) >= KEPT_AT_MOST:
            if not free:
                raise Refused('too_many_open')
            del self._kept[free[0].id]
