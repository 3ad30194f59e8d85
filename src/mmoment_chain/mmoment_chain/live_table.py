"""What a process knows of the sessions that are open, by the clock that nobody sets.

The store has everything that outlives the process; here is until when a token opens something.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mmoment_chain.clock import Clock

# A client that renews has requests under way with the token before.
TOKEN_OVERLAP_S = 30.0


@dataclass(slots=True)
class Live:
    """One session. Changed through the table only."""

    wallet: str
    ends_s: float
    used_s: float  # it was used for an action
    previous_until_s: float = 0.0  # until then the token before the last renewal is good
    is_new_used: bool = False  # the token of the last renewal was used


class LiveTable:
    """Sessions by their public name. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: dict[str, Live] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._live)

    def add(self, session_id: str, wallet: str, lasts_s: float, *, has_previous: bool) -> None:
        """A session that lasts so much longer; `has_previous`: also by a token before a renewal."""
        now_s = self._clock.elapsed_s()
        live = Live(wallet, now_s + lasts_s, now_s)
        if has_previous:
            live.previous_until_s = now_s + TOKEN_OVERLAP_S
        with self._lock:
            self._live[session_id] = live

    def drop(self, session_ids: Collection[str]) -> None:
        """These open nothing any more."""
        with self._lock:
            for session_id in session_ids:
                self._live.pop(session_id, None)

    def get(self, session_id: str) -> Live | None:
        """One of them, over or not."""
        with self._lock:
            return self._live.get(session_id)

    def used_s(self, session_id: str) -> float:
        """When it was used for an action last; 0: it is not there."""
        live = self.get(session_id)
        return 0.0 if live is None else live.used_s

    def has_wallet(self, wallet: str) -> bool:
        """Whether there is a session of this wallet."""
        return bool(self.of_wallets({wallet}))

    def of_wallets(self, wallets: Collection[str]) -> dict[str, str]:
        """Wallets of the sessions of these wallets."""
        return self._chosen(lambda live: live.wallet in wallets)

    def over(self) -> list[str]:
        """Those whose time is over."""
        now_s = self._clock.elapsed_s()
        return list(self._chosen(lambda live: live.ends_s <= now_s))

    def alive(self) -> set[str]:
        """Those whose time is not over."""
        now_s = self._clock.elapsed_s()
        return set(self._chosen(lambda live: live.ends_s > now_s))

    def with_spent_token(self) -> list[str]:
        """Those whose token before the last renewal is good no longer."""
        now_s = self._clock.elapsed_s()
        return list(self._chosen(lambda live: 0 < live.previous_until_s <= now_s))

    def left_s(self) -> dict[str, float]:
        """How long each has left."""
        now_s = self._clock.elapsed_s()
        with self._lock:
            return {key: live.ends_s - now_s for key, live in self._live.items()}

    def used(self, session_id: str, *, is_action: bool, by_newest: bool) -> None:
        """Somebody asked in this session; `by_newest`: with the token of the last renewal."""
        with self._lock:
            if live := self._live.get(session_id):
                live.is_new_used = live.is_new_used or by_newest
                if is_action:
                    live.used_s = self._clock.elapsed_s()

    def renewed(self, session_id: str, lasts_s: float) -> None:
        """It has a new token, which nobody has used yet, and lasts so much longer."""
        now_s = self._clock.elapsed_s()
        with self._lock:
            if live := self._live.get(session_id):
                live.ends_s = now_s + lasts_s
                live.previous_until_s = now_s + TOKEN_OVERLAP_S
                live.is_new_used = False

    def let_token_go(self, session_ids: Collection[str]) -> None:
        """Their token before the last renewal is not kept any more."""
        now_s = self._clock.elapsed_s()
        with self._lock:
            for session_id in session_ids:
                if (live := self._live.get(session_id)) and live.previous_until_s <= now_s:
                    live.previous_until_s = 0.0

    def _chosen(self, is_meant: Callable[[Live], bool]) -> dict[str, str]:
        with self._lock:
            return {key: live.wallet for key, live in self._live.items() if is_meant(live)}
