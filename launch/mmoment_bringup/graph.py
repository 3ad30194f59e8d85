"""Runs the processes of a plan: restarts what dies, ends everything when it is time."""

from __future__ import annotations

import re
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from mmoment_bringup import leftovers
from mmoment_bringup.child import Child, Line, OutputPipe, child_environment, describe_exit
from mmoment_bringup.console import Console
from mmoment_bringup.errors import EXIT_FAULT, EXIT_STOPPED, LaunchFileError
from mmoment_bringup.launch_plan import LaunchPlan, PlannedProcess
from mmoment_bringup.readiness import VARIABLE as READINESS_VARIABLE
from mmoment_bringup.readiness import ReadinessSocket
from mmoment_bringup.restart_pauses import RestartPauses

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A line that waits this long for its end is shown as it is (progress, prompts)
_PARTIAL_LINE_S = 0.3
# What a node says to the person: a link to open, with the word that tells it from other addresses
_SIGN_IN_LINE = re.compile(r'sign.?in.*https?://\S+|https?://\S*sign.?in\S*', re.IGNORECASE)
_ERROR_PREFIX = 'error: '


@dataclass(slots=True)
class _Member:
    """A process of the plan and what has become of it. Times are those of the graph's clock."""

    planned: PlannedProcess
    pauses: RestartPauses
    child: Child | None = None
    started_at_s: float = 0.0
    is_ready: bool = False
    restart_at_s: float | None = None
    error: str = ''
    next_signal: signal.Signals | None = None
    escalate_at_s: float = 0.0

    @property
    def label(self) -> str:
        return self.planned.label


class Graph:
    """The running processes of one plan. `run` returns the exit code of the supervisor."""

    def __init__(
        self, plan: LaunchPlan, console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._clock = clock
        self._fatal_exit_codes = plan.fatal_exit_codes
        self._members = [_Member(one, RestartPauses(one.respawn_delay_s)) for one in plan.processes]
        self._selector = selectors.DefaultSelector()
        self._readiness = ReadinessSocket()
        self._stop_requests: list[signal.Signals] = []
        self._is_stopping = False
        self._exit_code = EXIT_STOPPED
        self._final_error = ''
        self._sign_in_line = ''
        self._started_at_s = clock()
        self._has_told_ready = False

    def run(self) -> int:
        """Start everything, and return when every process has ended.

        Must be called in the main thread. Ctrl-C, SIGTERM and SIGHUP end the graph; a second one
        shortens the patience with processes that do not end.
        """
        waker, wakened = socket.socketpair()
        waker.setblocking(False)
        wakened.setblocking(False)
        old_wakeup = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        old_handlers = {one: signal.signal(one, self._on_signal) for one in _STOP_SIGNALS}
        old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._selector.register(wakened, selectors.EVENT_READ, lambda: wakened.recv(4096))
        self._selector.register(self._readiness, selectors.EVENT_READ, self._on_readiness)
        try:
            self._started_at_s = self._clock()
            for member in self._members:
                self._start(member)
            while self._is_anything_left():
                self._turn()
        finally:
            self._kill_all()
            signal.set_wakeup_fd(old_wakeup)
            for one, handler in old_handlers.items():
                signal.signal(one, handler)
            self._selector.close()
            self._readiness.close()
            waker.close()
            wakened.close()
        if self._final_error:
            print(f'{_ERROR_PREFIX}{self._final_error}', file=sys.stderr, flush=True)
        return self._exit_code

    # --- one turn of the loop ---------------------------------------------------------------

    def _turn(self) -> None:
        """Wait for something to happen and handle it."""
        events = self._selector.select(self._patience_s())
        for key, _ in events:
            key.data()
        requests, self._stop_requests = self._stop_requests, []
        for number in requests:
            self._on_stop_request(number)
        if not events:
            self._flush_partial_lines()
        for member in self._members:
            if member.child is not None and member.child.has_ended():
                self._on_end(member, member.child)
        now = self._clock()
        for member in self._members:
            if member.restart_at_s is not None and now >= member.restart_at_s:
                self._restart(member)
            if member.next_signal is not None and now >= member.escalate_at_s:
                self._escalate(member)

    def _patience_s(self) -> float | None:
        """Seconds until something has to be done even if nothing happens."""
        due = [one.restart_at_s for one in self._members if one.restart_at_s is not None]
        due += [one.escalate_at_s for one in self._members if one.next_signal is not None]
        pauses = [max(0.0, moment - self._clock()) for moment in due]
        children = [one.child for one in self._members if one.child is not None]
        if any(pipe.has_rest for child in children for pipe in child.pipes):
            pauses.append(_PARTIAL_LINE_S)
        return min(pauses, default=None)

    def _is_anything_left(self) -> bool:
        return any(one.child is not None or one.restart_at_s is not None for one in self._members)

    # --- starting ---------------------------------------------------------------------------

    def _start(self, member: _Member) -> None:
        member.restart_at_s = None
        member.is_ready = False
        member.started_at_s = self._clock()
        environment = child_environment(member.planned.environment, self._console.is_coloured)
        environment[READINESS_VARIABLE] = self._readiness.address
        try:
            child = Child(member.planned.command, environment)
        except OSError as error:
            raise LaunchFileError(
                f'cannot start {member.planned.command[0]}: {error.strerror}'
            ) from error
        member.child = child
        self._console.info(f'{member.label} started, process {child.pid}')
        for pipe in child.pipes:
            self._selector.register(
                pipe.descriptor,
                selectors.EVENT_READ,
                lambda pipe=pipe: self._on_output(member, pipe),
            )

    def _on_readiness(self) -> None:
        pids = self._readiness.ready_pids()
        for member in self._members:
            if member.child is not None and member.child.pid in pids:
                member.is_ready = True
        is_all_ready = all(member.is_ready for member in self._members)
        if is_all_ready and not self._has_told_ready and not self._is_stopping:
            self._has_told_ready = True
            self._tell_ready()

    def _tell_ready(self) -> None:
        seconds = self._clock() - self._started_at_s
        lines = [f'All {len(self._members)} nodes are ready after {seconds:.1f} s']
        if self._sign_in_line:
            lines.append(self._sign_in_line)
        self._console.frame([*lines, 'Ctrl-C ends everything'])

    # --- output -----------------------------------------------------------------------------

    def _on_output(self, member: _Member, pipe: OutputPipe) -> None:
        self._show(member, pipe.read())
        if not pipe.is_open:
            self._selector.unregister(pipe.descriptor)

    def _flush_partial_lines(self) -> None:
        for member in self._members:
            if member.child is not None:
                for pipe in member.child.pipes:
                    self._show(member, pipe.flush(is_final=False))

    def _show(self, member: _Member, lines: list[Line]) -> None:
        for line in lines:
            if line.is_error and line.text.startswith(_ERROR_PREFIX):
                member.error = line.text.removeprefix(_ERROR_PREFIX)
            if _SIGN_IN_LINE.search(line.text):
                self._sign_in_line = line.text.strip()
            self._console.node_line(member.label, line.text)

    # --- ending -----------------------------------------------------------------------------

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_requests.append(signal.Signals(number))

    def _on_stop_request(self, number: signal.Signals) -> None:
        if not self._is_stopping:
            self._console.info(f'{number.name}: ending the graph')
            self._stop()
            return
        for member in self._members:
            if member.next_signal is not None:
                self._escalate(member)

    def _stop(self) -> None:
        """Ask every process to end; whoever does not gets harder signals after a while."""
        self._is_stopping = True
        for member in self._members:
            member.restart_at_s = None
            if member.child is None:
                continue
            # Python answers SIGINT with a page of traceback until the node has set itself up
            member.child.signal(signal.SIGINT if member.is_ready else signal.SIGTERM)
            member.next_signal = signal.SIGTERM if member.is_ready else signal.SIGKILL
            patience_s = member.planned.sigterm_timeout_s
            if not member.is_ready:
                # It may be loading a model, and comes to hear of the signal only then
                patience_s += member.planned.sigkill_timeout_s
            member.escalate_at_s = self._clock() + patience_s

    def _escalate(self, member: _Member) -> None:
        assert member.child is not None
        assert member.next_signal is not None
        self._tell_escalation(member, member.next_signal)
        member.child.signal(member.next_signal)
        if member.next_signal is signal.SIGTERM:
            member.next_signal = signal.SIGKILL
            member.escalate_at_s = self._clock() + member.planned.sigkill_timeout_s
        else:
            member.next_signal = None
            if member.is_ready:
                self._exit_code = self._exit_code or EXIT_FAULT

    def _tell_escalation(self, member: _Member, number: signal.Signals) -> None:
        if member.is_ready:
            self._console.fault(f'{member.label} does not end: {number.name}')
        else:
            # Deaf while it loads a model on a slow machine: nobody's fault
            self._console.info(f'{member.label} is still starting: {number.name}')

    def _on_end(self, member: _Member, child: Child) -> None:
        code = child.exit_code
        assert code is not None
        for pipe in child.pipes:
            if pipe.is_open:
                self._selector.unregister(pipe.descriptor)
        self._show(member, child.last_lines())
        member.child, member.next_signal = None, None
        if code in self._fatal_exit_codes:
            self._on_fatal_end(member, code)
        elif self._is_stopping:
            self._console.info(f'{member.label} has ended')
        else:
            self._on_unexpected_end(member, code)

    def _on_fatal_end(self, member: _Member, code: int) -> None:
        """A person must act. The first such error is the one to tell: others may follow from it."""
        if not self._final_error:
            self._final_error = member.error or f'{member.label} ended with exit code {code}'
            self._exit_code = code
        if not self._is_stopping:
            self._console.fault(f'{member.label} cannot work as configured: ending the graph')
            self._stop()

    def _on_unexpected_end(self, member: _Member, code: int) -> None:
        what = f'{member.label} ended with {describe_exit(code)}'
        if member.planned.is_respawned:
            self._plan_restart(member, what)
            return
        self._console.fault(f'{what}; it is not started again')
        self._exit_code = self._exit_code or (EXIT_FAULT if code else EXIT_STOPPED)

    def _plan_restart(self, member: _Member, what: str) -> None:
        """Start a node again after a pause."""
        now = self._clock()
        pause_s = member.pauses.after(now - member.started_at_s)
        member.restart_at_s = now + pause_s
        self._console.fault(
            f'{what}; it starts again in {pause_s:g} s (restart {member.pauses.count})'
        )

    def _restart(self, member: _Member) -> None:
        # Its segment, if it was killed: the number of restarts has no limit, shared memory has one
        leftovers.sweep_fast_dds()
        try:
            self._start(member)
        except LaunchFileError as error:
            # The workspace may be in the middle of a build
            self._plan_restart(member, str(error))

    def _kill_all(self) -> None:
        """Last resort when the loop itself is left through an error."""
        for member in self._members:
            if member.child is not None:
                member.child.signal(signal.SIGKILL)
                while not member.child.has_ended():
                    time.sleep(0.01)
                member.child.last_lines()
