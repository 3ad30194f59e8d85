"""One event loop in a thread of its own, for threads that must be free to stop waiting at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mmoment_node.errors import NodeError

Result = TypeVar('Result')
Work = Callable[[], Coroutine[Any, Any, Result]]
"""Makes the work; called in the loop, so nothing is left over if it never begins."""

# How late a cancellation is noticed at most.
ASK_AGAIN_S = 0.05
CLOSE_S = 2.0


class Cancelled(NodeError):
    """Nobody waits for this any more: it was given up, or everything ends."""


class TooLate(NodeError):
    """The work was not done in its time, and was given up."""


class AsyncThread:
    """The thread begins with the first work."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = threading.Event()

    def start(self, work: Work[Result]) -> concurrent.futures.Future[Result]:
        """Begin the work and let it run.

        Raises Cancelled after `close`; OSError or RuntimeError if there can be no thread now.
        """
        with self._lock:
            if self._is_closed.is_set():
                raise Cancelled('this ends: nothing new is begun')
            loop = self._running_loop()
            return asyncio.run_coroutine_threadsafe(_made(work), loop)

    def call(
        self,
        work: Work[Result],
        timeout_s: float | None = None,
        cancelled: threading.Event | None = None,
    ) -> Result:
        """Do the work and return its result, or raise what it raises; not from the loop itself.

        Work that is not waited for any more is cancelled. Raises Cancelled once `cancelled` is set
        or after `close`, TooLate after that time; OSError or RuntimeError if there can be no
        thread now.
        """
        if cancelled is not None and cancelled.is_set():
            raise Cancelled('nobody waits for it')
        future = self.start(work)
        try:
            return self._awaited(future, timeout_s, cancelled)
        except concurrent.futures.CancelledError:
            raise Cancelled('this ends: the work was given up') from None
        finally:
            future.cancel()

    def close(self, last: Work[None] | None = None) -> None:
        """Give up what is under way, do the last work, and end the thread. Works more than once."""
        with self._lock:
            self._is_closed.set()
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        ending = asyncio.run_coroutine_threadsafe(_end(last), loop)
        # Connections that do not even close well are thrown away with everything else.
        with contextlib.suppress(Exception):
            ending.result(CLOSE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSE_S)

    def _awaited(
        self,
        future: concurrent.futures.Future[Result],
        timeout_s: float | None,
        cancelled: threading.Event | None,
    ) -> Result:
        if cancelled is None:
            # `close` cancels what is under way.
            if not concurrent.futures.wait([future], timeout_s).done:
                raise TooLate(f'this took longer than {timeout_s:g} s and was given up')
            return future.result()
        left_s = float('inf') if timeout_s is None else timeout_s
        while not concurrent.futures.wait([future], min(ASK_AGAIN_S, left_s)).done:
            left_s -= ASK_AGAIN_S
            if cancelled.is_set():
                raise Cancelled('nobody waits for it any more')
            # Work that does not let itself be given up is not waited for.
            if self._is_closed.is_set():
                raise Cancelled('this ends: the work was given up')
            if left_s <= 0:
                raise TooLate(f'this took longer than {timeout_s:g} s and was given up')
        return future.result()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop = _Loop()
            thread = threading.Thread(target=_run, args=(loop,), name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                loop.close()
                raise
            # Only now: the next work tries again if there could be no thread.
            self._loop, self._thread = loop, thread
        return self._loop


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose look-ups of names hold up nobody.

    The threads that asyncio looks names up with are waited for when the process ends, and a look-up
    without a network takes half a minute.
    """

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        answer: asyncio.Future[Any] = self.create_future()

        def tell(found: Any, error: Exception | None) -> None:
            if answer.done():
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

        def look_up() -> None:
            found, fault = None, None
            try:
                found = socket.getaddrinfo(host, port, family, type, proto, flags)
            except (OSError, UnicodeError) as error:
                fault = error
            # Else nobody waits for it any more.
            with contextlib.suppress(RuntimeError):
                self.call_soon_threadsafe(tell, found, fault)

        threading.Thread(target=look_up, name='name look-up', daemon=True).start()
        return await answer


async def _made(work: Work[Result]) -> Result:
    return await work()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _end(last: Work[None] | None) -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if last is not None:
        await last()
