"""Asks a provider now and then how a stream is doing, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mmoment_stream.push_target import (
    Cancelled,
    Ingest,
    Playback,
    ProviderHealth,
    PushError,
    StreamProvider,
)

EVERY_S = 12.0
# A provider takes a moment to notice a new stream.
FIRST_S = 3.0
# How soon `ingest` notices that nobody wants an answer, while it waits for its turn.
TURN_S = 0.05
# More than a provider that heeds `cancelled` needs.
END_S = 5.0
NO_PLAYBACK = Playback()


@dataclass(frozen=True, slots=True)
class ProviderNews:
    """What a provider said last of the stream, and why it could not be asked.

    health: of this connection; None: nothing yet. playback: said with the health last.
    """

    health: ProviderHealth | None = None
    error: str = ''
    playback: Playback = NO_PLAYBACK


class ProviderWatch:
    """Has one question under way at a time; `ingest` cuts a question about health short.

    `start` and `close` are for one thread; the rest is for any.
    """

    def __init__(
        self,
        provider: StreamProvider,
        *,
        every_s: float = EVERY_S,
        first_s: float = FIRST_S,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """on_change: `news` is another one; called from the thread."""
        self._provider = provider
        self._every_s = every_s
        self._first_s = min(first_s, every_s)
        self._on_change = on_change
        self._clock = clock
        self._changed = threading.Condition()
        self._asking = threading.Lock()
        self._unwanted = threading.Event()
        self._due_s: float | None = None
        self._is_live = False
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self.news = ProviderNews()

    def start(self, name: str) -> None:
        """Have the thread; it asks nothing before `live`. Raises RuntimeError: there can be none now."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            thread.start()
            self._thread = thread

    def live(self) -> None:
        """The provider should receive the stream from now on: ask every few seconds."""
        with self._changed:
            self._is_live = True
            self._due_s = self._clock() + self._first_s
            self._changed.notify_all()

    def lost(self) -> None:
        """Ask no more, and forget how it was doing: that was another connection."""
        with self._changed:
            self._is_live = False
            self._due_s = None
            self._unwanted.set()
            self.news = ProviderNews(playback=self.news.playback)

    def refresh(self) -> None:
        """Ask now."""
        with self._changed:
            self._due_s = self._clock()
            self._changed.notify_all()

    def ingest(self, cancelled: threading.Event) -> Ingest:
        """Where to push now. Raises PushError, Cancelled."""
        self.lost()
        while not self._asking.acquire(timeout=TURN_S):
            if cancelled.is_set():
                raise Cancelled
        try:
            return self._provider.ingest(cancelled)
        finally:
            self._asking.release()

    def close(self) -> None:
        """Cut short what is asked, end the thread, and let go of the provider."""
        with self._changed:
            self._is_closed = True
            self._unwanted.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(END_S)
        self._provider.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._is_closed and (wait_s := self._wait_s()) > 0:
                    self._changed.wait(min(wait_s, threading.TIMEOUT_MAX))
                if self._is_closed:
                    return
                unwanted = self._unwanted = threading.Event()
                self._due_s = self._clock() + self._every_s if self._is_live else None
            self._ask(unwanted)

    def _wait_s(self) -> float:
        return float('inf') if self._due_s is None else self._due_s - self._clock()

    def _ask(self, unwanted: threading.Event) -> None:
        try:
            with self._asking:
                if unwanted.is_set():
                    return
                health = self._provider.health(unwanted)
        except Cancelled:
            return
        except PushError as error:
            self._put_off(error.retry_after_s)
            self._tell(replace(self.news, error=error.text), unwanted)
        except (OSError, RuntimeError):
            # No descriptor or thread is left: that passes.
            self._tell(replace(self.news, error=PushError('provider_away').text), unwanted)
        else:
            playback = health.playback if health is not None else NO_PLAYBACK
            self._tell(ProviderNews(health, '', playback), unwanted)

    def _tell(self, news: ProviderNews, unwanted: threading.Event) -> None:
        with self._changed:
            if news == self.news or unwanted.is_set():
                return
            self.news = news
        self._on_change()

    def _put_off(self, pause_s: float) -> None:
        """The provider has asked for a pause."""
        with self._changed:
            if self._due_s is not None:
                self._due_s = max(self._due_s, self._clock() + pause_s)
