"""The one way in which a session ends, whatever the reason.

First, in one transaction: no token opens it any more, and the event log says so. What reads the log,
such as a chain, learns of it there. Then the steps: each part that still works for the person is
told to finish. A step begins its work and returns; that it is done in the end, also if the part
hangs or is away at the moment, is its own business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol

from mmoment_chain import event_log, session_records
from mmoment_chain.store import Store, Transaction

ASKED, ABSENT, EXPIRED = 'asked', 'absent', 'expired'
REVOKED, FORGOTTEN, REPLACED = 'revoked', 'forgotten', 'replaced'
REASONS = (ASKED, ABSENT, EXPIRED, REVOKED, FORGOTTEN, REPLACED)

# Kinds of entries in the event log. The session is a personal field: it links entries of a person.
LOG_CHECKED_IN, LOG_CHECKED_OUT = 'checked_in', 'checked_out'
LOG_RENEWED, LOG_RIGHTS = 'renewed', 'rights_changed'
LOG_GRANTED, LOG_TAKEN_BACK = 'right_granted', 'right_taken_back'
LOG_GRANT_ENDED = 'grant_ended'
LOG_SESSION = 'session'


class ChangeKind(IntEnum):
    """What happened to a session. The numbers are those of the message SessionEvent."""

    CHECKED_IN = 0
    CHECKED_OUT = 1
    RENEWED = 2
    RIGHTS_CHANGED = 3
    REVOKED = 4
    FORGOTTEN = 5


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened and is in the event log."""

    kind: ChangeKind
    sequence: int
    session_id: str = ''
    wallet: str = ''
    reason: str = ''
    rights: frozenset[str] = frozenset()  # of RIGHTS_CHANGED: what the person has from now on


@dataclass(frozen=True, slots=True)
class Departure:
    """A session that has ended."""

    session_id: str
    wallet: str
    reason: str
    is_last: bool  # the person has no other


class Step(Protocol):
    """What is to be done when somebody has gone."""

    def begin(self, departure: Departure) -> None:
        """Begin it, in any thread; must neither wait nor raise."""


class CheckOut:
    """Ends sessions. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        steps: Sequence[Step],
        tell: Callable[[Change], None],
        is_here: Callable[[str], bool] = lambda wallet: False,
    ) -> None:
        """is_here: whether somebody, by their wallet, has come again since their session ended."""
        self._store = store
        self._steps = tuple(steps)
        self._tell = tell
        self._is_here = is_here

    def end(self, session_ids: Iterable[str], reason: str) -> int:
        """End those of these sessions that are open; returns how many.

        Raises StoreError if that could not be kept; then none has ended.
        """
        with self._store.transaction() as tx:
            ended = self.end_within(tx, session_ids, reason)
        self.finish(ended)
        return len(ended)

    def end_within(
        self, tx: Transaction, session_ids: Iterable[str], reason: str
    ) -> list[tuple[Change, Departure]]:
        """End them together with something else; call `finish` with the answer once that is kept."""
        changes = [change for each in session_ids if (change := _end(tx, each, reason))]
        staying = {
            wallet
            for wallet in {one.wallet for one in changes}
            if session_records.open_of_wallet(tx, wallet)
        }
        return [
            (one, Departure(one.session_id, one.wallet, reason, one.wallet not in staying))
            for one in changes
        ]

    def finish(self, ended: Iterable[tuple[Change, Departure]]) -> None:
        """Take the steps, and tell."""
        for change, departure in ended:
            if departure.is_last and self._is_here(departure.wallet):
                departure = replace(departure, is_last=False)
            self._begin(departure)
            self._tell(change)

    def gone(self, wallet: str) -> None:
        """Take the steps for somebody whose session could not be kept, if they have no other."""
        if not self._is_here(wallet):
            self._begin(Departure('', wallet, REPLACED, is_last=True))

    def _begin(self, departure: Departure) -> None:
        for step in self._steps:
            step.begin(departure)


def _end(tx: Transaction, session_id: str, reason: str) -> Change | None:
    session = session_records.get(tx, session_id)
    if session is None or not session_records.end(tx, session_id, tx.utc_ms(), reason):
        return None
    event = event_log.append(
        tx, LOG_CHECKED_OUT, session.wallet, {'reason': reason}, {LOG_SESSION: session_id}
    )
    kind = ChangeKind.REVOKED if reason == REVOKED else ChangeKind.CHECKED_OUT
    return Change(kind, event.sequence, session_id, session.wallet or '', reason)
