"""Who asks the encoder for fewer bits, such as a push to a slow network, and for how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

# Whoever has died holds nobody back for longer; see mmoment_interfaces/VideoLimit.
LEASE_S = 5.0
# A camera has a few. Names without end must not fill the memory.
ASKERS_AT_MOST = 16


@dataclass(frozen=True, slots=True)
class _Limit:
    kbps: int
    until_s: float


class BitrateLimits:
    """Limits with a lease, of which the lowest counts. Thread-safe.

    clock: seconds, only goes forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limits: dict[str, _Limit] = {}
        self._lock = threading.Lock()

    def ask(self, asker: str, kbps: int) -> None:
        """This one wants no more than `kbps` for the next `LEASE_S`; 0: any longer.

        Replaces what the same asker wanted before. Of too many, the lowest limits are kept.
        """
        now_s = self._clock()
        with self._lock:
            self._limits.pop(asker, None)
            if kbps > 0:
                self._limits[asker] = _Limit(kbps, now_s + LEASE_S)
            self._drop_lapsed(now_s)
            if len(self._limits) > ASKERS_AT_MOST:
                del self._limits[max(self._limits, key=lambda name: self._limits[name].kbps)]

    def lowest_kbps(self) -> int | None:
        """The limit that counts; None: there is none."""
        if not self._limits:
            return None
        with self._lock:
            self._drop_lapsed(self._clock())
            return min((limit.kbps for limit in self._limits.values()), default=None)

    def _drop_lapsed(self, now_s: float) -> None:
        lapsed = [name for name, limit in self._limits.items() if limit.until_s <= now_s]
        for name in lapsed:
            del self._limits[name]
