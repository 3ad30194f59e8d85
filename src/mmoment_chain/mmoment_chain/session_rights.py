"""Which rights a wallet has by now, and the grants that its camera's owner makes.

A right counts from the moment it is given to the moment it is taken back or ends: whoever asks what
a token may do is told what holds then. What stands in the store beside a session is for its record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from mmoment_chain import event_log, grant_records, rights, session_records
from mmoment_chain.check_out import (
    LOG_GRANT_ENDED,
    LOG_GRANTED,
    LOG_RIGHTS,
    LOG_SESSION,
    LOG_TAKEN_BACK,
    Change,
    ChangeKind,
)
from mmoment_chain.errors import Refused
from mmoment_chain.grant_records import Grant
from mmoment_chain.session_settings import SessionSettings
from mmoment_chain.store import Query, Store, Transaction
from mmoment_chain.wallet import parse_wallet

# The role, not a wallet: a grant outlives a change of the owner's wallet.
OWNER = 'owner'
# Ten years; whatever is meant to last longer is granted until it is taken back.
LONGEST_GRANT_S = 87_660 * 3600.0


class SessionRights:
    """Rights by wallet. `tell` is called for sessions whose rights changed.

    `withheld`: what a wallet has not, whoever gave it; the owner has all.
    """

    def __init__(
        self,
        store: Store,
        settings: SessionSettings,
        tell: Callable[[Change], None],
        withheld: Callable[[str], frozenset[str]] = lambda wallet: frozenset(),
    ) -> None:
        self.settings = settings
        self._withheld = withheld
        self._store = store
        self._tell = tell

    def of(self, query: Query, wallet: str) -> frozenset[str]:
        """What this wallet has at the moment, if it is checked in."""
        if wallet and wallet == self.settings.owner_wallet:
            return frozenset(rights.RIGHTS)
        return rights.combined(self._given(query, wallet) - self._withheld(wallet))

    def withheld(self, query: Query, wallet: str) -> frozenset[str]:
        """What this wallet was given and has not."""
        return rights.combined(self._given(query, wallet)) - self.of(query, wallet)

    def of_everybody(self, query: Query) -> Callable[[str], frozenset[str]]:
        """The same for many wallets: their grants are read at once."""
        now_ms = query.utc_ms()
        granted: dict[str, set[str]] = {}
        for grant in grant_records.everything(query):
            if grant.expires_ms is None or grant.expires_ms > now_ms:
                granted.setdefault(grant.wallet, set()).add(grant.right)

        def of(wallet: str) -> frozenset[str]:
            if wallet and wallet == self.settings.owner_wallet:
                return frozenset(rights.RIGHTS)
            given = self.settings.default_rights | granted.get(wallet, set())
            return rights.combined(given - self._withheld(wallet))

        return of

    def _given(self, query: Query, wallet: str) -> frozenset[str]:
        granted = grant_records.of_wallet(query, wallet, query.utc_ms())
        return self.settings.default_rights | {grant.right for grant in granted}

    def grant(self, wallet: str, names: Iterable[str], seconds: float) -> frozenset[str]:
        """Give a wallet these rights, for so long or (0) until they are taken back.

        Returns what it has then. Refused 'bad_wallet', 'unknown_right', 'bad_duration'.
        """
        parse_wallet(wallet)
        # NaN is not between them either.
        if not 0 <= seconds <= LONGEST_GRANT_S:
            raise Refused('bad_duration')
        wanted = rights.checked(names)
        if not wanted:
            raise Refused('unknown_right', f'Name the rights: {", ".join(rights.RIGHTS)}')
        with self._store.transaction() as tx:
            now_ms = tx.utc_ms()
            ends_ms = now_ms + round(seconds * 1000) if seconds > 0 else None
            for right in sorted(wanted):
                grant_records.put(tx, Grant(wallet, right, OWNER, now_ms, ends_ms))
            data = {'rights': rights.in_order(wanted), 'ends_ms': ends_ms}
            event_log.append(tx, LOG_GRANTED, wallet, data)
            changes, held = self._sync(tx, wallet), self.of(tx, wallet)
        self._tell_all(changes)
        return held

    def take_back(self, wallet: str, names: Iterable[str]) -> frozenset[str]:
        """Take granted rights back; no names: all. Returns what the wallet has then.

        What the camera gives to everybody stays. Refused 'bad_wallet', 'unknown_right'.
        """
        parse_wallet(wallet)
        wanted = rights.checked(names) or frozenset(rights.RIGHTS)
        with self._store.transaction() as tx:
            taken = [right for right in sorted(wanted) if grant_records.remove(tx, wallet, right)]
            if taken:
                event_log.append(tx, LOG_TAKEN_BACK, wallet, {'rights': rights.in_order(taken)})
            changes, held = self._sync(tx, wallet), self.of(tx, wallet)
        self._tell_all(changes)
        return held

    def follow(self) -> None:
        """Notice grants that ended, and settings that changed."""
        with self._store.reading() as query:
            held = self.of_everybody(query)
            is_same = all(
                session.rights == held(session.wallet or '')
                for session in session_records.open_sessions(query)
            )
            is_same = is_same and not _over(query, query.utc_ms())
        if is_same:
            return
        with self._store.transaction() as tx:
            now_ms = tx.utc_ms()
            for wallet, ended in _over(tx, now_ms).items():
                data = {'rights': rights.in_order(ended)}
                event_log.append(tx, LOG_GRANT_ENDED, wallet, data)
            grant_records.prune(tx, now_ms)
            changes = self._sync(tx)
        self._tell_all(changes)

    def _sync(self, tx: Transaction, wallet: str = '') -> list[Change]:
        """Write down what rights the open sessions, of this wallet or all, have by now."""
        changes = []
        rights_of = self.of_everybody(tx)
        if wallet:
            sessions = session_records.open_of_wallet(tx, wallet)
        else:
            sessions = session_records.open_sessions(tx)
        for session in sessions:
            held = rights_of(session.wallet or '')
            if held != session.rights:
                session_records.set_rights(tx, session.id, held)
                data = {'rights': rights.in_order(held)}
                personal = {LOG_SESSION: session.id}
                event = event_log.append(tx, LOG_RIGHTS, session.wallet, data, personal)
                kind = ChangeKind.RIGHTS_CHANGED
                who = session.wallet or ''
                changes.append(Change(kind, event.sequence, session.id, who, rights=held))
        return changes

    def _tell_all(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._tell(change)


def _over(query: Query, now_ms: int) -> dict[str, list[str]]:
    """Rights by wallet whose grants ended by themselves and are still there."""
    over: dict[str, list[str]] = {}
    for grant in grant_records.everything(query):
        if grant.expires_ms is not None and grant.expires_ms < now_ms:
            over.setdefault(grant.wallet, []).append(grant.right)
    return over


def move_grants(tx: Transaction, shift_ms: int) -> None:
    """Let grants end by the clock on the wall as it was set by so much."""
    for grant in grant_records.everything(tx):
        if grant.expires_ms is not None:
            moved = grant.expires_ms + shift_ms
            grant_records.put(tx, dataclasses.replace(grant, expires_ms=moved))
