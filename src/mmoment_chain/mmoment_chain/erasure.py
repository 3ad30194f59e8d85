"""Forgetting a person: what the store has of them goes, and the log keeps a tombstone without a name.

Photos and clips are the person's own: they stay, unless they are to go as well. In those of others
nobody knows the person any more.

The sessions end first, through the one check-out path, so that every part lets go of the person. Of
whom the part that knows faces has not let go yet, the wallet is kept until it has, also over a kill.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from mmoment_chain import (
    challenge_records,
    consent_records,
    event_log,
    forgetting_records,
    grant_records,
    media_records,
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
    """Forgets people. `forget_face` is called with each wallet; it must neither wait nor raise.

    `is_leaving`: whether the part that knows faces still has to forget somebody. Whom it had to
    forget in the process before, it is told to at once.
    """

    def __init__(
        self,
        store: Store,
        book: SessionBook,
        forget_face: Callable[[str], None],
        tell: Callable[[Change], None],
        is_leaving: Callable[[str], bool] = lambda wallet: False,
    ) -> None:
        self._store = store
        self._book = book
        self._forget_face = forget_face
        self._tell = tell
        self._is_leaving = is_leaving
        self._pause_s = 0.0
        self._again_s = 0.0
        self._forgetting = threading.Lock()
        self._cleaning = threading.Lock()
        with store.reading() as query:
            leaving = forgetting_records.everybody(query)
        for wallet in leaving:
            forget_face(wallet)

    def forget(self, wallet: str, *, with_media: bool = False) -> Erased:
        """Forget this wallet; nothing of it is left when this returns, traces in the file aside.

        with_media: its photos and clips go too, of which the rows are gone then and the files noted
        as leaving; else these go on to name it. Refused 'bad_wallet'. Raises StoreError if it could
        not be done.
        """
        parse_wallet(wallet)
        with self._forgetting:
            records, sequence = self._erase(wallet, with_media)
            # Also of somebody who has no session: they may have been enrolled by others.
            self._forget_face(wallet)
        self._tell(Change(ChangeKind.FORGOTTEN, sequence))
        self._again_s = 0.0
        try:
            return Erased(records, self.clean())
        except StoreError:
            # Forgotten all the same; whoever calls `clean` next is told.
            return Erased(records, is_scrubbed=False)

    def _erase(self, wallet: str, with_media: bool) -> tuple[int, int]:
        """Erase; returns how many records, and where the log has it."""
        while (erased := self._erase_if_away(wallet, with_media)) is None:
            with self._store.reading() as query:
                staying = session_records.open_of_wallet(query, wallet)
            self._book.end([each.id for each in staying], FORGOTTEN)
            self._forget_face(wallet)
        self._book.left(wallet)
        return erased

    def _erase_if_away(self, wallet: str, with_media: bool) -> tuple[int, int] | None:
        """Erase; None: somebody has a session, also if they checked in just now."""
        with self._store.transaction() as tx:
            if session_records.open_of_wallet(tx, wallet):
                return None
            if with_media:
                records = len(media_records.erase(tx, wallet))
            else:
                records = media_records.forget_seen(tx, wallet)
            records += sum(
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
            forgetting_records.add(tx, wallet)
            sequence, _ = event_log.head(tx)
        return records, sequence

    def clean(self) -> bool:
        """Clean the files of what was erased, if that is still to be done. False: not yet done.

        To be called every second or so; holds nobody up. Raises StoreError.
        """
        with self._cleaning:
            is_settled = self._settle()
            now_s = self._store.clock.elapsed_s()
            if now_s < self._again_s:
                return False
            self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
            self._again_s = now_s + self._pause_s
            if not self._store.scrub():
                return False
            self._pause_s = self._again_s = 0.0
            return is_settled

    def _settle(self) -> bool:
        """Let go of the wallets of those who are forgotten everywhere. True: of all of them."""
        if not self._forgetting.acquire(blocking=False):
            # Somebody is about to be forgotten: what is to be told of them is not told yet.
            return False
        try:
            with self._store.reading() as query:
                kept = forgetting_records.everybody(query)
            gone = [wallet for wallet in kept if not self._is_leaving(wallet)]
            if gone:
                with self._store.transaction() as tx:
                    for wallet in gone:
                        forgetting_records.remove(tx, wallet)
                self._again_s = 0.0
            return len(gone) == len(kept)
        finally:
            self._forgetting.release()
