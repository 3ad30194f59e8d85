"""Base class of the nodes: lifecycle with autostart, typed parameters, diagnostics, exit codes.

A node overrides `open`, `start`, `stop` and `close`; everything else is the same everywhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from mmoment_node import parameters as table_rules
from mmoment_node.errors import EXIT_CONFIGURATION, EXIT_FAULT, ConfigurationError
from mmoment_node.parameters import Entry, ParameterError
from mmoment_node.readiness import tell_ready

DIAGNOSTICS_PERIOD_S = 1.0
# Python runs signal handlers only between two turns of the executor.
SIGNAL_LATENCY_S = 0.2
# Parameters that rclpy itself understands; everything else must be in the node's table.
RCLPY_PARAMETERS = ('use_sim_time', 'start_type_description_service')
AUTOSTART = Entry(
    'autostart',
    'bool',
    True,
    table_rules.Rule('Configure and activate without being asked', read_only=True),
)

Table = TypeVar('Table')


class ManagedNode(LifecycleNode, Generic[Table]):
    """A lifecycle node with a parameter table.

    Constructing it acquires nothing but its parameters; raises `ConfigurationError` if one of
    them is wrong.
    """

    NAME: ClassVar[str]
    PARAMETERS: ClassVar[type]

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__(self.NAME, **node_arguments)
        self.fault: BaseException | None = None  # what ends the process
        self._transition_fault: Exception | None = None
        self._is_starting = False
        self._is_open = False
        self._is_running = False
        self._stop_spinning: Callable[[], object] = lambda: None
        self.autostart, self.parameters = self._declare_parameters()
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)

    # --- what a node overrides ------------------------------------------------------------

    def open(self) -> None:
        """Acquire what the node needs; raise `ConfigurationError` for a person's mistake."""

    def start(self) -> None:
        """Begin to work."""

    def stop(self) -> None:
        """Stop working; `start` may follow. Must also work after `start` has failed half-way."""

    def close(self) -> None:
        """Release everything; must also work after `open` has failed half-way."""

    def parameters_changed(self, old: Table, new: Table) -> None:
        """React to live changes; raise `ValueError` with a reason to refuse them all."""

    def diagnose(self) -> list[DiagnosticStatus]:
        """One status per concern, see `diagnostic`; called once a second while configured."""
        return []

    # --- what a node uses -----------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """True between `start` and `stop`."""
        return self._is_running

    def diagnostic(
        self, concern: str, level: bytes, message: str, **values: object
    ) -> DiagnosticStatus:
        """A diagnostic status of this node; the values become its key-value pairs."""
        name = f'{self.get_fully_qualified_name().lstrip("/")}: {concern}'
        pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        return DiagnosticStatus(
            level=level,
            name=name,
            message=message,
            hardware_id=self.get_namespace().strip('/'),
            values=pairs,
        )

    def spawn(self, work: Callable[[], None], name: str) -> threading.Thread:
        """Run `work` in a thread; if it raises, the node ends with a non-zero exit code."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                self.fail(error)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread

    def fail(self, error: BaseException) -> None:
        """End the node because of this fault, from any thread."""
        if self.fault is None:
            self.fault = error
        self._stop_spinning()

    # --- lifecycle ------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open; on a fault release what was acquired and stay unconfigured."""
        try:
            self._is_open = True
            self.open()
        except Exception as error:
            self._note_fault('cannot be configured', error)
            self._attempt('closed', self._close)
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start; on a fault stop what has been started and stay inactive."""
        try:
            self.start()
        except Exception as error:
            self._note_fault('cannot be activated', error)
            self._attempt('stopped', self.stop)
            return TransitionCallbackReturn.FAILURE
        self._is_running = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop."""
        result = self._attempt('deactivated', self._stop)
        if result != TransitionCallbackReturn.SUCCESS:
            return result
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close."""
        return self._attempt('cleaned up', self._close)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, close, and end the process: a finalized node is of no use any more."""
        try:
            self.shut_down()
        except Exception as error:
            self.fail(error)
            return TransitionCallbackReturn.ERROR
        self._stop_spinning()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, so that the node can be configured again."""
        return self._attempt('released', self.shut_down)

    def shut_down(self) -> None:
        """Stop and close, whatever the state; works after the ROS context is gone."""
        try:
            self._stop()
        finally:
            self._close()

    def destroy_node(self) -> None:
        """Destroy the node, with the state machine that rclpy forgets.

        The state machine holds on to the context, and that to the middleware's shared memory.
        """
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def bring_up(self, stop_spinning: Callable[[], object]) -> None:
        """Configure and activate if `autostart`; raises the fault if that fails."""
        self._stop_spinning = stop_spinning
        if not self.autostart:
            return
        self._is_starting = True
        for step in (self.trigger_configure, self.trigger_activate):
            if step() != TransitionCallbackReturn.SUCCESS:
                raise self._transition_fault or RuntimeError(f'{self.NAME} does not start')
        self._is_starting = False

    def _stop(self) -> None:
        if self._is_running:
            self._is_running = False
            self.stop()

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.close()

    def _attempt(self, what: str, step: Callable[[], None]) -> TransitionCallbackReturn:
        """Take a step of a transition; its fault is told here because rclpy keeps it to itself."""
        try:
            step()
        except Exception as error:
            self._note_fault(f'cannot be {what}', error)
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _note_fault(self, what: str, error: Exception) -> None:
        # The first one is the cause: what follows while tidying up must not hide it.
        self._transition_fault = self._transition_fault or error
        # While starting by itself the fault ends the process, which then tells it once.
        if not self._is_starting:
            self.get_logger().error(f'{what}: {error}')

    # --- parameters -----------------------------------------------------------------------

    def _declare_parameters(self) -> tuple[bool, Table]:
        rows = [*table_rules.entries(self.PARAMETERS), AUTOSTART]
        # Read here because rclpy would refuse 30 where 30.0 is meant, in words of its own.
        overrides = {name: item.value for name, item in self._parameter_overrides.items()}
        for name in RCLPY_PARAMETERS:
            overrides.pop(name, None)
        overrides = {k: v for k, v in overrides.items() if not k.startswith('qos_overrides.')}
        try:
            is_autostart = table_rules.checked(AUTOSTART, overrides.pop('autostart', True))
            table: Table = table_rules.build(self.PARAMETERS, overrides)
        except ParameterError as error:
            raise ConfigurationError(f'{self.NAME}: parameter {error}') from error
        for row in rows:
            value = is_autostart if row is AUTOSTART else getattr(table, row.name)
            value = list(value) or [''] if isinstance(value, tuple) else value
            try:
                self.declare_parameter(row.name, value, _descriptor(row), ignore_override=True)
            except InvalidParameterValueException as error:
                raise ConfigurationError(f'{self.NAME}: parameter {row.name}: {error}') from error
        return bool(is_autostart), table

    def _on_set_parameters(self, items: list[Parameter]) -> SetParametersResult:
        known = {row.name for row in table_rules.entries(self.PARAMETERS)}
        values = {item.name: item.value for item in items if item.name in known}
        try:
            new = table_rules.changed(self.parameters, values)
            if new != self.parameters:
                self.parameters_changed(self.parameters, new)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.parameters = new
        return SetParametersResult(successful=True)

    # --- diagnostics ----------------------------------------------------------------------

    def _publish_diagnostics(self) -> None:
        if self._is_running:
            statuses = self.diagnose()
        else:
            label = 'inactive' if self._is_open else 'unconfigured'
            statuses = [self.diagnostic('lifecycle', DiagnosticStatus.STALE, f'node is {label}')]
        if statuses:
            message = DiagnosticArray(status=statuses)
            message.header.stamp = self.get_clock().now().to_msg()
            self._diagnostics.publish(message)


def _descriptor(row: Entry) -> ParameterDescriptor:
    rule = row.rule
    text = f'{rule.description} [{rule.unit}]' if rule.unit else rule.description
    descriptor = ParameterDescriptor(
        description=text, read_only=rule.read_only, additional_constraints=rule.constraint()
    )
    if rule.minimum is not None or rule.maximum is not None:
        if row.type_name == 'int':
            low = -(2**31) if rule.minimum is None else int(rule.minimum)
            high = 2**31 - 1 if rule.maximum is None else int(rule.maximum)
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=0)]
        else:
            low_f = -1e300 if rule.minimum is None else rule.minimum
            high_f = 1e300 if rule.maximum is None else rule.maximum
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=low_f, to_value=high_f, step=0.0)
            ]
    return descriptor


def create_executor() -> Any:
    """The event-driven executor where rclpy has it: it wakes for a message at a fraction of the
    cost of rebuilding a wait set, and a node of ours is woken 30 times a second or more."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor()
    return EventsExecutor()


def run_node(node_class: type[ManagedNode[Any]], args: list[str] | None = None) -> None:
    """Run a node until it is told to end; ends the process.

    Exit codes: 0 after Ctrl-C, SIGTERM or the shutdown transition; `EXIT_CONFIGURATION` after a
    `ConfigurationError`, told in one line; `EXIT_FAULT` after any other fault.
    """
    ended = threading.Event()
    # Ours, because rclpy's handlers invalidate the context under callbacks that still publish.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        _leave(_exit_code(node_class.NAME, _refused_arguments(node_class.NAME, error)))
    node: ManagedNode[Any] | None = None
    fault: BaseException | None = None
    executor = create_executor()
    try:
        node = node_class()

        def stop_spinning() -> None:
            ended.set()
            executor.wake()

        executor.add_node(node)
        node.bring_up(stop_spinning)
        tell_ready()
        while not ended.is_set():
            executor.spin_once(timeout_sec=SIGNAL_LATENCY_S)
        fault = node.fault
    except Exception as error:
        fault = error
    finally:
        if node is not None:
            try:
                node.shut_down()
            except Exception as error:
                fault = fault or error
            node.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()
        # Takes the middleware down, and with it the shared memory that it holds.
        rclpy.get_default_context().destroy()
    _leave(_exit_code(node_class.NAME, fault))


def _leave(code: int) -> NoReturn:
    """End the process here and now: everything of ours is closed.

    Interpreter exit would take down the threads of native libraries in no certain order, and a
    crash then would turn "a person must act" into a fault worth a restart.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def _refused_arguments(name: str, error: RuntimeError) -> ConfigurationError:
    """What rcl says about a parameter file, override or log level, without its source lines."""
    words = str(error).removeprefix('failed to initialize rcl: ')
    return ConfigurationError(f'{name}: ROS arguments: {words.split(", at /")[0]}')


def _exit_code(name: str, fault: BaseException | None) -> int:
    if fault is None:
        return 0
    if isinstance(fault, ConfigurationError):
        print(f'error: {fault}', file=sys.stderr, flush=True)
        return EXIT_CONFIGURATION
    traceback.print_exception(fault)
    print(f'error: {name}: {type(fault).__name__}: {fault}', file=sys.stderr, flush=True)
    return EXIT_FAULT
