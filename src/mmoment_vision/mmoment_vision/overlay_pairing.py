"""Find the result that belongs to a picture: its own if it comes in time, else a fresh older one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

# Results come in order and at most a few pictures late.
KEPT_RESULTS = 8
# After so many waits in vain the results are evidently slower than we may wait for; then one wait
# in `RETRY_EVERY` pictures finds out when that changes.
PATIENCE = 5
RETRY_EVERY = 30
NS_PER_S = 1_000_000_000

Value = TypeVar('Value')


@dataclass(frozen=True, slots=True)
class _Result(Generic[Value]):
    monotonic_ns: int
    value: Value


class ResultPairing(Generic[Value]):
    """The last results of one stage; `put` by one thread, `get` by another.

    Pictures are told apart by their capture time, which every result carries: numbers start again
    when a camera does.
    """

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._results: deque[_Result[Value]] = deque(maxlen=KEPT_RESULTS)
        self._vain_waits = 0

    def put(self, monotonic_ns: int, value: Value) -> None:
        """Keep the result of the picture captured at that time."""
        with self._arrived:
            self._results.append(_Result(monotonic_ns, value))
            self._arrived.notify_all()

    def get(self, monotonic_ns: int, *, wait_s: float, limit_s: float) -> Value | None:
        """Return the result for a picture, or None.

        Waits up to `wait_s` for the picture's own result while results keep coming in time;
        otherwise the newest of an earlier picture not older than `limit_s`.
        """
        with self._arrived:
            if self._is_worth_waiting(monotonic_ns, wait_s, limit_s):
                came = self._arrived.wait_for(lambda: self._own(monotonic_ns) is not None, wait_s)
                self._vain_waits = 0 if came else self._vain_waits + 1
            own = self._own(monotonic_ns)
            if own is not None:
                return own.value
            return self._newest_before(monotonic_ns, limit_s)

    def clear(self) -> None:
        """Forget all results."""
        with self._arrived:
            self._results.clear()
            self._vain_waits = 0

    def _own(self, monotonic_ns: int) -> _Result[Value] | None:
        return self._last(lambda result: result.monotonic_ns == monotonic_ns)

    def _newest_before(self, monotonic_ns: int, limit_s: float) -> Value | None:
        oldest_ns = monotonic_ns - round(limit_s * NS_PER_S)
        found = self._last(lambda result: oldest_ns <= result.monotonic_ns <= monotonic_ns)
        return None if found is None else found.value

    def _last(self, is_right: Callable[[_Result[Value]], bool]) -> _Result[Value] | None:
        return next((result for result in reversed(self._results) if is_right(result)), None)

    def _is_worth_waiting(self, monotonic_ns: int, wait_s: float, limit_s: float) -> bool:
        if wait_s <= 0 or self._own(monotonic_ns) is not None:
            return False
        if self._newest_before(monotonic_ns, limit_s) is None:
            return False
        if self._vain_waits < PATIENCE:
            return True
        self._vain_waits += 1
        return self._vain_waits % RETRY_EVERY == 0
