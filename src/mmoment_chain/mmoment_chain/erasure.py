"""Forgetting a person: what the store has of them goes, and the log keeps a tombstone without a name.

The sessions end first, through the one check-out path, so that every part lets go of the person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmoment_chain import (
    challenge_records,
    consent_records,
    event_log,
    grant_records,
    session_records,
    template_records,
)
from mmoment_chain.check_out import FORGOTTEN, Change, ChangeKind
from mmoment_chain.errors import StoreError
from mmoment_chain.sessions import SessionBook
from mmoment_chain.store import Store
from mmoment_chain.wallet import parse_wallet

# Cleaning waits for readers, such as a backup: it is tried again after pauses that double.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it."""

    records: int  # rows that were deleted, or from which the person was taken out
    is_scrubbed: bool  # also gone from what the file has beside its rows


class Erasure:
    """Forgets people. `forget_face` is called with each wallet; it must neither wait nor raise."""

    def __init__(
        self,
        store: Store,
        book: SessionBook,
        forget_face: Callable[[str], None],
        tell: Callable[[Change], None],
    ) -> None:
        self._store = store
        self._book = book
        self._forget_face = forget_face
        self._tell = tell
        self._pause_s = 0.0
        self._again_s = 0.0

    def forget(self, wallet: str) -> Erased:
        """Forget this wallet; nothing of it is left when this returns, traces in the file aside.

        Refused 'bad_wallet'. Raises StoreError if it could not be done.
        """
        parse_wallet(wallet)
        self._book.end([session.id for session in self._book.live(wallet)], FORGOTTEN)
        # Also of somebody who has no session: they may have been enrolled by others.
        self._forget_face(wallet)
        with self._store.transaction() as tx:
            # Whoever checked in since is forgotten as well.
            late = [each.id for each in session_records.open_sessions(tx) if each.wallet == wallet]
            for session_id in late:
                session_records.end(tx, session_id, tx.utc_ms(), FORGOTTEN)
            records = sum(
                erase(tx, wallet)
                for erase in (
                    session_records.erase,
                    template_records.erase,
                    consent_records.erase,
                    grant_records.erase,
                    challenge_records.erase,
                    event_log.erase,
                )
            )
            # Also where no row was left: those that went before may be readable in the files.
            tx.leave_no_trace()
            sequence, _ = event_log.head(tx)
        # Those who checked in meanwhile are let go of by the same path.
        self._book.end(late, FORGOTTEN)
        self._book.presence.leave(wallet)
        self._forget_face(wallet)
        self._tell(Change(ChangeKind.FORGOTTEN, sequence))
        self._again_s = 0.0
        try:
            return Erased(records, self.clean())
        except StoreError:
            # Forgotten all the same; whoever calls `clean` next is told.
            return Erased(records, is_scrubbed=False)

    def clean(self) -> bool:
        """Clean the files of what was erased, if that is still to be done. False: not yet done.

        To be called every second or so; holds nobody up. Raises StoreError.
        """
        now_s = self._store.clock.elapsed_s()
        if now_s < self._again_s:
            return False
        self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._again_s = now_s + self._pause_s
        if not self._store.scrub():
            return False
        self._pause_s = self._again_s = 0.0
        return True
