"""Where secrets are searched for: topics, parameters, files, memory and command lines of a graph."""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import rclpy
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile

from mmoment_bringup.leftovers import SHARED_MEMORY
from tests.graph import PATIENCE_S, Graph, Listener, mapped_segments
from tests.secret_markers import Markers, without_empty_pages

# Raw pictures are a megabyte each; everything else is kept whole.
PICTURE_BYTES = 1 << 16
PICTURES_KEPT = 3
# Runs a command without what only root may, also if this test is run by root: as people should.
WITHOUT_PRIVILEGES = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAPABILITIES = 24, 64
for number in range(CAPABILITIES):
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
PREFIX = (sys.executable, '-c', WITHOUT_PRIVILEGES)


class Tap:
    """Takes every message of every topic of the graph as the bytes that came."""

    def __init__(self, graph: Graph) -> None:
        self.messages: dict[str, list[bytes]] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=graph.domain)
        self.node = rclpy.create_node('tap', namespace=graph.namespace, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.create_timer(0.25, self._take_new_topics)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> Tap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._executor.wake()
        self._thread.join(PATIENCE_S)
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.5)

    def _take_new_topics(self) -> None:
        for topic, kinds in self.node.get_topic_names_and_types():
            publishers = self.node.get_publishers_info_by_topic(topic)
            if topic in self.messages or not publishers:
                continue
            self.messages[topic] = []
            qos = QoSProfile(
                depth=100,
                reliability=publishers[0].qos_profile.reliability,
                durability=publishers[0].qos_profile.durability,
            )
            self.node.create_subscription(
                message_class(kinds[0]), topic, self._keeper(self.messages[topic]), qos, raw=True
            )

    @staticmethod
    def _keeper(kept: list[bytes]):
        def keep(content: bytes) -> None:
            if len(content) > PICTURE_BYTES:
                del kept[: len(kept) + 1 - PICTURES_KEPT]
            kept.append(bytes(content))

        return keep


def message_class(kind: str) -> type:
    """Class of a type as the graph names it; actions publish messages that have no module."""
    package, folder, name = kind.split('/')
    module = importlib.import_module(f'{package}.{folder}')
    if folder == 'action':
        return getattr(module, name.removesuffix('_FeedbackMessage')).Impl.FeedbackMessage
    return getattr(module, name)


def parameters_of(listener: Listener) -> dict[str, bytes]:
    """What `ros2 param dump` shows of every node that has parameters."""
    found = {}
    ending = '/list_parameters'
    for service, _ in listener.node.get_service_names_and_types():
        if not service.endswith(ending):
            continue
        name = service.removesuffix(ending)
        listed = listener.call(ListParameters, service, ListParameters.Request())
        names = list(listed.result.names)
        request = GetParameters.Request(names=names)
        values = listener.call(GetParameters, f'{name}/get_parameters', request).values
        found[name] = repr(list(zip(names, values, strict=True))).encode()
    return found


def segments_made_by(pid: int) -> set[str]:
    """Names of the segments that a process made, if one may know: it keeps their lock files open."""
    names = set()
    folder = f'/proc/{pid}/fd'
    with contextlib.suppress(PermissionError):
        for number in os.listdir(folder):
            # Other threads open and close files meanwhile.
            with contextlib.suppress(FileNotFoundError):
                names.add(os.path.basename(os.readlink(f'{folder}/{number}')))
    return {name.removesuffix('_el') for name in names if name.endswith('_el')}


def shared_memory_of(graph: Graph) -> dict[str, bytes]:
    """Picture rings, and what the middleware of the nodes (not of this test) has written."""
    segments = mapped_segments(os.getpid()).union(*map(mapped_segments, graph.pids.values()))
    made_by = {node: segments_made_by(pid) for node, pid in graph.pids.items()}
    rings = {name for name in os.listdir(SHARED_MEMORY) if f'.{graph.namespace}.' in name}
    found = {}
    for name in (segments - segments_made_by(os.getpid())) | rings:
        path = Path(SHARED_MEMORY, name)
        if path.is_file() and os.access(path, os.R_OK):
            owners = [node for node, names in made_by.items() if name in names] or ['picture ring']
            label = f'{name} of {owners[0]}, mode {path.stat().st_mode & 0o777:04o}'
            found[label] = without_empty_pages(path.read_bytes())
    return found


@dataclass
class Evidence:
    """What the run has left, by kind and name of the place, and what is searched for in it."""

    secrets: Markers = field(default_factory=Markers)
    planted: Markers = field(default_factory=Markers)
    places: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))
    limits: dict[str, str] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    readable: dict[str, bool] = field(default_factory=dict)

    def look(self, moment, graph, listener, folder):
        """Take down all places but topics and output, which lose nothing."""
        for name, content in parameters_of(listener).items():
            self.places['parameter'][f'{name} {moment}'] = content
        for path in folder.rglob('*'):
            if path.is_file():
                self.places['file'][f'{path.relative_to(folder)} {moment}'] = path.read_bytes()
        for name, content in shared_memory_of(graph).items():
            self.places['shared memory'][f'{name} {moment}'] = content
        for name, pid in graph.pids.items():
            command = Path(f'/proc/{pid}/cmdline').read_bytes()
            self.places['command line'][f'{name} {moment}'] = command

    def ask_system(self, graph):
        """What the system says of each process."""
        for name, pid in graph.pids.items():
            self.limits[name] = Path(f'/proc/{pid}/limits').read_text(encoding='utf-8')
            self.status[name] = Path(f'/proc/{pid}/status').read_text(encoding='utf-8')
            reader = [*PREFIX, 'head', '-c', '1', f'/proc/{pid}/environ']
            self.readable[name] = not subprocess.run(reader, capture_output=True).returncode

    def found(self, kind, markers):
        return [
            f'{name}: {", ".join(sorted(found))}'
            for name, content in sorted(self.places[kind].items())
            if (found := markers.found(content))
        ]
