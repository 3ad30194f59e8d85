"""The visible state of something that can fail and recover by itself."""

from __future__ import annotations

import enum
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace


class RecoveryState(enum.IntEnum):
    """The values are those of mmoment_interfaces/ComponentState."""

    IDLE = 0
    CONNECTING = 1
    LIVE = 2
    WAITING_TO_RETRY = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class RecoverySnapshot:
    """State as told to people; `since_s` on the wall clock, `next_try_s` from then on."""

    state: RecoveryState = RecoveryState.IDLE
    since_s: float = 0.0
    last_error: str = ''
    retries: int = 0
    next_try_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """Pauses that double up to a cap, each shortened at random so that many do not retry at once."""

    first_s: float = 0.5
    cap_s: float = 15.0
    jitter: float = 0.3

    def pause_s(self, failures: int, random_0_1: float) -> float:
        """Pause after that many failures in a row (1 is the first)."""
        doubled = self.first_s * 2.0 ** min(failures - 1, 30)
        return min(self.cap_s, doubled) * (1.0 - self.jitter * random_0_1)


class Recovery:
    """Keeps the state, counts retries, and waits between them. Thread-safe.

    One thread drives it (`connecting`, `live`, `wait_to_retry`); any thread may `cancel`, which
    ends a wait at once. `on_change` is called with each new snapshot, without a lock held.
    """

    def __init__(
        self,
        on_change: Callable[[RecoverySnapshot], None] = lambda snapshot: None,
        *,
        back_off: BackOff | None = None,
        reset_after_s: float = 10.0,
        wall_clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random_0_1: Callable[[], float] = random.random,
    ) -> None:
        self._on_change = on_change
        self._back_off = back_off or BackOff()
        self._reset_after_s = reset_after_s
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._random_0_1 = random_0_1
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._snapshot = RecoverySnapshot(since_s=wall_clock())
        self._failures = 0
        self._live_since: float | None = None

    @property
    def snapshot(self) -> RecoverySnapshot:
        """The present state."""
        with self._lock:
            return self._snapshot

    @property
    def cancelled(self) -> bool:
        """True from `cancel` until `reset`."""
        return self._cancelled.is_set()

    def connecting(self) -> None:
        """An attempt begins."""
        self._enter(RecoveryState.CONNECTING)

    def live(self) -> None:
        """The attempt succeeded. The pauses start small again only after a while of this."""
        if self.snapshot.state is not RecoveryState.LIVE:
            self._live_since = self._monotonic()
            self._enter(RecoveryState.LIVE, retries=0)

    def failed(self, error: str) -> None:
        """A person must act; no further attempt is made."""
        self._enter(RecoveryState.FAILED, last_error=error)

    def idle(self) -> None:
        """Not asked to run any more."""
        self._enter(RecoveryState.IDLE)

    def wait_to_retry(self, error: str) -> bool:
        """Note the failure and wait for the next attempt; False if cancelled meanwhile."""
        lasted = self._live_since is not None and (
            self._monotonic() - self._live_since >= self._reset_after_s
        )
        self._live_since = None
        self._failures = 1 if lasted else self._failures + 1
        pause_s = self._back_off.pause_s(self._failures, self._random_0_1())
        self._enter(
            RecoveryState.WAITING_TO_RETRY,
            last_error=error,
            retries=self.snapshot.retries + 1,
            next_try_s=pause_s,
        )
        return not self._cancelled.wait(pause_s)

    def cancel(self) -> None:
        """End a wait at once, from any thread."""
        self._cancelled.set()

    def reset(self) -> None:
        """Forget failures and a cancellation, as before the first attempt."""
        self._cancelled.clear()
        self._failures = 0
        self._live_since = None
        self._enter(RecoveryState.IDLE, last_error='', retries=0)

    def _enter(
        self,
        state: RecoveryState,
        *,
        last_error: str | None = None,
        retries: int | None = None,
        next_try_s: float = 0.0,
    ) -> None:
        with self._lock:
            old = self._snapshot
            self._snapshot = replace(
                old,
                state=state,
                since_s=old.since_s if state is old.state else self._wall_clock(),
                last_error=old.last_error if last_error is None else last_error,
                retries=old.retries if retries is None else retries,
                next_try_s=next_try_s,
            )
            new = self._snapshot
        if new != old:
            self._on_change(new)
