"""The whole graph, what it says of its pushes, and how they are set up."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message

from bench.api_process import Started, started
from bench.stream_names import Names
from bench.stream_scores import Moment
from bench.whole_graph import ALL_READY, NODE_STARTED, cpu_s
from mmoment_interfaces.msg import StreamStatus, StreamTarget, StreamTargetStatus, VideoPacket
from mmoment_interfaces.srv import ConfigureStream, StartStream, StopStream
from mmoment_node.managed_node import create_executor
from mmoment_node.recovery import RecoveryState
from mmoment_node.spare_domain import spare_domain

NAMESPACE = f'bench_stream_{os.getpid()}'
SIZE, FPS = (1280, 720), 30
START_WAIT_S, PATIENCE_S = 90.0, 30.0
# Seconds of video: this process does not always get a turn when a packet comes.
VIDEO_QOS = QoSProfile(depth=300)
STATUS_QOS = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
KEY_FILE = 'bench.key'
Told = tuple[float, StreamStatus]


class Camera:
    """A running graph. `started` is its supervisor with the output of all nodes."""

    def __init__(self, graph: Started) -> None:
        self.started = graph
        self._told: list[Told] = []
        self._packets: list[bytes] = []
        self._arrived = threading.Condition()
        rclpy.init(args=[])
        self._node = rclpy.create_node('bench_stream', namespace=NAMESPACE)
        self._node.create_subscription(StreamStatus, 'stream_status', self._on_status, STATUS_QOS)
        # Only kept: to read each packet would take this machine from those that are measured.
        self._node.create_subscription(
            VideoPacket, 'video', self._packets.append, VIDEO_QOS, raw=True
        )
        self._clients = {
            kind: self._node.create_client(kind, name)
            for kind, name in (
                (StartStream, 'start_stream'),
                (StopStream, 'stop_stream'),
                (ConfigureStream, 'configure_stream'),
            )
        }
        self._executor = create_executor()
        self._executor.add_node(self._node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    # --- what is set up -----------------------------------------------------------------------

    def key_folder(self) -> Path:
        """Where its key files lie."""
        return Path(self._call(ConfigureStream).key_folder)

    def push_to(self, targets: Sequence[StreamTarget]) -> float:
        """Push to these from now on, anew; returns when that was asked for (CLOCK_MONOTONIC, s)."""
        self.halt()
        request = ConfigureStream.Request(fields=['targets'])
        request.settings.targets = list(targets)
        self._call(ConfigureStream, request)
        asked_s = time.monotonic()
        self._call(StartStream)
        return asked_s

    def halt(self) -> None:
        """Push nothing any more."""
        self._call(StopStream)

    def _call(self, kind: Any, request: Any = None) -> Any:
        """The answer; raises RuntimeError if it is a refusal, TimeoutError if there is none."""
        client = self._clients[kind]
        if not client.wait_for_service(PATIENCE_S):
            raise TimeoutError(f'nobody serves {client.srv_name}')
        future, end_s = client.call_async(request or kind.Request()), time.monotonic() + PATIENCE_S
        while not future.done():
            if time.monotonic() > end_s:
                raise TimeoutError(f'no answer of {client.srv_name}')
            time.sleep(0.005)
        answer = future.result()
        if not answer.success:
            raise RuntimeError(f'{client.srv_name} was refused: {answer.message}')
        return answer

    # --- what it says -------------------------------------------------------------------------

    def status(self, name: str) -> StreamTargetStatus:
        """The newest of this target. Raises LookupError."""
        for _, message in reversed(self._told):
            for target in message.targets:
                if target.name == name:
                    return target
        raise LookupError(f'nothing was said of a target {name}')

    def moments(self, name: str, since_s: float) -> list[Moment]:
        """What was said of this target since then, and what held at that time."""
        moments = [
            Moment(at_s, target.push.state, target.error_code, target.slate)
            for at_s, message in list(self._told)
            for target in message.targets
            if target.name == name
        ]
        before = [moment for moment in moments if moment.at_s < since_s]
        return before[-1:] + [moment for moment in moments if moment.at_s >= since_s]

    def await_moment(
        self, name: str, is_right: Callable[[Moment], object], since_s: float, patience_s: float
    ) -> Moment | None:
        """The first right one that was said since then; None where there is none in time."""
        end_s = time.monotonic() + patience_s
        with self._arrived:
            while True:
                for moment in self.moments(name, since_s):
                    if moment.at_s >= since_s and is_right(moment):
                        return moment
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    return None
                self._arrived.wait(left_s)

    def await_live(self, name: str, since_s: float) -> float:
        """When it was live since then (CLOCK_MONOTONIC, s). Raises RuntimeError with what it says."""
        moment = self.await_moment(
            name, lambda told: told.state == RecoveryState.LIVE, since_s, PATIENCE_S
        )
        if moment is None:
            push = self.status(name).push
            raise RuntimeError(f'{name} does not become live: {push.last_error or push.state}')
        return moment.at_s

    def encoded_ns(self) -> list[int]:
        """Capture times of all packets so far, in order."""
        packets = (deserialize_message(content, VideoPacket) for content in list(self._packets))
        return [packet.monotonic_ns for packet in packets]

    # --- its processes ------------------------------------------------------------------------

    def process(self, node: str) -> psutil.Process:
        """The newest process of a node. Raises LookupError."""
        for line in reversed(self.started.lines):
            if (match := NODE_STARTED.search(line)) and match.group(1) == node:
                return psutil.Process(int(match.group(2)))
        raise LookupError(f'no {node} was started')

    def close(self) -> None:
        """Leave the graph."""
        self._ended.set()
        self._thread.join(2.0)
        self._node.destroy_node()
        rclpy.shutdown()

    def _on_status(self, message: StreamStatus) -> None:
        with self._arrived:
            self._told.append((time.monotonic(), message))
            self._arrived.notify_all()

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.5)


@contextlib.contextmanager
def camera(folder: Path, names: Names, source: str) -> Iterator[Camera]:
    """Run the graph on a source, with its data in this folder, until the block ends; waits for it."""
    from ament_index_python.packages import get_package_prefix

    os.environ['ROS_DOMAIN_ID'] = str(spare_domain())
    prefix = get_package_prefix('mmoment_bringup')
    supervisor = os.path.join(prefix, 'lib', 'mmoment_bringup', 'supervisor')
    words = ('mmoment_bringup', 'mmoment.launch.yaml', f'namespace:={NAMESPACE}', 'port:=0')
    picture = (f'source:={source}', f'width:={SIZE[0]}', f'height:={SIZE[1]}', f'fps:={FPS}')
    command = [*names.prefix, supervisor, *words, *picture, f'data_folder:={folder}']
    with started(command) as graph:
        graph.wait_for(ALL_READY, START_WAIT_S)
        with contextlib.closing(Camera(graph)) as running:
            yield running


class Load:
    """CPU that is used from now on, in percent of a core."""

    def __init__(self, node: psutil.Process, graph: Started) -> None:
        self._node, self._graph = node, graph
        self._before = time.monotonic(), cpu_s(node), self._others_s()

    def node_percent(self) -> float:
        """Of the one process, until now."""
        began_s, used_s, _ = self._before
        return 100.0 * (cpu_s(self._node) - used_s) / (time.monotonic() - began_s)

    def others_percent(self) -> float:
        """Of all that is neither the graph nor this benchmark, until now."""
        began_s, _, used_s = self._before
        return 100.0 * max(0.0, self._others_s() - used_s) / (time.monotonic() - began_s)

    def _others_s(self) -> float:
        times = psutil.cpu_times()
        all_s = times.user + times.nice + times.system + times.irq + times.softirq
        # The graph is a child of this process, as viewers and servers are.
        own = [psutil.Process(), *psutil.Process().children(recursive=True)]
        return float(all_s) - sum(map(cpu_s, own))
