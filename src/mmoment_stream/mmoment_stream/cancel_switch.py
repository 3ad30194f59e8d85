"""Ends waits for descriptors from another thread."""

from __future__ import annotations

import os
import select
import threading
import time

from mmoment_stream.push_target import Cancelled


class CancelSwitch:
    """Off until `cancel`, then on for good. It holds a descriptor between `arm` and `release` only.

    One thread arms, waits and releases; `cancel` is for any.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_on = False
        self._descriptor: int | None = None

    @property
    def is_on(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_on

    def arm(self) -> None:
        """Take the descriptor, so that waits can begin."""
        with self._lock:
            if self._descriptor is None:
                self._descriptor = os.eventfd(int(self._is_on), os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def release(self) -> None:
        """Give the descriptor back; no wait may be under way."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def cancel(self) -> None:
        """Have the present wait and all that follow raise Cancelled."""
        with self._lock:
            self._is_on = True
            if self._descriptor is not None:
                os.eventfd_write(self._descriptor, 1)

    def check(self) -> None:
        """Raise Cancelled if it is on."""
        if self._is_on:
            raise Cancelled('cancelled')

    def wait(self, descriptor: int, events: int, deadline_s: float) -> bool:
        """Wait until a descriptor is ready for `events` of poll(2), or has failed.

        deadline_s: on the monotonic clock; False once it has passed. Raises Cancelled.
        """
        self.check()
        assert self._descriptor is not None
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(descriptor, events)
        ready = poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000)
        self.check()
        return bool(ready)
