"""Starts the whole graph for a test, listens to it, and makes sure that nothing of it stays.

    with Graph('pattern') as graph, Listener(graph) as listener:
        faces = listener.subscribe(FaceArray, 'faces')
        faces.wait_for(lambda message: message.faces)

Every graph gets a ROS domain, a namespace and a port of its own, so that tests can run side by
side with each other and with a camera that is in use. When a block is left by an error, the last
output of the nodes is part of the error.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import psutil
import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from bench.api_process import LINK, spend
from mmoment_bringup.leftovers import SHARED_MEMORY
from mmoment_node.spare_domain import spare_domain

# Models are loaded at the start, on two cores that tests of others may need as well
START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 20.0
PATIENCE_S = 30.0
SHOWN_LINES = 60

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
EVENTS = QoSProfile(depth=50)

_STARTED = re.compile(r'\[supervisor\] (\w+)-\d+ started, process (\d+)')
_counter = iter(range(10**6))

Message = TypeVar('Message')

# Read once per process, when the first participant is made: what the launch file sets for nodes
_PROFILE = Path(get_package_share_directory('mmoment_camera'), 'config', 'fastdds.xml')
os.environ.setdefault('FASTRTPS_DEFAULT_PROFILES_FILE', str(_PROFILE))
os.environ.setdefault('FASTDDS_DEFAULT_PROFILES_FILE', str(_PROFILE))
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


def wait_until(is_true: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for something that another process does; fails if it does not happen in time."""
    end = time.monotonic() + patience_s
    while not is_true():
        assert time.monotonic() < end, f'waited {patience_s:.0f} s in vain for: {what}'
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """True while the process exists and is not merely waiting to be reaped."""
    try:
        text = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rsplit(')', 1)[1].split()[0] != 'Z'


class Graph:
    """The nodes of the launch file under our supervisor. Leaving the block ends them.

    `arguments` are further launch arguments. `prefix` stands before the command, for a graph that
    runs in surroundings of its own.
    """

    def __init__(
        self,
        source: str,
        *,
        namespace: str = '',
        domain: int | None = None,
        port: int = 0,
        prefix: tuple[str, ...] = (),
        **arguments: str,
    ) -> None:
        number = next(_counter)
        self.domain = spare_domain() if domain is None else domain
        self.namespace = namespace or f'test_{os.getpid()}_{number}'
        self.lines: list[str] = []
        self.error_lines: list[str] = []
        values = {'namespace': self.namespace, 'source': source, 'port': str(port), **arguments}
        self.command = [
            *prefix,
            *(sys.executable, '-m', 'mmoment_bringup.supervisor'),
            *('mmoment_bringup', 'mmoment.launch.yaml'),
            *(f'{name}:={value}' for name, value in values.items()),
        ]
        self._segments: set[str] = set()

    def __enter__(self) -> Graph:
        # Sessions and keys of a test are nobody's data.
        self._data = tempfile.TemporaryDirectory(prefix='mmoment-')
        self.process = subprocess.Popen(
            self.command,
            env={
                **os.environ,
                'ROS_DOMAIN_ID': str(self.domain),
                'MMOMENT_DATA': self._data.name,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in (
                (self.process.stdout, self.lines),
                (self.process.stderr, self.error_lines),
            )
        ]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(PATIENCE_S)
        self._data.cleanup()
        if error is not None:
            tail = '\n'.join([*self.lines[-SHOWN_LINES:], *self.error_lines])
            raise AssertionError(f'{error}\n--- output of the graph ---\n{tail}') from error

    def _read(self, stream: Any, lines: list[str]) -> None:
        with stream:
            for line in stream:
                lines.append(line.rstrip('\n'))

    # --- what it does -----------------------------------------------------------------------

    @property
    def text(self) -> str:
        """Everything on standard output so far."""
        return '\n'.join(self.lines)

    def wait_for_output(self, pattern: str, patience_s: float = PATIENCE_S) -> re.Match[str]:
        """Return the first match of `pattern` in the output, as soon as it is there."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            assert self.process.poll() is None or re.search(pattern, self.text), (
                f'the graph ended with exit code {self.process.returncode} before: {pattern}'
            )
            found.extend(re.finditer(pattern, self.text))
            return bool(found)

        wait_until(look, pattern, patience_s)
        return found[0]

    def wait_until_ready(self) -> None:
        """Wait until the supervisor says that all nodes are ready."""
        self.wait_for_output(r'All \d+ nodes are ready', START_PATIENCE_S)
        for pid in self.pids.values():
            self._segments |= mapped_segments(pid)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by executable; of a restarted node the newest."""
        return {name: int(pid) for name, pid in _STARTED.findall(self.text)}

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """End the graph as a person would; return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self, patience_s: float = STOP_PATIENCE_S) -> int:
        """Wait until the graph has ended by itself; return the exit code."""
        code = self.process.wait(patience_s)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return code

    def leftovers(self) -> list[str]:
        """What the graph has left on this machine: processes and shared memory."""
        marker = f'__ns:=/{self.namespace}'.encode()
        found = []
        for folder in Path('/proc').glob('[0-9]*'):
            try:
                command = (folder / 'cmdline').read_bytes().split(b'\0')
            except (FileNotFoundError, ProcessLookupError):
                continue
            if marker in command and is_running(int(folder.name)):
                found.append(f'process {folder.name}')
        # Graphs of one domain map each other's segments: one that still lives keeps its own.
        in_use = set().union(*map(mapped_segments, psutil.pids()))
        for name in os.listdir(SHARED_MEMORY):
            is_ring = f'.{self.domain}.{self.namespace}.' in name
            if is_ring or (name in self._segments and name not in in_use):
                found.append(f'shared memory {name}')
        return found

    # --- its web page -----------------------------------------------------------------------

    def sign_in(self) -> None:
        """Spend the sign-in link; later requests of this object carry the cookie."""
        self._signed = spend(self.wait_for_output(LINK.pattern, START_PATIENCE_S))

    @property
    def port(self) -> int:
        """Where its page is; known after signing in."""
        return self._signed.port

    def get(self, path: str) -> Any:
        """Return the JSON answer to a signed-in GET."""
        return self._signed.get(path)

    def send(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """Return status and JSON answer of a signed-in request with these fields."""
        return self._signed.send(method, path, body)

    def pictures(self, query: str = '') -> Iterator[bytes]:
        """The JPEG files of the live view, as they come."""
        return (jpeg for _, jpeg in self._signed.pictures(query))


def mapped_segments(pid: int) -> set[str]:
    """Names of the Fast DDS segments (not ports, which are shared) that a process has mapped."""
    try:
        maps = Path(f'/proc/{pid}/maps').read_text(encoding='utf-8')
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return set()
    return set(re.findall(rf'{SHARED_MEMORY}/(fast(?:rtps|dds)_[0-9a-f]{{16}})\b', maps))


def owned_segments(pid: int) -> set[str]:
    """Names of the Fast DDS segments that a process made: it keeps their lock files open."""
    links = {os.readlink(link) for link in Path(f'/proc/{pid}/fd').iterdir()}
    locked = re.compile(rf'{SHARED_MEMORY}/(fast(?:rtps|dds)_[0-9a-f]{{16}})_el')
    return {match[1] for link in links if (match := locked.fullmatch(link))}


class Inbox(Generic[Message]):
    """The messages of one topic."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.messages: list[Message] = []
        self._arrived = threading.Condition()

    def __call__(self, message: Message) -> None:
        with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    def wait_for(
        self, is_right: Callable[[Message], object], patience_s: float = PATIENCE_S
    ) -> Message:
        """Return the first message that is right, waiting for it if there is none yet."""
        end = time.monotonic() + patience_s
        seen = 0
        with self._arrived:
            while True:
                for message in self.messages[seen:]:
                    if is_right(message):
                        return message
                seen = len(self.messages)
                left_s = end - time.monotonic()
                assert left_s > 0, f'none of {seen} messages on {self.topic} was right'
                self._arrived.wait(left_s)

    def clear(self) -> None:
        """Forget what has come so far."""
        with self._arrived:
            self.messages.clear()


class Listener:
    """A ROS node of the test, in the graph's domain and namespace, with a thread of its own."""

    def __init__(self, graph: Graph) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=graph.domain)
        self.node = rclpy.create_node(
            'test_listener', namespace=graph.namespace, context=self._context
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._executor.wake()
        self._thread.join(PATIENCE_S)
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def subscribe(self, kind: type[Message], topic: str, qos: QoSProfile = NEWEST) -> Inbox:
        """Collect the messages of a topic."""
        inbox: Inbox[Message] = Inbox(topic)
        self.node.create_subscription(kind, topic, inbox, qos)
        return inbox

    def call(self, kind: type, service: str, request: Any) -> Any:
        """Call a service and return its answer."""
        client = self.node.create_client(kind, service)
        assert client.wait_for_service(PATIENCE_S), f'no service {service}'
        future = client.call_async(request)
        wait_until(future.done, f'an answer of {service}')
        return future.result()

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.5)
