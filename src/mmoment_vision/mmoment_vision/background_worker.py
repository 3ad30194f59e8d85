"""One piece of work at a time in a thread of its own; whoever gave it never waits for it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar('Job')
Result = TypeVar('Result')


class BackgroundWorker(Generic[Job, Result]):
    """Does `work` on what it is given; the result is fetched later.

    A fault of `work` comes out of `take`. `niceness`: how far below the rest of the process the
    kernel ranks the thread, 0 to 19: what is needed for every picture must not wait for what can
    come later.
    """

    def __init__(self, work: Callable[[Job], Result], name: str, niceness: int = 0) -> None:
        self._do = work
        self._niceness = niceness
        self._changed = threading.Condition()
        self._job: Job | None = None
        self._wanted: Job | None = None  # the job whose result is still of interest
        self._result: Result | None = None
        self._fault: Exception | None = None
        self._is_busy = False
        self._is_wanted = True
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether a job is being worked on."""
        with self._changed:
            return self._is_busy

    def give(self, job: Job) -> None:
        """Begin a job; only while none is being worked on."""
        with self._changed:
            self._job = self._wanted = job
            self._is_busy = True
            self._changed.notify_all()

    def take(self) -> Result | None:
        """The result not taken yet, if there is one. Raises what the work raised."""
        with self._changed:
            result, self._result = self._result, None
            if self._fault is not None:
                raise self._fault
            return result

    def forget(self) -> None:
        """Have no result of what was given until now, without waiting for its end."""
        with self._changed:
            self._wanted = self._result = None

    def wait(self, timeout_s: float) -> bool:
        """Wait until no job is being worked on; False if that takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_busy, timeout_s)

    def close(self) -> Result | None:
        """End the thread, after the job it works on; returns the result not taken yet."""
        with self._changed:
            self._is_wanted = False
            self._changed.notify_all()
        self._thread.join()
        return self._result

    def _run(self) -> None:
        if self._niceness:
            # Linux ranks each thread by itself; where that is refused the work is just not nice.
            with contextlib.suppress(OSError):
                own = os.getpriority(os.PRIO_PROCESS, 0)
                thread = threading.get_native_id()
                os.setpriority(os.PRIO_PROCESS, thread, own + self._niceness)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._job is not None or not self._is_wanted)
                if self._job is None or not self._is_wanted:
                    return
                job, self._job = self._job, None
            result: Result | None = None
            fault: Exception | None = None
            try:
                result = self._do(job)
            except Exception as error:
                fault = error
            with self._changed:
                self._result = result if self._wanted is job else None
                self._fault, self._is_busy = fault, False
                self._changed.notify_all()
