"""Who may call what: rights, the one-time sign-in link, and the sessions it opens.

Everything is kept as a SHA-256 digest, so that neither a memory dump nor a log of this module's
state opens a session. Sessions end with the process; checked-in people get theirs elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

TOKEN_BYTES = 32
# A link is asked for again when the first one scrolled away or was opened on the wrong machine.
LINKS_AT_MOST = 3
# A browser that signs in again and again pushes out the session used longest ago.
SESSIONS_AT_MOST = 64
FAILURES_AT_MOST = 10
FAILURE_WINDOW_S = 60.0
PEERS_AT_MOST = 1024


class Access(str, Enum):
    """What a caller needs for a route; the rights in the middle are those of a session.

    session: to be somebody at all, whatever their rights.
    """

    PUBLIC = 'public'
    SESSION = 'session'
    VIEW = 'view'
    CAPTURE = 'capture'
    RECORD = 'record'
    RECOGNIZE = 'recognize'
    ENROLL = 'enroll'
    STREAM = 'stream'
    OWNER = 'owner'


ANYBODYS = frozenset({Access.PUBLIC, Access.SESSION})
RIGHTS = frozenset(Access) - ANYBODYS - {Access.OWNER}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who proved who they are."""

    name: str
    rights: frozenset[Access] = frozenset()
    is_owner: bool = False

    def may(self, access: Access) -> bool:
        """Whether this caller has what a route needs; the owner has everything."""
        return self.is_owner or access in ANYBODYS or access in self.rights

    def speaks_for(self, identity: str) -> bool:
        """Whether what is known of this person is this caller's to know, to change and to wipe.

        identity: a wallet address; sessions of people are named by theirs.
        """
        return self.is_owner or (identity != '' and identity == self.name)


OWNER = Principal('owner', RIGHTS, is_owner=True)


class SignInRefused(Exception):
    """The token is unknown, used, or too old."""


class TooManyFailures(SignInRefused):
    """The same peer failed too often; `retry_after_s` says when it may try again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__('too many failed sign-ins')
        self.retry_after_s = retry_after_s


class FailureLimit:
    """Counts failures per peer in a sliding window; forgets the oldest peers first."""

    def __init__(
        self,
        clock: Callable[[], float],
        at_most: int = FAILURES_AT_MOST,
        window_s: float = FAILURE_WINDOW_S,
    ) -> None:
        self._clock = clock
        self._at_most = at_most
        self._window_s = window_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def retry_after_s(self, peer: str) -> float:
        """Seconds until `peer` may fail again; 0: it may now."""
        times = self._failures.get(peer)
        if times is None or len(times) < self._at_most:
            return 0.0
        return max(0.0, times[0] + self._window_s - self._clock())

    def failed(self, peer: str) -> None:
        """Count one failure of `peer`."""
        times = self._failures.setdefault(peer, deque(maxlen=self._at_most))
        times.append(self._clock())
        self._failures.move_to_end(peer)
        while len(self._failures) > PEERS_AT_MOST:
            self._failures.popitem(last=False)


class SignIn:
    """One-time links and the owner sessions they open. Safe to use from several threads."""

    def __init__(
        self,
        clock: Callable[[], float],
        link_lifetime_s: float,
        session_lifetime_s: float,
    ) -> None:
        self._clock = clock
        self._link_lifetime_s = link_lifetime_s
        self.session_lifetime_s = session_lifetime_s
        self._links: list[tuple[bytes, float]] = []
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        self._limit = FailureLimit(clock)
        self._lock = threading.Lock()

    def new_token(self) -> str:
        """A token for one sign-in; the oldest open one ends if there are too many."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._links.append((_digest(token), self._clock() + self._link_lifetime_s))
            del self._links[:-LINKS_AT_MOST]
        return token

    def exchange(self, token: str, peer: str) -> str:
        """Spend `token` and open a session; returns the value of its cookie.

        A right token is never refused for the failures of others: with 256 bits, guessing is
        hopeless, and the limit only keeps the noise down.

        Raises `SignInRefused`, or `TooManyFailures` if `peer` (its address) keeps failing.
        """
        digest = _digest(token)
        with self._lock:
            now_s = self._clock()
            self._links = [link for link in self._links if link[1] > now_s]
            # Every open link is compared, so that the time taken tells nothing about any of them.
            matches = [hmac.compare_digest(digest, known) for known, _ in self._links]
            if not any(matches):
                retry_after_s = self._limit.retry_after_s(peer)
                self._limit.failed(peer)
                if retry_after_s > 0:
                    raise TooManyFailures(retry_after_s)
                raise SignInRefused('the link is unknown, already used, or too old')
            del self._links[matches.index(True)]
            cookie = secrets.token_urlsafe(TOKEN_BYTES)
            self._sessions[_digest(cookie)] = now_s + self.session_lifetime_s
            while len(self._sessions) > SESSIONS_AT_MOST:
                self._sessions.popitem(last=False)
        return cookie

    def principal(self, cookie: str | None) -> Principal | None:
        """Who holds this cookie; None if nobody does or the session is over."""
        if not cookie:
            return None
        # Looking up a digest leaks no time that helps to find the cookie behind it.
        digest = _digest(cookie)
        with self._lock:
            ends_s = self._sessions.get(digest)
            if ends_s is None:
                return None
            if ends_s <= self._clock():
                del self._sessions[digest]
                return None
            self._sessions.move_to_end(digest)
        return OWNER

    def sign_out(self, cookie: str | None) -> None:
        """End the session of this cookie, if there is one."""
        if cookie:
            with self._lock:
                self._sessions.pop(_digest(cookie), None)


def link_service(namespace: str) -> str:
    """The full name of the service that prints a sign-in link."""
    return '/'.join((namespace.rstrip('/'), 'sign_in_link'))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode('utf-8', 'surrogatepass')).digest()
