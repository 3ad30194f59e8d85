"""Whose session a token opens, asked of `session_node` and remembered for a moment.

A live view asks for every part of a page at once: what was true a second ago is true enough, unless
`session_node` says that the session is over. Then it is over here as well, at once, also for streams
that go on.

When a session is over is turned into time that nobody sets as soon as it is heard: a clock on the
wall that jumps ends no session here, and keeps none.

What is heard comes from the executor's thread, what is asked from the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from mmoment_api.access import RIGHTS, Access, FailureLimit
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.face_requests import Gate
from mmoment_api.session_control import SessionControl, SessionRecord

REMEMBERED_S = 2.0
REMEMBERED_AT_MOST = 1024
ENDED_AT_MOST = 4096
RUNS_AT_MOST = 16
MS_PER_S = 1000
TOO_MANY_UNKNOWN = 'Too many tokens from here that open nothing; wait, then check in again'
# Guessed tokens would otherwise keep `session_node` from its work.
QUESTIONS_AT_MOST = 64
ENOUGH_QUESTIONS = 'The camera checks as many sessions as it can'
# Different ones within a minute from one address. A whole network may share one, with the cookies
# that its people have left of sessions that are over.
UNKNOWN_AT_MOST = 60
# Once over, a token never opens anything again.
GONE = frozenset({'bad_token', 'session_over'})
GONE_REMEMBERED_S = 60.0
GONE_AT_MOST = 4096
OPENED_AT_MOST = 4096
LOOKING_PERIOD_S = 20.0
# What is dated shortly before a list may have been kept after somebody looked for it.
LIST_SLACK_MS = 2000
# What could be a token at all: 256 bits take 43 characters of base64, or 64 of hexadecimal.
TOKEN = re.compile(r'[A-Za-z0-9_-]{43,128}', re.ASCII)
Key = TypeVar('Key')
Value = TypeVar('Value')


@dataclass(frozen=True, slots=True)
class _Answer:
    record: SessionRecord
    until_s: float
    is_action: bool


class PersonSessions:
    """The sessions of people at this camera."""

    def __init__(
        self, control: SessionControl, clock: Callable[[], float], utc_ms: Callable[[], int]
    ) -> None:
        self.control = control
        self._clock = clock
        self._utc_ms = utc_ms
        self._gate = Gate(QUESTIONS_AT_MOST, ENOUGH_QUESTIONS)
        self._limit = FailureLimit(clock, UNKNOWN_AT_MOST)
        # All of the event loop. Who is known waits behind nobody who guesses.
        self._opened: OrderedDict[bytes, None] = OrderedDict()
        self._gone: OrderedDict[bytes, float] = OrderedDict()
        self._looked: OrderedDict[str, float] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        # Ended in the meantime: an answer that is still on its way is not to revive them.
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._live: dict[str, SessionRecord] | None = None
        self._run, self._number = '', 0
        # Of a `session_node` that is gone: what it said may arrive behind what its successor says.
        self._past_runs: OrderedDict[str, None] = OrderedDict()

    # --- event loop -----------------------------------------------------------------------

    async def session(
        self, token: str, access: Access, source: str, *, is_action: bool = True
    ) -> SessionRecord | None:
        """The session that this token opens; None: it opens nothing.

        source: address that it came from. is_action: a person did something, which keeps their
        session alive; what a page asks for by itself does not. Raises `ApiError`: 403 if the session lacks the right,
        429 if too many unknown tokens come from there, 503 if `session_node` is away.
        """
        if TOKEN.fullmatch(token) is None:
            return None
        digest = _digest(token)
        remembered = self._remembered(digest, is_action)
        if remembered is not None and remembered.principal().may(access):
            return remembered
        if self._gone.get(digest, 0.0) > self._clock():
            return None
        right = access.value if access in RIGHTS else ''
        try:
            record = await self._asked(digest, token, right, source, is_action)
        except ApiError as error:
            if error.status == 401:
                self._refused(digest, source, error.details.get('reason'))
                return None
            if error.status == 403:
                self._has_opened(digest)
                raise ApiError(403, *HTTP_ERRORS[403], right=right) from None
            raise
        self._has_opened(digest)
        record = self._dated(record, self._utc_ms())
        return record if self._remember(digest, record, is_action) else None

    async def _asked(
        self, digest: bytes, token: str, right: str, source: str, is_action: bool
    ) -> SessionRecord:
        if digest in self._opened:
            return await self.control.get_session(token, right, is_action)
        retry_after_s = self._limit.retry_after_s(source)
        if retry_after_s > 0:
            headers = {'Retry-After': str(math.ceil(retry_after_s))}
            raise ApiError(429, 'too_many_failures', TOO_MANY_UNKNOWN, headers)
        with self._gate.entered():
            return await self.control.get_session(token, right, is_action)

    def is_looking(self, session_id: str) -> None:
        """Note that a live view is sent: whoever looks is there. Told now and then, behind it.

        By its public name, since the token that the view was opened with may be renewed meanwhile.
        """
        if self._looked.get(session_id, -math.inf) + LOOKING_PERIOD_S > self._clock():
            return
        _note(self._looked, session_id, self._clock(), OPENED_AT_MOST)
        task = asyncio.ensure_future(self._tell_looking(session_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_looking(self, session_id: str) -> None:
        # Whether the view goes on is decided elsewhere.
        with contextlib.suppress(ApiError):
            await self.control.note_presence(session_id)

    def has_opened(self, token: str) -> None:
        """Note a token that was just given out: it waits behind nobody who guesses."""
        self._has_opened(_digest(token))

    def _has_opened(self, digest: bytes) -> None:
        _note(self._opened, digest, None, OPENED_AT_MOST)

    def _refused(self, digest: bytes, source: str, reason: object) -> None:
        self._forget(digest)
        self._opened.pop(digest, None)
        if reason in GONE:
            self._limit.failed(source)
            _note(self._gone, digest, self._clock() + GONE_REMEMBERED_S, GONE_AT_MOST)

    def drop(self, token: str) -> None:
        """Ask anew next time."""
        self._forget(_digest(token))

    def is_live(self, record: SessionRecord, access: Access) -> bool:
        """Whether the session goes on with this right, by what was heard; for answers without end.

        While `session_node` is away nobody can end a session but time.
        """
        with self._lock:
            newest = self._live.get(record.session_id) if self._live is not None else None
            newest = newest or record
            return (
                record.session_id not in self._ended
                and self._clock() < newest.ends_s
                and newest.principal().may(access)
            )

    @property
    def live(self) -> tuple[SessionRecord, ...]:
        """All live sessions as last heard."""
        sessions = self._live
        return () if sessions is None else tuple(sessions.values())

    def _remembered(self, digest: bytes, is_action: bool) -> SessionRecord | None:
        with self._lock:
            answer = self._answers.get(digest)
            if answer is None:
                return None
            if (
                answer.until_s <= self._clock()
                or answer.record.ends_s <= self._clock()
                or answer.record.session_id in self._ended
            ):
                del self._answers[digest]
                return None
            # One that was asked for by a page itself told nobody that its person is there.
            return answer.record if answer.is_action or not is_action else None

    def _remember(self, digest: bytes, record: SessionRecord, is_action: bool) -> bool:
        with self._lock:
            if record.session_id in self._ended:
                return False
            self._answers[digest] = _Answer(record, self._clock() + REMEMBERED_S, is_action)
            self._answers.move_to_end(digest)
            while len(self._answers) > REMEMBERED_AT_MOST:
                self._answers.popitem(last=False)
            return True

    def _forget(self, digest: bytes) -> None:
        with self._lock:
            self._answers.pop(digest, None)

    # --- executor's thread ----------------------------------------------------------------

    def hear_sessions(
        self, records: Sequence[SessionRecord], stamp_ms: int, run: str, number: int
    ) -> None:
        """Take the list of all live sessions; their times are of the clock that says `stamp_ms`.

        run, number: which list it is; clocks are set, so the stamp does not tell what is newer.
        """
        with self._lock:
            if not self._is_newer(run, number):
                return
            live = {record.session_id: self._dated(record, stamp_ms) for record in records}
            # An event may have been lost, or `session_node` have started anew meanwhile.
            gone = (self._live or {}).keys() - live.keys()
            known = {answer.record.session_id: answer.record for answer in self._answers.values()}
            gone |= {
                name
                for name, record in known.items()
                if name not in live and record.created_ms < stamp_ms - LIST_SLACK_MS
            }
            for name in gone:
                self._end(name)
            self._live = live
            for digest, answer in self._answers.items():
                newest = live.get(answer.record.session_id)
                if newest is not None:
                    self._answers[digest] = replace(answer, record=newest)

    def hear_change(self, session_id: str, identity: str, *, is_over: bool) -> None:
        """Take what happened to a session; without its name, to all of this person."""
        with self._lock:
            if is_over and session_id:
                self._end(session_id)
            for digest, answer in list(self._answers.items()):
                record = answer.record
                if record.session_id == session_id or (identity and record.identity == identity):
                    del self._answers[digest]

    def _is_newer(self, run: str, number: int) -> bool:
        if run == self._run:
            is_newer = number > self._number
        else:
            is_newer = run not in self._past_runs
            if is_newer:
                self._past_runs[self._run] = None
                while len(self._past_runs) > RUNS_AT_MOST:
                    self._past_runs.popitem(last=False)
        if is_newer:
            self._run, self._number = run, number
        return is_newer

    def _dated(self, record: SessionRecord, now_ms: int) -> SessionRecord:
        """The session with its end by our own clock; `now_ms`: now, by the clock of its times."""
        left_s = (record.expires_ms - now_ms) / MS_PER_S
        return replace(record, ends_s=self._clock() + left_s)

    def _end(self, session_id: str) -> None:
        self._ended[session_id] = None
        self._ended.move_to_end(session_id)
        while len(self._ended) > ENDED_AT_MOST:
            self._ended.popitem(last=False)
        if self._live is not None and session_id in self._live:
            self._live = {name: item for name, item in self._live.items() if name != session_id}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode('utf-8', 'surrogatepass')).digest()


def _note(noted: OrderedDict[Key, Value], key: Key, value: Value, at_most: int) -> None:
    noted[key] = value
    noted.move_to_end(key)
    while len(noted) > at_most:
        noted.popitem(last=False)
