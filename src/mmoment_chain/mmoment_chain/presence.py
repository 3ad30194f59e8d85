"""Who is there: a face that was seen or something that was done, and how long ago.

Counted is the time in which the camera looked for faces. Time that went by while it slept, hung, was
unplugged or nobody looked through its pictures does not make anybody absent, and the clock on the
wall plays no part.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from mmoment_chain.clock import Clock

# Longer between two looks: the camera was not there to see.
LONGEST_LOOK_S = 5.0


@dataclass(slots=True)
class _Person:
    seen_s: float  # in time of looking
    seen_ms: int  # on the wall
    is_noted: bool = True


class Presence:
    """When each of those who are checked in was there last. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._people: dict[str, _Person] = {}
        self._looked_s = 0.0
        self._last_look_s = clock.elapsed_s()
        self._lock = threading.Lock()

    def arrive(self, wallet: str) -> None:
        """Somebody checks in, or is found checked in at the start: a full patience for them."""
        with self._lock:
            self._people[wallet] = _Person(self._now_s(), self._clock.utc_ms(), is_noted=False)

    def leave(self, wallet: str) -> None:
        """Somebody has no session any more."""
        with self._lock:
            self._people.pop(wallet, None)

    def seen(self, wallet: str) -> bool:
        """A face was seen, or an action taken. False: nobody of that wallet is checked in."""
        with self._lock:
            person = self._people.get(wallet)
            if person is None:
                return False
            person.seen_s, person.seen_ms = self._now_s(), self._clock.utc_ms()
            person.is_noted = False
            return True

    def look(self) -> None:
        """A live picture was looked through for faces, whether there were any or not."""
        with self._lock:
            self._looked_s = self._now_s()
            self._last_look_s = self._clock.elapsed_s()

    def last_seen_ms(self, wallet: str) -> int:
        """When somebody was there last, on the wall; 0: not checked in."""
        with self._lock:
            person = self._people.get(wallet)
            return 0 if person is None else person.seen_ms

    def absent(self, patience_s: float) -> list[str]:
        """Who was not there in so much time of looking."""
        with self._lock:
            return [
                wallet
                for wallet, person in self._people.items()
                if self._looked_s - person.seen_s >= patience_s
            ]

    def take_news(self) -> dict[str, int]:
        """When people were there last, on the wall, of those who were since this was last asked."""
        with self._lock:
            news = {
                wallet: person.seen_ms
                for wallet, person in self._people.items()
                if not person.is_noted
            }
            for wallet in news:
                self._people[wallet].is_noted = True
            return news

    def __len__(self) -> int:
        return len(self._people)

    def _now_s(self) -> float:
        gap_s = self._clock.elapsed_s() - self._last_look_s
        return self._looked_s + min(gap_s, LONGEST_LOOK_S)
