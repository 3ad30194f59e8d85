"""Asks `encoder_probe`, in a process of its own, which encoders work here, and remembers it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence

from mmoment_node.guarded_program import guarded
from mmoment_stream.encoder_probe import ProbeResult

COMMAND = (sys.executable, '-m', 'mmoment_stream.encoder_probe')
# Twice what the slowest start of an encoder may take, and for the start of Python under load.
LIMIT_S = 15.0
# One that has closed its output is about to end.
END_S = 1.0
CHUNK_BYTES = 65536
Size = tuple[int, int]


class EncoderProber:
    """Results are kept as long as this object: a success for its size, a failure for every size.

    Where another size has worked, a failure is of its size too: an encoder may have no room left
    for another video. For several threads; one waits while another finds out.
    """

    def __init__(self, command: Sequence[str] = COMMAND, limit_s: float = LIMIT_S) -> None:
        """command: is given names, width, height and rate. limit_s: for each encoder."""
        self._command = command
        self._limit_s = limit_s
        self._failed: dict[str, ProbeResult] = {}
        self._known_at: dict[tuple[str, Size], ProbeResult] = {}
        self._trying = threading.Lock()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_cancelled = False

    def results(self, names: Sequence[str], size: Size, fps: float) -> Iterator[ProbeResult]:
        """What is known of these encoders, in this order, each as soon as it has been found out.

        size: width and height of the video, in pixels. Those are not tried that nobody waits for.
        """
        for number, name in enumerate(names):
            known = self._known(name, size)
            while known is None and not self._is_cancelled:
                with self._trying:
                    # Another thread may have found out meanwhile.
                    if self._known(name, size) is None:
                        self._find_out(names[number:], size, fps)
                known = self._known(name, size)
            yield known or ProbeResult(name, False, 'was not tried')

    def _find_out(self, names: Sequence[str], size: Size, fps: float) -> None:
        """Have one process try these, as long as none works; what is known is not tried."""
        unknown = [name for name in names if self._known(name, size) is None]
        with contextlib.closing(self._run(unknown, size, fps)) as run:
            for result in run:
                self._note(result, size)
                if result.usable:
                    return

    def _note(self, result: ProbeResult, size: Size) -> None:
        with self._lock:
            others = [known for (name, _), known in self._known_at.items() if name == result.name]
            if result.usable or any(known.usable for known in others):
                self._known_at[result.name, size] = result
            else:
                self._failed[result.name] = result

    def forget(self, name: str) -> None:
        """Try this encoder anew the next time, if it has failed."""
        with self._lock:
            self._failed.pop(name, None)
            for key, known in list(self._known_at.items()):
                if key[0] == name and not known.usable:
                    del self._known_at[key]

    def resume(self) -> None:
        """Try encoders again after `cancel`."""
        self._is_cancelled = False

    def cancel(self) -> None:
        """End a running probe, from any thread; nothing is tried from then on."""
        with self._lock:
            self._is_cancelled = True
            if self._process is not None:
                self._process.kill()

    def _known(self, name: str, size: Size) -> ProbeResult | None:
        return self._failed.get(name) or self._known_at.get((name, size))

    def _run(
        self, names: Sequence[str], size: Size, fps: float
    ) -> Generator[ProbeResult, None, None]:
        """Results of one process: of all names, or up to the one that it did not survive."""
        words = [*self._command, ','.join(names), str(size[0]), str(size[1]), f'{fps:g}']
        with self._lock:
            if self._is_cancelled:
                return
            process = self._process = subprocess.Popen(
                guarded(words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert process.stdout is not None
        lines = _lines(process.stdout.fileno(), self._limit_s)
        try:
            for name in names:
                result = _result(name, lines)
                if result is None:
                    result = ProbeResult(name, False, self._why_none(process))
                    if not self._is_cancelled:
                        yield result
                    return
                yield result
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            with self._lock:
                self._process = None

    def _why_none(self, process: subprocess.Popen[bytes]) -> str:
        try:
            code = process.wait(END_S)
        except subprocess.TimeoutExpired:
            return f'hangs: no answer within {self._limit_s:g} s'
        if code < 0:
            return f'crashes: {signal.Signals(-code).name}'
        return f'its probe ended with code {code} and without an answer'


def _result(name: str, lines: Iterator[bytes]) -> ProbeResult | None:
    """The next answer; None if there is none, or one of something else."""
    with contextlib.suppress(StopIteration, ValueError, TypeError):
        result = ProbeResult(**json.loads(next(lines)))
        return result if result.name == name else None
    return None


def _lines(descriptor: int, limit_s: float) -> Iterator[bytes]:
    """Lines as they come; ends with the stream, and when one takes longer than the limit."""
    buffer = b''
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    deadline_s = time.monotonic() + limit_s
    while True:
        line, found, rest = buffer.partition(b'\n')
        if found:
            buffer = rest
            yield line
            deadline_s = time.monotonic() + limit_s
            continue
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            return
        piece = os.read(descriptor, CHUNK_BYTES)
        if not piece:
            return
        buffer += piece
