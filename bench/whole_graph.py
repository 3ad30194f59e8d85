"""Starts the whole graph as `./mmoment up` does, listens to it at little cost, and weighs it."""

from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from bench.api_process import Started, started
from mmoment_node.managed_node import create_executor
from mmoment_node.spare_domain import spare_domain

NODE_STARTED = re.compile(r'\[supervisor\] (\w+)-\d+ started, process (\d+)')
ALL_READY = re.compile(r'All \d+ nodes are ready')
# What has come but is not taken yet while this process does not get a turn.
DEPTH = 20


@contextlib.contextmanager
def whole_graph(namespace: str, *arguments: str) -> Iterator[Started]:
    """Run the graph under our supervisor, with these launch arguments, in a ROS domain of its own.

    The domain is also that of this process from then on. Ends the graph when the block ends.
    """
    from ament_index_python.packages import get_package_prefix

    os.environ['ROS_DOMAIN_ID'] = str(spare_domain())
    prefix = get_package_prefix('mmoment_bringup')
    supervisor = os.path.join(prefix, 'lib', 'mmoment_bringup', 'supervisor')
    words = ('mmoment_bringup', 'mmoment.launch.yaml', f'namespace:={namespace}', 'port:=0')
    with started([supervisor, *words, *arguments]) as graph:
        graph.wait_for(NODE_STARTED)
        yield graph


def node_processes(graph: Started) -> dict[str, psutil.Process]:
    """The supervisor and its nodes by name; RuntimeError if a node had to be started again."""
    found = [match for line in list(graph.lines) if (match := NODE_STARTED.search(line))]
    names = [match.group(1) for match in found]
    if len({*names}) < len(names):
        raise RuntimeError(f'a node has died:\n{"".join(graph.lines[-30:])}')
    pids = {match.group(1): int(match.group(2)) for match in found}
    pids['supervisor'] = graph.process.pid
    return {name: psutil.Process(pid) for name, pid in pids.items()}


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of processes, MiB: resident, and with shared memory counted once in all."""

    resident_mib: float
    proportional_mib: float


def memory_of(processes: Sequence[psutil.Process]) -> Memory:
    """Memory of all of them together."""
    figures = [process.memory_full_info() for process in processes]
    return Memory(
        sum(figure.rss for figure in figures) / 2**20,
        sum(figure.pss for figure in figures) / 2**20,
    )


def cpu_s(process: psutil.Process) -> float:
    """CPU time that all threads of a process have used since it began."""
    times = process.cpu_times()
    return float(times.user + times.system)


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which the share `q` lies, rounded; NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 2)


class Recorder:
    """Keeps messages as the bytes that came, in a thread of its own: reading them can wait.

    `topics`: message class by topic. A message costs a few dozen microseconds here, read at once it
    would cost a multiple, which on two cores the graph would miss.
    """

    def __init__(self, namespace: str, topics: dict[str, type]) -> None:
        self._kinds = topics
        self._kept: dict[str, list[tuple[int, bytes]]] = {topic: [] for topic in topics}
        rclpy.init(args=[])
        self._node = rclpy.create_node('bench_recorder', namespace=namespace)
        qos = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
        for topic, kind in topics.items():
            self._node.create_subscription(kind, topic, self._keeper(topic), qos, raw=True)
        self._executor = create_executor()
        self._executor.add_node(self._node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def messages(self, topic: str, since_ns: int, until_ns: int) -> list[tuple[int, Any]]:
        """Arrival (CLOCK_MONOTONIC, ns) and message of all that came in that time."""
        kind = self._kinds[topic]
        return [
            (arrived_ns, deserialize_message(content, kind))
            for arrived_ns, content in list(self._kept[topic])
            if since_ns <= arrived_ns < until_ns
        ]

    def close(self) -> None:
        """Stop listening."""
        self._ended.set()
        self._thread.join(2.0)
        self._node.destroy_node()
        rclpy.shutdown()

    def _keeper(self, topic: str) -> Any:
        kept = self._kept[topic]

        def keep(content: bytes) -> None:
            kept.append((time.monotonic_ns(), content))

        return keep

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.5)
