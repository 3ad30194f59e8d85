"""The whole graph on the test pattern: how late pictures and faces are, how soon it runs, how much
memory it takes and whether that grows.

Capture time stands in the pixels of the pattern, in the headers of the live picture and in the
messages; the first is read back to prove the second. All clocks are CLOCK_MONOTONIC of this machine.
"""

from __future__ import annotations

import math
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import cv2
import numpy as np
import psutil
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy

from bench.api_process import Signed, sign_in
from bench.runner import BenchResult
from bench.whole_graph import Memory, memory_of, quantile, whole_graph
from mmoment_camera.pattern import MICROSECOND_NS, STAMP_MODULUS_US, read_mark
from mmoment_interfaces.msg import FaceArray
from mmoment_node.managed_node import create_executor

SUMMARY = 'whole graph on the test pattern: capture to page and to faces, start, memory'
COMPARED_WITH = {
    'capture_to_mjpeg_p50_ms': 'under 60 ms',
    'start_to_first_annotated_s': 'at most 10 s',
    'rss_growth': 'about 0; 0.05 is 5 %',
}
NAMESPACE = f'bench_latency_{os.getpid()}'
# Models load and buffers fill in the first seconds; that is no growth.
WARM_UP_S, QUICK_WARM_UP_S = 60.0, 10.0
FULL_S, QUICK_S = 600.0, 25.0
MEMORY_PERIOD_S, QUICK_MEMORY_PERIOD_S = 5.0, 1.0
PROVED_EVERY = 30
# Part of the samples at either end that growth is taken from.
END_SHARE = 0.15


@dataclass(slots=True)
class Parts:
    """What one viewer of the live picture saw."""

    ages_ms: list[float] = field(default_factory=list)
    first_s: float | None = None
    proved: int = 0
    contradicted: int = 0
    unreadable: int = 0
    fault: str = ''


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Start the graph, look at it, listen to it, weigh it."""
    warm_up_s, seconds = (QUICK_WARM_UP_S, QUICK_S) if quick else (WARM_UP_S, FULL_S)
    period_s = QUICK_MEMORY_PERIOD_S if quick else MEMORY_PERIOD_S
    progress('starting the graph')
    with whole_graph(NAMESPACE, 'source:=pattern') as graph:
        began_s = time.monotonic()
        signed = sign_in(graph, timeout_s=60.0)
        parts, ended = Parts(), threading.Event()
        viewer = threading.Thread(target=_look, args=(signed, parts, began_s, ended), daemon=True)
        viewer.start()
        with closing(FaceListener(NAMESPACE)) as faces:
            progress(f'warming up for {warm_up_s:.0f} s')
            time.sleep(warm_up_s)
            parts.ages_ms.clear()
            faces.ages_ms.clear()
            progress(f'measuring for {seconds:.0f} s')
            measured_s = time.monotonic()
            memory = list(_weigh(graph.process.pid, seconds, period_s))
            faces_ms, ages_ms = list(faces.ages_ms), list(parts.ages_ms)
            measured_s = time.monotonic() - measured_s
        ended.set()
        viewer.join(5.0)
        if parts.fault:
            raise RuntimeError(f'the live picture ended: {parts.fault}')
        if not parts.proved:
            raise RuntimeError('no picture proved by its pixels that its headers are right')
    metrics = {
        **_figures('capture_to_mjpeg', ages_ms, 'mjpeg_fps', measured_s),
        **_figures('capture_to_faces', faces_ms, 'faces_fps', measured_s),
        'start_to_first_annotated_s': math.nan
        if parts.first_s is None
        else round(parts.first_s, 2),
        **_memory_figures(memory),
        'proved_by_pixels': parts.proved,
        'contradicted_by_pixels': parts.contradicted,
        'unreadable_pixels': parts.unreadable,
    }
    notes = [
        f'memory over {measured_s:.0f} s after {warm_up_s:.0f} s of warming up, with one viewer',
        'rss_mib_total counts shared memory once per process, pss_mib_total once in all',
        'start is counted from starting the first node to the last byte of the first live picture',
        'unreadable: the overlay had drawn over the mark in the pixels',
    ]
    return BenchResult(metrics=metrics, samples=len(ages_ms), notes=notes)


def _figures(
    what: str, ages_ms: list[float], rate: str, seconds: float
) -> dict[str, float | int | str]:
    return {
        f'{what}_p50_ms': quantile(ages_ms, 0.5),
        f'{what}_p99_ms': quantile(ages_ms, 0.99),
        rate: round(len(ages_ms) / seconds, 2),
    }


def _memory_figures(memory: list[Memory]) -> dict[str, float | int | str]:
    count = max(1, int(len(memory) * END_SHARE))
    first = statistics.median(one.resident_mib for one in memory[:count])
    last = statistics.median(one.resident_mib for one in memory[-count:])
    return {
        'rss_mib_total': round(last, 1),
        'pss_mib_total': round(memory[-1].proportional_mib, 1),
        'rss_growth': round(last / first - 1, 4),
    }


# --- the live picture -----------------------------------------------------------------------


def _look(signed: Signed, parts: Parts, began_s: float, ended: threading.Event) -> None:
    number = 0
    try:
        for headers, jpeg in signed.pictures('overlay=1'):
            now_ns = time.monotonic_ns()
            if ended.is_set():
                break
            if headers['x-live'] != '1':
                continue
            if parts.first_s is None:
                parts.first_s = now_ns / 1e9 - began_s
            captured_ns = int(headers['x-capture-monotonic-ns'])
            parts.ages_ms.append((now_ns - captured_ns) / 1e6)
            number += 1
            if number % PROVED_EVERY == 0:
                _prove(jpeg, captured_ns, parts)
    except Exception as error:
        # Whatever it is, the measurement must not go on without this viewer.
        parts.fault = f'{type(error).__name__}: {error}'


def _prove(jpeg: bytes, captured_ns: int, parts: Parts) -> None:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    mark = read_mark(image)
    if mark is None:
        # The overlay may have drawn over a cell; the check sum of the mark notices.
        parts.unreadable += 1
    elif mark.capture_us == captured_ns // MICROSECOND_NS % STAMP_MODULUS_US:
        parts.proved += 1
    else:
        parts.contradicted += 1


# --- faces ----------------------------------------------------------------------------------


class FaceListener:
    """Listens to `faces` of a namespace in a thread of its own; `ages_ms` grows."""

    def __init__(self, namespace: str) -> None:
        self.ages_ms: list[float] = []
        rclpy.init(args=[])
        self._node = rclpy.create_node('bench_faces', namespace=namespace)
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._node.create_subscription(FaceArray, 'faces', self._on_faces, qos)
        self._executor = create_executor()
        self._executor.add_node(self._node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._ended.set()
        self._thread.join(2.0)
        self._node.destroy_node()
        rclpy.shutdown()

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.5)

    def _on_faces(self, message: FaceArray) -> None:
        self.ages_ms.append((time.monotonic_ns() - message.monotonic_ns) / 1e6)


# --- memory ---------------------------------------------------------------------------------


def _weigh(pid: int, seconds: float, period_s: float) -> Iterator[Memory]:
    """Memory of the supervisor and its nodes, once per period."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        supervisor = psutil.Process(pid)
        yield memory_of([supervisor, *supervisor.children(recursive=True)])
        time.sleep(period_s)
