"""A managed node as its starter sees it: exit codes, one-line errors, lifecycle, parameters."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.executors import SingleThreadedExecutor

from mmoment_node.spare_domain import spare_domain

pytestmark = pytest.mark.graph

NODE = """
    import sys, time
    from dataclasses import dataclass
    from diagnostic_msgs.msg import DiagnosticStatus
    from mmoment_node.errors import ConfigurationError
    from mmoment_node.managed_node import ManagedNode, run_node
    from mmoment_node.parameters import parameter

    @dataclass(frozen=True, slots=True)
    class Table:
        fps: float = parameter(30.0, 'Rate', unit='Hz', minimum=1.0, maximum=60.0)
        mode: str = parameter('good', 'Where it fails')
        origins: tuple[str, ...] = parameter((), 'Names')

    class Probe(ManagedNode[Table]):
        NAME = 'probe'
        PARAMETERS = Table

        def say(self, word):
            print(word, self.parameters.fps, self.parameters.origins, flush=True)

        def open(self):
            self.say('open')
            if self.parameters.mode in ('person', 'person and close'):
                raise ConfigurationError('the file x is missing: name another')
            if self.parameters.mode == 'bug':
                raise RuntimeError('broken')

        def start(self):
            self.say('start')
            if self.parameters.mode == 'thread':
                self.spawn(self.work, 'work')
            if self.parameters.mode == 'timer':
                self.create_timer(0.05, self.work)
            if self.parameters.mode == 'message':
                topic = self.create_publisher(DiagnosticStatus, 'echo', 1)
                self.create_subscription(DiagnosticStatus, 'echo', lambda message: self.work(), 1)
                self.create_timer(0.05, lambda: topic.publish(DiagnosticStatus()))
            if self.parameters.mode == 'start':
                self.work()

        def work(self):
            raise ZeroDivisionError('at work')

        def stop(self):
            self.say('stop')
            if self.parameters.mode == 'stop':
                self.work()

        def close(self):
            self.say('close')
            if self.parameters.mode == 'person and close':
                self.work()

        def parameters_changed(self, old, new):
            if new.fps == 13.0:
                raise ValueError('13 brings bad luck')

        def diagnose(self):
            return [self.diagnostic('mood', DiagnosticStatus.OK, 'fine', fps=self.parameters.fps)]

    run_node(Probe)
"""


class Process:
    """The probe node in a process of its own, its output collected line by line."""

    def __init__(self, domain: str, *parameters: str) -> None:
        arguments = [part for item in parameters for part in ('-p', item)]
        self.popen = subprocess.Popen(
            [sys.executable, '-c', textwrap.dedent(NODE), '--ros-args', *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {'ROS_DOMAIN_ID': domain},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, line: str) -> None:
        deadline = time.monotonic() + 30
        while not any(seen.startswith(line) for seen in self.lines):
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)

    def end(self, signal_number: int | None = None) -> int:
        if signal_number is not None:
            self.popen.send_signal(signal_number)
        code = self.popen.wait(20)
        self._reader.join(5)
        return code

    @property
    def words(self) -> list[str]:
        known = ('open', 'start', 'stop', 'close', 'error:')
        return [line.split()[0] for line in self.lines if line.startswith(known)]


@pytest.fixture
def domain():
    return str(spare_domain())


@pytest.fixture
def start(domain):
    processes = []

    def start(*parameters: str) -> Process:
        processes.append(Process(domain, *parameters))
        return processes[-1]

    yield start
    for process in processes:
        process.popen.kill()
        process.popen.wait()


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_told_to_end_and_exits_with_zero(start, signal_number):
    process = start('fps:=20', 'origins:=[a, b]')
    process.wait_for('start')
    assert process.end(signal_number) == 0
    assert "start 20.0 ('a', 'b')" in process.lines
    assert process.words == ['open', 'start', 'stop', 'close']


def test_it_leaves_nothing_of_the_middleware_in_shared_memory(start):
    process = start()
    process.wait_for('start')
    maps = Path(f'/proc/{process.popen.pid}/maps').read_text()
    segments = set(re.findall(r'/dev/shm/(fastrtps_[0-9a-f]{16})$', maps, re.MULTILINE))
    assert segments
    assert process.end(signal.SIGINT) == 0
    assert not segments & set(os.listdir('/dev/shm'))


@pytest.mark.parametrize('mode', ['person', 'person and close'])
def test_a_persons_mistake_is_one_line_and_exit_code_two(start, mode):
    process = start(f'mode:={mode}')
    assert process.end() == 2
    assert process.lines[-1] == 'error: the file x is missing: name another'
    assert process.words == ['open', 'close', 'error:']
    assert not any('Traceback' in line for line in process.lines)


@pytest.mark.parametrize(
    ('override', 'text'),
    [
        ('fps:=99.0', 'error: probe: parameter fps is 99, must be 1 to 60 Hz'),
        ('fsp:=3.0', 'error: probe: parameter fsp is unknown, choose one of: fps, mode, origins'),
        ('autostart:=3', 'error: probe: parameter autostart is 3, must be of type bool'),
        (
            'fps:=a: b',
            "error: probe: ROS arguments: Couldn't parse parameter override rule: '-p fps:=a: b'. "
            'Error: Unknown YAML event',
        ),
    ],
)
def test_a_wrong_parameter_ends_it_before_anything_is_opened(start, override, text):
    process = start(override)
    assert process.end() == 2
    assert process.lines[-1] == text
    assert process.words == ['error:']


@pytest.mark.parametrize(
    ('mode', 'words'),
    [
        ('bug', ['open', 'close', 'error:']),
        ('start', ['open', 'start', 'stop', 'close', 'error:']),
        ('thread', ['open', 'start', 'stop', 'close', 'error:']),
        ('timer', ['open', 'start', 'stop', 'close', 'error:']),
        ('message', ['open', 'start', 'stop', 'close', 'error:']),
    ],
)
def test_any_other_fault_is_exit_code_one_with_a_traceback(start, mode, words):
    process = start(f'mode:={mode}')
    assert process.end() == 1
    assert process.words == words
    assert any('Traceback' in line for line in process.lines)


def test_a_node_that_cannot_be_stopped_is_closed_all_the_same(start):
    process = start('mode:=stop')
    process.wait_for('start')
    assert process.end(signal.SIGTERM) == 1
    assert process.words == ['open', 'start', 'stop', 'close', 'error:']
    assert process.lines[-1] == 'error: probe: ZeroDivisionError: at work'


def changes(transition: int, domain: str) -> str:
    """Ask the probe for a transition, from a process of its own; returns whether it was made."""
    code = f"""
import rclpy
from lifecycle_msgs.srv import ChangeState
rclpy.init()
node = rclpy.create_node('tester')
client = node.create_client(ChangeState, 'probe/change_state')
assert client.wait_for_service(20)
request = ChangeState.Request()
request.transition.id = {transition}
future = client.call_async(request)
rclpy.spin_until_future_complete(node, future, timeout_sec=20)
print(future.result().success)
"""
    # The middleware writes its own complaints to standard output, before.
    output = subprocess.run(
        [sys.executable, '-c', code],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        env=os.environ | {'ROS_DOMAIN_ID': domain},
    ).stdout
    return output.splitlines()[-1]


@pytest.mark.parametrize(
    ('parameters', 'transition', 'words', 'text'),
    [
        (
            ('autostart:=false', 'mode:=person'),
            1,
            ['open', 'close'],
            'cannot be configured: the file x is missing',
        ),
        (('mode:=stop',), 4, ['open', 'start', 'stop', 'close'], 'cannot be deactivated: at work'),
    ],
)
def test_a_failed_transition_is_told_and_does_not_end_the_node(
    start, domain, parameters, transition, words, text
):
    process = start(*parameters)
    assert changes(transition, domain) == 'False'
    assert process.words == words
    assert any(text in line for line in process.lines)
    assert process.end(signal.SIGINT) == 0


class Caller:
    """A node that asks the probe things, in the probe's domain."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node('tester', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.levels: dict[str, bytes] = {}
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.levels.update({status.name: status.level for status in message.status})

    def call(self, kind, name, request):
        client = self.node.create_client(kind, f'probe/{name}')
        assert client.wait_for_service(20)
        future = client.call_async(request)
        self.executor.spin_until_future_complete(future, timeout_sec=20)
        return future.result()

    def change(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(ChangeState, 'change_state', request).success

    def set_fps(self, value: float):
        item = Parameter(name='fps')
        item.value.type, item.value.double_value = 3, value
        request = SetParameters.Request(parameters=[item])
        return self.call(SetParameters, 'set_parameters', request).results[0]

    def wait_for_status(self, name: str) -> None:
        self.levels.clear()
        deadline = time.monotonic() + 15
        while name not in self.levels:
            assert time.monotonic() < deadline, self.levels
            self.executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def caller(domain, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', domain)
    caller = Caller()
    yield caller
    caller.close()


def test_its_lifecycle_over_ros(start, caller):
    process = start('autostart:=false')
    caller.wait_for_status('probe: lifecycle')
    assert process.words == []
    assert caller.change(Transition.TRANSITION_CONFIGURE)
    assert caller.change(Transition.TRANSITION_ACTIVATE)
    caller.wait_for_status('probe: mood')
    assert caller.change(Transition.TRANSITION_DEACTIVATE)
    assert caller.change(Transition.TRANSITION_CLEANUP)
    process.wait_for('close')
    assert process.words == ['open', 'start', 'stop', 'close']
    assert caller.change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert process.end() == 0


def test_its_parameters_over_ros(start, caller):
    process = start()
    process.wait_for('start')
    assert caller.set_fps(25.0).successful
    refused = caller.set_fps(13.0)
    assert (refused.successful, refused.reason) == (False, '13 brings bad luck')
    assert not caller.set_fps(500.0).successful
    request = DescribeParameters.Request(names=['fps'])
    described = caller.call(DescribeParameters, 'describe_parameters', request).descriptors[0]
    assert described.description == 'Rate [Hz]'
    assert described.floating_point_range[0].to_value == 60.0
    assert process.end(signal.SIGINT) == 0
    assert process.lines[-1] == 'close 25.0 ()'
