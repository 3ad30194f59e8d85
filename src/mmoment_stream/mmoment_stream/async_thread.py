"""Runs asynchronous work for threads that must be free to stop waiting for it at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mmoment_stream.push_target import Cancelled

Result = TypeVar('Result')
# How late a cancellation is noticed at most.
ASK_AGAIN_S = 0.05
CLOSE_S = 2.0


class AsyncThread:
    """One event loop in a thread of its own, which begins with the first work."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def run(
        self, work: Callable[[], Coroutine[Any, Any, Result]], cancelled: threading.Event
    ) -> Result:
        """Do the work and return its result, or raise what it raises; work that nobody wants any
        more is given up. Raises Cancelled once `cancelled` is set, or after `close`; OSError or
        RuntimeError if there can be no thread now.
        """
        with self._lock:
            if self._is_closed or cancelled.is_set():
                raise Cancelled
            loop = self._running_loop()
            future = asyncio.run_coroutine_threadsafe(work(), loop)
        while not concurrent.futures.wait([future], ASK_AGAIN_S).done:
            if self._is_closed or cancelled.is_set():
                future.cancel()
                raise Cancelled
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Cancelled from None

    def close(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Give up what is under way, do the last work, and end the thread. Works more than once."""
        with self._lock:
            self._is_closed = True
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        ending = asyncio.run_coroutine_threadsafe(_end(last), loop)
        with contextlib.suppress(Exception):
            ending.result(CLOSE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSE_S)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop = _Loop()
            thread = threading.Thread(target=_run, args=(loop,), name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                loop.close()
                raise
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


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _end(last: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if last is not None:
        await last()
