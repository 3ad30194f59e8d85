"""What a person sees while the environment is made, and the log of all the rest."""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from cli.errors import CliError

TAIL_LINES = 12
"""Lines of a failed command that are repeated in its error."""
HEARTBEAT_S = 30.0
"""Where no live line can be drawn, a sign of life as often as this."""


class CommandFailed(CliError):
    """A command of the setup went wrong; `tail` holds its last lines."""

    def __init__(self, message: str, tail: Sequence[str]) -> None:
        super().__init__(message)
        self.tail = list(tail)


class Progress:
    """Numbered steps on a terminal or in a plain log; command output goes to `log_path`."""

    def __init__(self, log_path: Path, stream: TextIO | None = None) -> None:
        self.log_path = log_path
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._total = 0
        self._number = 0
        self._title = ''
        self._begun = 0.0
        self._last_sign = 0.0

    def plan(self, steps: int) -> None:
        """Say how many steps follow, and begin a new log."""
        self._total, self._number = steps, 0
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log_path.write_text('', encoding='utf-8')

    def more(self, steps: int) -> None:
        """Add steps that turned out to be needed."""
        self._total += steps

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, and its duration at the end."""
        self._number += 1
        self._title, self._begun = title, time.monotonic()
        self._last_sign = self._begun
        self.log(f'== {title}')
        if self._live:
            self.detail('')
        else:
            self._line(self._heading())
        yield
        took = f'{time.monotonic() - self._begun:.0f} s'
        if self._live:
            self._overwrite(f'{self._heading()}: {took}')
            self._line('')
        else:
            self._line(f'{" " * len(self._counter())} done in {took}')

    def detail(self, text: str) -> None:
        """Show what is being done right now."""
        now = time.monotonic()
        elapsed = f'{now - self._begun:.0f} s'
        if self._live:
            self._overwrite(f'{self._heading()}: {elapsed}{"  " + text if text else ""}')
        elif now - self._last_sign >= HEARTBEAT_S:
            self._last_sign = now
            self._line(f'{" " * len(self._counter())} {elapsed}  {text}')

    def note(self, text: str) -> None:
        """Tell one line that is not a step."""
        if self._live:
            self._overwrite('')
        self._line(text)
        self.log(text)

    def log(self, text: str) -> None:
        """Write to the log only."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open('a', encoding='utf-8') as log:
            log.write(text + '\n')

    def _counter(self) -> str:
        return f'[{self._number}/{self._total}]'

    def _heading(self) -> str:
        return f'{self._counter()} {self._title}'

    def _overwrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f'\r\033[K{text[:width]}')
        self._stream.flush()

    def _line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        failure: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        condense: Callable[[str], str | None] = lambda line: None,
    ) -> None:
        """Run a command into the log.

        `condense` turns a line of its output into the text of the live line, or None to keep the last one.
        Raises CommandFailed with `failure` and the path of the log; Ctrl-C reaches the command too.
        """
        words = [str(word) for word in command]
        self.log(f'$ {" ".join(words)}')
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                cwd=cwd,
            )
        except OSError as error:
            raise CommandFailed(f'{failure}: {words[0]}: {error.strerror}', []) from error
        shown = ''
        with process, self.log_path.open('a', encoding='utf-8') as log:
            try:
                for line in _lines(process):
                    if line is not None:
                        log.write(line + '\n')
                        tail.append(line)
                        shown = condense(line) or shown
                    self.detail(shown)
                code = process.wait()
            except BaseException:
                process.terminate()
                raise
        if code != 0:
            raise CommandFailed(f'{failure} (full log: {self.log_path})', tail)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str | None]:
    """Yield each line as it comes, and None about once a second while there is none."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    pending = b''
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=1.0):
                yield None
                continue
            chunk = os.read(descriptor, 65536)
            if not chunk:
                break
            *whole, pending = (pending + chunk).split(b'\n')
            for line in whole:
                yield line.decode(errors='replace').rstrip('\r')
    if pending:
        yield pending.decode(errors='replace')
