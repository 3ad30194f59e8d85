"""Whom chain_node is to let go of: wallets that were forgotten here, until it has answered.

It keeps what it knows in memory only. One that is not there for a while knows nobody, and one that
starts later learns of nobody who was forgotten before.
"""

from __future__ import annotations

import threading

from mmoment_chain.clock import Clock

# Time for discovery: until then a chain_node that is not seen may be there all the same.
GONE_AFTER_S = 10.0


class ChainForgetting:
    """Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, wallet: str) -> None:
        """Have somebody let go of."""
        with self._lock:
            self._since_s[wallet] = self._clock.elapsed_s()

    def waiting(self) -> dict[str, float]:
        """Who is still to be let go of, and since when."""
        with self._lock:
            return dict(self._since_s)

    def done(self, wallet: str, since_s: float) -> None:
        """It has let go of whoever was waiting since then."""
        with self._lock:
            if self._since_s.get(wallet) == since_s:
                del self._since_s[wallet]

    def is_away(self) -> None:
        """It is not there: who waits for long enough is known to nobody."""
        with self._lock:
            now_s = self._clock.elapsed_s()
            for wallet, since_s in list(self._since_s.items()):
                if now_s - since_s >= GONE_AFTER_S:
                    del self._since_s[wallet]
