"""Somebody who looks at the camera, whatever way the pictures take, and when that has to end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

Item = TypeVar('Item')


class LiveViewer(ABC, Generic[Item]):
    """One viewer; all methods belong to the event loop's thread.

    sending_since_s is for `end_stalled`: since when the transport takes nothing.
    """

    def __init__(self) -> None:
        self.sending_since_s: float | None = None
        # How to end a connection that takes nothing any more; whoever serves the viewer knows.
        self.abandon: Callable[[], object] = self.close
        # Asked now and then: a session may end while its stream runs.
        self.is_welcome: Callable[[], bool] = lambda: True
        self.is_closed = False
        self._waiter: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Let `next` return None from now on."""
        self.is_closed = True
        self._wake()

    async def next(self) -> Item | None:
        """What is to be sent next, as soon as there is something; None after `close`."""
        while not self.is_closed:
            if (item := self._take()) is not None:
                return item
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return None

    @abstractmethod
    def _take(self) -> Item | None:
        """What is to be sent next, if there is something."""

    def _wake(self) -> None:
        """Have `next` look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Counting(Protocol):
    """What is counted of viewers."""

    timed_out: int


class Looked(Protocol):
    """A hub of either kind."""

    @property
    def viewers(self) -> Iterable[LiveViewer[Any]]:
        """Who looks at the moment."""

    @property
    def figures(self) -> Counting:
        """What it counts."""


def end_stalled(hub: Looked, now_s: float, timeout_s: float) -> int:
    """Let go of viewers whose connection took nothing for `timeout_s`; returns how many."""
    stalled = [
        viewer
        for viewer in hub.viewers
        if viewer.sending_since_s is not None and now_s - viewer.sending_since_s > timeout_s
    ]
    for viewer in stalled:
        viewer.abandon()
        hub.figures.timed_out += 1
    return len(stalled)


def end_unwelcome(hub: Looked) -> None:
    """End the viewers whose session is over."""
    for viewer in hub.viewers:
        if not viewer.is_welcome():
            viewer.close()
