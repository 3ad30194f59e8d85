"""Sessions: who is checked in, by which token, with which rights, until when.

The store holds them; what is kept here beside it are times by the clock that nobody sets. A session
ends when its time is over, when its person was absent for long, or when somebody ends it, always
through `check_out`.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from mmoment_chain import event_log, rights, session_records
from mmoment_chain.challenges import Answer, ChallengeBook
from mmoment_chain.check_out import (
    ABSENT,
    EXPIRED,
    LOG_CHECKED_IN,
    LOG_RENEWED,
    LOG_SESSION,
    REPLACED,
    REVOKED,
    Change,
    ChangeKind,
    CheckOut,
    Departure,
    Step,
)
from mmoment_chain.clock import Clock
from mmoment_chain.display_name import display_name
from mmoment_chain.errors import Refused
from mmoment_chain.live_table import Live, LiveTable
from mmoment_chain.presence import Presence
from mmoment_chain.session_records import Session
from mmoment_chain.session_rights import SessionRights, move_grants
from mmoment_chain.session_settings import SessionSettings
from mmoment_chain.store import Store, Transaction
from mmoment_chain.tokens import IS_TOKEN, new_session_id, new_token, token_digest
from mmoment_chain.wall_clock import WallClockWatch

# Each write waits for the disk; a face is seen many times a second.
NOTE_SEEN_S = 15.0
# No key that a person wraps for a camera is good for longer.
RECENT_MS = 24 * 3600 * 1000
MOST_RECENT = 1000


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A new session and, this once, its token."""

    session: Session
    token: str = field(repr=False)
    took_over: bool = False  # it ended the last other session of its person


class SessionBook:
    """Opens, finds and ends sessions. Safe to use from several threads.

    `steps` are taken at each check-out; `tell` is called for all that happened, once it is kept;
    `redated`, when the sessions got other times because the clock on the wall was set. `withheld`:
    rights that a wallet has not, whoever gave them.
    Every refusal is a `Refused`.
    """

    def __init__(
        self,
        store: Store,
        challenges: ChallengeBook,
        camera_id: str,
        settings: SessionSettings,
        clock: Clock,
        watch: WallClockWatch,
        steps: Sequence[Step] = (),
        tell: Callable[[Change], None] = lambda change: None,
        redated: Callable[[], None] = lambda: None,
        withheld: Callable[[str], frozenset[str]] = lambda wallet: frozenset(),
    ) -> None:
        self._settings = settings
        self.rights = SessionRights(store, settings, tell, withheld)
        self.presence = Presence(clock)
        self._store = store
        self._challenges = challenges
        self._camera_id = camera_id
        self._clock = clock
        self._watch = watch
        self._tell = tell
        self._redated = redated
        self._out = CheckOut(store, (self, *steps), tell, self.is_here)
        self._live = LiveTable(clock)
        self._ending: dict[str, str] = {}  # what could not be kept: to be tried again
        self._noted_s = clock.elapsed_s()
        self._lock = threading.Lock()
        self._load()

    def set_settings(self, settings: SessionSettings) -> None:
        """Take other settings; sessions that are open last as long as they were given."""
        self._settings = self.rights.settings = settings

    # --- opening ----------------------------------------------------------------------------------

    def check_in(self, answer: Answer, source: str, name: str, replaces: str = '') -> CheckedIn:
        """Open a session for who answered a challenge, which is used up by it.

        `replaces`: token of a session that ends with it, if it opens one. Of one wallet only so many
        stay: the one not used for longest makes room. Nobody else is sent away: refused
        'too_many_sessions', but for the owner.
        """
        wallet = answer.wallet
        if self.count() >= self._settings.at_most:
            # Whoever is over or away leaves before somebody is refused.
            self._end_gone()
        token = new_token()
        ended: list[tuple[Change, Departure]] = []
        session_id, is_added = new_session_id(), False
        try:
            with self._store.transaction() as tx:
                self._challenges.spend(tx, answer)
                leaving = self._leaving(tx, wallet, replaces)
                session = self._new_session(tx, session_id, wallet, source, name, token)
                session_records.add(tx, session)
                data = {'rights': rights.in_order(session.rights), 'source': source}
                personal = {LOG_SESSION: session_id, 'display_name': session.display_name or ''}
                event = event_log.append(tx, LOG_CHECKED_IN, wallet, data, personal)
                # Together: whoever is told that nothing was kept must not have a session.
                ended = self._out.end_within(tx, leaving, REPLACED)
                is_alone = len(session_records.open_of_wallet(tx, wallet)) == 1
                # Before it is kept: from then on, somebody else may end it.
                is_added = True
                self.presence.arrive(wallet)
                self._live.add(session_id, wallet, self._settings.session_s, has_previous=False)
        except BaseException:
            if is_added:
                self._live.drop([session_id])
                self._out.gone(wallet)
            raise
        self._live.drop(leaving)
        self._out.finish(ended)
        self._tell(Change(ChangeKind.CHECKED_IN, event.sequence, session.id, wallet))
        took_over = is_alone and any(left.wallet == wallet for _, left in ended)
        return CheckedIn(session, token, took_over)

    def _leaving(self, tx: Transaction, wallet: str, replaces: str) -> list[str]:
        """Sessions that the new one replaces, if there is room for it."""
        held = None
        if IS_TOKEN.fullmatch(replaces):
            held = session_records.by_token_hash(tx, token_digest(replaces, self._camera_id))
        leaving = [held.id] if held is not None and held.is_open else []
        own = [session.id for session in session_records.open_of_wallet(tx, wallet)]
        own = [session_id for session_id in own if session_id not in leaving]
        # What is over goes first.
        own.sort(key=self._live.used_s)
        leaving += own[: max(0, len(own) + 1 - self._settings.per_wallet)]
        staying = session_records.count_open(tx) - len(leaving)
        is_full = staying >= self._settings.at_most
        if is_full and wallet != self._settings.owner_wallet:
            raise Refused('too_many_sessions')
        return leaving

    def _new_session(
        self, tx: Transaction, session_id: str, wallet: str, source: str, name: str, token: str
    ) -> Session:
        now_ms = self._clock.utc_ms()
        return Session(
            id=session_id,
            wallet=wallet,
            display_name=display_name(name) or None,
            rights=self.rights.of(tx, wallet),
            token_hash=token_digest(token, self._camera_id),
            previous_token_hash=None,
            created_ms=now_ms,
            expires_ms=now_ms + round(self._settings.session_s * 1000),
            renewed_ms=now_ms,
            last_seen_ms=now_ms,
            source=source,
        )

    # --- finding ----------------------------------------------------------------------------------

    def session_of(self, token: str, right: str = '', *, is_action: bool = True) -> Session:
        """The session that this token opens, which has this right; `is_action`: its person acts.

        Refused 'bad_token', 'session_over', 'missing_right', 'unknown_right'.
        """
        digest = token_digest(token, self._camera_id)
        with self._store.reading() as query:
            session = session_records.by_token_hash(query, digest)
            if session is None or session.wallet is None:
                raise Refused('bad_token')
            session = self._as_of_now(session, self.rights.of(query, session.wallet))
        live = self._live_of(session.id)
        is_newest = session.token_hash == digest
        if not is_newest and live.previous_until_s <= self._now_s():
            raise Refused('bad_token')
        self._use(session, right, is_action, by_newest=is_newest)
        return session

    def get(self, session_id: str, right: str = '', *, is_action: bool = False) -> Session:
        """The same by its public name, for who needs no token. Refused 'no_session' for a wrong one."""
        with self._store.reading() as query:
            session = session_records.get(query, session_id)
            if session is None or session.wallet is None or not session.is_open:
                raise Refused('no_session')
            session = self._as_of_now(session, self.rights.of(query, session.wallet))
        self._live_of(session_id, 'no_session')
        self._use(session, right, is_action, by_newest=False)
        return session

    def _live_of(self, session_id: str, refusal: str = 'session_over') -> Live:
        live = self._live.get(session_id)
        if live is None:
            raise Refused(refusal)
        if live.ends_s <= self._now_s():
            self.end([session_id], EXPIRED)
            raise Refused(refusal)
        return live

    def _use(self, session: Session, right: str, is_action: bool, *, by_newest: bool) -> None:
        if right:
            rights.require(session.rights, right)
        if is_action:
            self.presence.seen(session.wallet or '')
        self._live.used(session.id, is_action=is_action, by_newest=by_newest)

    def renew(self, token: str, right: str = '') -> CheckedIn:
        """Exchange a token for a new one, and let the session last as long as a new one.

        The old token is good for a moment more, and renews once more if the new one got lost.
        If the new one is in use somebody else has one of them: nobody can tell who, so the session
        ends. Refused as by `session_of`.
        """
        session = self.session_of(token, right)
        is_newest = session.token_hash == token_digest(token, self._camera_id)
        if not is_newest and self._live_of(session.id).is_new_used:
            self.end([session.id], REVOKED)
            raise Refused('session_over')
        new = new_token()
        digest, now_ms = token_digest(new, self._camera_id), self._clock.utc_ms()
        expires_ms = now_ms + round(self._settings.session_s * 1000)
        wallet = session.wallet or ''
        with self._store.transaction() as tx:
            if not session_records.renew(tx, session.id, digest, expires_ms, now_ms):
                raise Refused('session_over')
            event = event_log.append(tx, LOG_RENEWED, wallet, None, {LOG_SESSION: session.id})
            renewed = session_records.get(tx, session.id)
        assert renewed is not None
        self._live.renewed(session.id, self._settings.session_s)
        self._tell(Change(ChangeKind.RENEWED, event.sequence, session.id, wallet))
        return CheckedIn(dataclasses.replace(renewed, rights=session.rights), new)

    def live(self, wallet: str = '') -> list[Session]:
        """Those that a token opens, of this wallet or of everybody, the oldest first."""
        with self._store.reading() as query:
            if wallet:
                sessions = session_records.open_of_wallet(query, wallet)
            else:
                sessions = session_records.open_sessions(query)
            alive = self._live.alive()
            rights_of = self.rights.of_everybody(query)
            return [
                self._as_of_now(session, rights_of(session.wallet or ''))
                for session in sessions
                if session.id in alive
            ]

    def count(self) -> int:
        """How many sessions a token opens."""
        return len(self._live)

    def recently_gone(self) -> set[str]:
        """Wallets that had a session within RECENT_MS and have none now."""
        with self._store.reading() as query:
            recent = session_records.recent(query, MOST_RECENT)
        since_ms = self._clock.utc_ms() - RECENT_MS
        gone = {
            each.wallet for each in recent if each.ended_ms is not None and each.ended_ms > since_ms
        }
        return {wallet for wallet in gone if wallet} - {each.wallet for each in self.live()}

    def _as_of_now(self, session: Session, held: frozenset[str]) -> Session:
        last_seen_ms = self.presence.last_seen_ms(session.wallet or '')
        return dataclasses.replace(
            session, rights=held, last_seen_ms=max(session.last_seen_ms, last_seen_ms)
        )

    # --- ending -----------------------------------------------------------------------------------

    def end(self, session_ids: Collection[str], reason: str) -> int:
        """Check out; returns how many were open. Their tokens open nothing from now on.

        Raises StoreError if that cannot be kept at the moment; `tick` tries again.
        """
        self._live.drop(session_ids)
        with self._lock:
            self._ending.update(dict.fromkeys(session_ids, reason))
        count = self._out.end(session_ids, reason)
        with self._lock:
            for session_id in session_ids:
                self._ending.pop(session_id, None)
        return count

    def begin(self, departure: Departure) -> None:
        """A step of the check-out: nobody waits for who has gone."""
        if departure.is_last:
            self.left(departure.wallet)

    def left(self, wallet: str) -> None:
        """Wait for somebody no longer, unless they have come again meanwhile."""
        self.presence.leave(wallet)
        if self.is_here(wallet):
            self.presence.arrive(wallet)

    def is_here(self, wallet: str) -> bool:
        """Whether somebody has a session, or is about to."""
        return self._live.has_wallet(wallet)

    def tick(self) -> None:
        """Do what time brings; to be called every second or so. Raises StoreError."""
        self._settle_clock()
        now_s = self._now_s()
        with self._lock:
            unkept = dict(self._ending)
        self._end_gone()
        for session_id, reason in unkept.items():
            self.end([session_id], reason)
        self._let_tokens_go()
        self.rights.follow()
        if now_s - self._noted_s >= NOTE_SEEN_S:
            self.note_seen()

    def _end_gone(self) -> None:
        absent = set(self.presence.absent(self._settings.absent_s))
        gone = list(self._live.of_wallets(absent)) if absent else []
        for session_ids, reason in ((self._live.over(), EXPIRED), (gone, ABSENT)):
            if session_ids:
                self.end(session_ids, reason)

    def note_seen(self) -> None:
        """Write down who was there last when; otherwise done now and then."""
        self._noted_s = self._now_s()
        news = self.presence.take_news()
        if not news:
            return
        seen = {key: news[wallet] for key, wallet in self._live.of_wallets(news).items()}
        with self._store.transaction() as tx:
            session_records.set_last_seen(tx, seen)

    def _let_tokens_go(self) -> None:
        over = self._live.with_spent_token()
        if not over:
            return
        with self._store.transaction() as tx:
            for session_id in over:
                session_records.forget_previous_token(tx, session_id)
        self._live.let_token_go(over)

    # --- time -------------------------------------------------------------------------------------

    def _now_s(self) -> float:
        return self._clock.elapsed_s()

    def _load(self) -> None:
        """Take over the sessions of the process before, each for the rest of its time."""
        now_ms = self._clock.utc_ms()
        longest_ms = round(self._settings.session_s * 1000)
        with self._store.reading() as query:
            shift_ms = self._watch.shift_ms(query)
            is_same_boot = self._watch.is_known(query)
            sessions = session_records.open_sessions(query)
        for session in sessions:
            # A clock that is behind after a start of the machine gives nobody more time.
            since_ms = now_ms if is_same_boot else max(now_ms, session.last_seen_ms)
            left_ms = min(session.expires_ms + shift_ms - since_ms, longest_ms)
            # Whether the client ever got the token of the last renewal, nobody knows.
            has_previous = session.previous_token_hash is not None
            wallet = session.wallet or ''
            self._live.add(session.id, wallet, left_ms / 1000, has_previous=has_previous)
            self.presence.arrive(wallet)
        self._date_anew(shift_ms)

    def _settle_clock(self) -> None:
        with self._store.reading() as query:
            shift_ms = self._watch.shift_ms(query)
        if shift_ms:
            self._date_anew(shift_ms)
            self._redated()

    def _date_anew(self, shift_ms: int) -> None:
        """Write the times of the wall clock as it is now: nobody's time changes by its being set."""
        now_ms, left_s = self._clock.utc_ms(), self._live.left_s()
        with self._store.transaction() as tx:
            for session_id, each_s in left_s.items():
                session_records.set_expiry(tx, session_id, now_ms + round(each_s * 1000))
            if shift_ms:
                move_grants(tx, shift_ms)
                session_records.move_last_seen(tx, shift_ms)
            self._watch.note(tx)
