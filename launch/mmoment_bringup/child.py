"""One process of the graph: started so that it cannot outlive us, its output cut into lines."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# linux/prctl.h: the kernel sends this signal to the process when its parent ends
_PR_SET_PDEATHSIG = 1
_READ_BYTES = 65536
# A line without an end is shown after this many bytes: output must not gather for ever
_MAX_LINE_BYTES = 16384

_prctl = ctypes.CDLL(None, use_errno=True).prctl


@dataclass(frozen=True, slots=True)
class Line:
    """A line of output without its end; `is_error` for standard error."""

    text: str
    is_error: bool


class OutputPipe:
    """The reading end of one output stream of a process."""

    def __init__(self, descriptor: int, is_error: bool) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.is_error = is_error
        self.is_open = True
        self._rest = b''
        self._rest_is_old = False

    def read(self) -> list[Line]:
        """Return the lines that have arrived; closes itself at the end of the stream."""
        lines: list[bytes] = []
        while self.is_open:
            try:
                data = os.read(self.descriptor, _READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                self.close()
                break
            *whole, self._rest = (self._rest + data).split(b'\n')
            lines += whole
            self._rest_is_old = False
            if len(self._rest) > _MAX_LINE_BYTES:
                lines += self._take_rest()
        return [self._line(one) for one in lines]

    def flush(self, is_final: bool) -> list[Line]:
        """Return a line that has waited for its end since the last call, or at the very end."""
        if not self._rest:
            return []
        if not is_final and not self._rest_is_old:
            self._rest_is_old = True
            return []
        return [self._line(one) for one in self._take_rest()]

    @property
    def has_rest(self) -> bool:
        """True while the beginning of a line waits for its end."""
        return bool(self._rest)

    def close(self) -> None:
        """Close the descriptor; a second time does nothing."""
        if self.is_open:
            self.is_open = False
            os.close(self.descriptor)

    def _take_rest(self) -> list[bytes]:
        rest, self._rest, self._rest_is_old = self._rest, b'', False
        return [rest]

    def _line(self, data: bytes) -> Line:
        return Line(data.rstrip(b'\r').decode('utf-8', errors='replace'), self.is_error)


class Child:
    """A running process with a process group of its own.

    Must be created in the main thread: the kernel ties the death signal to the thread that forked.
    The process dies with SIGKILL when we die, however that happens.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        parent = os.getpid()

        def before_exec() -> None:
            # Runs in the child; the supervisor has no threads, so this is safe
            os.setpgid(0, 0)
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

        read_out, write_out = os.pipe()
        read_error, write_error = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=write_out,
                stderr=write_error,
                env=dict(environment),
                preexec_fn=before_exec,
            )
        except OSError:
            os.close(read_out)
            os.close(read_error)
            raise
        finally:
            os.close(write_out)
            os.close(write_error)
        self.pipes = (OutputPipe(read_out, is_error=False), OutputPipe(read_error, is_error=True))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        if self.exit_code is None:
            self._process.send_signal(number)

    def has_ended(self) -> bool:
        """Notice the end of the process; kills what it left of its own process group."""
        if self.exit_code is not None:
            return True
        state = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if state is None:
            return False
        # The process is not reaped yet, so its number cannot belong to somebody else
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        return True

    def last_lines(self) -> list[Line]:
        """Return what the ended process has still written, and close its pipes."""
        lines = [line for pipe in self.pipes for line in (*pipe.read(), *pipe.flush(True))]
        for pipe in self.pipes:
            pipe.close()
        return lines


def describe_exit(code: int) -> str:
    """Return an exit code in words: `exit code 1`, `signal SIGKILL`."""
    if code >= 0:
        return f'exit code {code}'
    try:
        return f'signal {signal.Signals(-code).name}'
    except ValueError:
        return f'signal {-code}'


def child_environment(environment: Mapping[str, str], is_coloured: bool) -> dict[str, str]:
    """Return the environment with what makes output appear at once, coloured as ours is.

    What the person has set is kept.
    """
    merged = {
        'PYTHONUNBUFFERED': '1',
        'RCUTILS_COLORIZED_OUTPUT': '1' if is_coloured else '0',
        **environment,
    }
    # The interpreter that runs us must also be the one that `env python3` finds
    merged.setdefault('PATH', os.path.dirname(sys.executable))
    return merged
