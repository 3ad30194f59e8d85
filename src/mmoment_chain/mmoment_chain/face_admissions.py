"""Whom face_node is to know, and whom to forget: a list of calls that are made until they are done.

The keys that people wrapped for this camera live here only, in locked memory. A face_node that was
started again knows nobody: whoever still may be known is admitted once more, and what it was to
forget is gone with the process before. Nothing here calls anybody; `next_call` says what to call.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from mmoment_chain.check_out import Departure
from mmoment_chain.clock import Clock
from mmoment_chain.secret_bytes import SecretBytes

# Time for discovery: until then a face_node that is not seen may be there all the same.
GONE_AFTER_S = 10.0
# Between two tries of a call that was not answered.
RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Forget:
    """face_node is to forget somebody."""

    wallet: str


@dataclass(frozen=True, slots=True)
class Admit:
    """face_node is to know somebody. Whoever makes the call wipes the key."""

    wallet: str
    display_name: str
    record_id: str  # of the template
    wrapped_key: bytearray = field(repr=False)  # empty: the camera keeps the template itself
    asked_for: object = field(default=None, repr=False, compare=False)  # by which `welcome`


Call = Forget | Admit


@dataclass(slots=True)
class _Person:
    display_name: str
    record_id: str
    wrapped_key: SecretBytes | None
    ends_s: float
    is_known: bool = False
    is_refused: bool = False
    refusal: str = ''
    again_s: float = 0.0


class FaceAdmissions:
    """Who is admitted. Safe to use from several threads. A step of the check-out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._people: dict[str, _Person] = {}
        self._seen: set[str] = set()  # named by face_node, however it came to know them
        self._leaving: dict[str, float] = {}  # when to try (again)
        self._face_nodes: frozenset[bytes] = frozenset()
        self._gone_since_s: float | None = clock.elapsed_s()
        self._lock = threading.Lock()

    # --- what is wanted ---------------------------------------------------------------------------

    def welcome(
        self,
        wallet: str,
        display_name: str,
        record_id: str,
        wrapped_key: bytearray,
        left_s: float,
    ) -> None:
        """Have somebody known for so long, by this template. `wrapped_key` is wiped."""
        key = SecretBytes.taken_from(wrapped_key) if wrapped_key else None
        with self._lock:
            self._drop(wallet)
            self._leaving.pop(wallet, None)
            ends_s = self._clock.elapsed_s() + left_s
            self._people[wallet] = _Person(display_name, record_id, key, ends_s)

    def begin(self, departure: Departure) -> None:
        """Have somebody forgotten who has no session any more."""
        if departure.is_last:
            self.forget(departure.wallet)

    def forget(self, wallet: str) -> None:
        """Have somebody forgotten, now and by every face_node to come."""
        with self._lock:
            self._drop(wallet)
            self._seen.discard(wallet)
            self._leaving[wallet] = 0.0

    def close(self) -> None:
        """Wipe the keys."""
        with self._lock:
            for wallet in list(self._people):
                self._drop(wallet)

    # --- what there is ----------------------------------------------------------------------------

    def named(self, wallet: str) -> bool:
        """face_node named somebody in a picture. True: that is news."""
        with self._lock:
            if wallet in self._seen or wallet in self._leaving:
                return False
            self._seen.add(wallet)
            person = self._people.get(wallet)
            return person is None or not person.is_known

    def is_known(self, wallet: str) -> bool:
        """Whether face_node has a template of this person."""
        with self._lock:
            person = self._people.get(wallet)
            return wallet in self._seen or (person is not None and person.is_known)

    def refusal(self, wallet: str) -> str:
        """Why face_node did not take somebody; empty: it did, or has not answered yet."""
        with self._lock:
            person = self._people.get(wallet)
            return '' if person is None else person.refusal

    def is_settled(self, wallet: str) -> bool:
        """Whether nothing more is to be waited for: taken, refused, or there is no face_node."""
        with self._lock:
            person = self._people.get(wallet)
            return (
                person is None
                or person.is_known
                or person.is_refused
                or self._gone_since_s is not None
            )

    def is_leaving(self, wallet: str) -> bool:
        """Whether face_node still has to forget somebody."""
        with self._lock:
            return wallet in self._leaving

    def count_waiting(self) -> tuple[int, int]:
        """How many are to be admitted, and how many to be forgotten."""
        with self._lock:
            people = self._people.values()
            waiting = sum(not (person.is_known or person.is_refused) for person in people)
            return waiting, len(self._leaving)

    def face_nodes_are(self, publishers: frozenset[bytes]) -> bool:
        """Which face_nodes there are, by what they publish with. True: who is known has changed.

        A name that was never there before is a process that knows nobody.
        """
        with self._lock:
            if not publishers:
                return self._note_gone()
            self._gone_since_s = None
            if publishers <= self._face_nodes:
                return False
            self._face_nodes = publishers
            return self._start_anew()

    def _note_gone(self) -> bool:
        now_s = self._clock.elapsed_s()
        if self._gone_since_s is None:
            self._gone_since_s = now_s
        if now_s - self._gone_since_s < GONE_AFTER_S:
            return False
        # It took all it knew with it.
        self._leaving.clear()
        self._face_nodes = frozenset()
        return self._start_anew()

    def _start_anew(self) -> bool:
        had_known = bool(self._seen)
        self._seen.clear()
        for person in self._people.values():
            had_known = had_known or person.is_known
            person.is_known = person.is_refused = False
            person.refusal, person.again_s = '', 0.0
        return had_known

    # --- what to call -----------------------------------------------------------------------------

    def next_call(self) -> Call | None:
        """What is to be called now. Forgetting comes first. Tell the outcome by `done`."""
        now_s = self._clock.elapsed_s()
        with self._lock:
            if self._gone_since_s is not None:
                return None
            for wallet, again_s in self._leaving.items():
                if again_s <= now_s:
                    self._leaving[wallet] = now_s + RETRY_S
                    return Forget(wallet)
            for wallet, person in list(self._people.items()):
                if person.ends_s <= now_s:
                    self._drop(wallet)
                    self._leaving[wallet] = now_s + RETRY_S
                    return Forget(wallet)
                is_settled = person.is_known or person.is_refused
                if not is_settled and person.again_s <= now_s:
                    person.again_s = now_s + RETRY_S
                    key = bytearray(person.wrapped_key.view if person.wrapped_key else b'')
                    return Admit(wallet, person.display_name, person.record_id, key, person)
        return None

    def done(self, call: Call, refusal: str = '') -> bool:
        """A call was answered; `refusal`: why not. True: who is known has changed."""
        with self._lock:
            if isinstance(call, Forget):
                return self._leaving.pop(call.wallet, None) is not None
            person = self._people.get(call.wallet)
            if person is None:
                # Gone while it was asked for.
                self._leaving[call.wallet] = 0.0
                return False
            if person is not call.asked_for:
                # Welcomed anew meanwhile: that is still to be asked for.
                return False
            person.is_known, person.is_refused = not refusal, bool(refusal)
            person.refusal = refusal
            return True

    def _drop(self, wallet: str) -> None:
        person = self._people.pop(wallet, None)
        if person is not None and person.wrapped_key is not None:
            person.wrapped_key.close()
