"""Frames between processes: the frame ring against DDS, iceoryx2 and a bare memcpy."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import secrets
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench import transport_peers as peers
from bench.runner import BenchResult
from mmoment_camera.frame_ring import (
    FrameOverwritten,
    FrameRingReader,
    FrameRingWriter,
    Geometry,
    NoRing,
    ring_name,
)
from mmoment_node.spare_domain import spare_domain

SUMMARY = 'Capture to callback at 30 Hz with 1 and 4 readers, write cost, torn pictures'
COMPARED_WITH = {
    'latency_x_dds_720p': 'sensor_msgs/Image through rclpy, tuned SHM profile; target 0.167 or less',
    'latency_x_dds_1080p': 'the same at 1080p; target 0.1 or less',
    'write_x_memcpy_720p': 'memcpy over as many private buffers as the ring has slots; target 1.3',
    'write_x_memcpy_1080p': 'the same at 1080p; target 1.3',
    'reader_cpu_x_dds': 'CPU of a reader of sensor_msgs/Image, worst size; target 0.2 or less',
    'write_read_x_iceoryx2': 'iceoryx2 loan, copy, send, receive in one process, worst size; target 1',
    'torn_frames_accepted': 'writer at 200 Hz, slow readers; target 0',
}

RATE_HZ = 30.0
STRESS_RATE_HZ = 200.0
SIZES = {'720p': Geometry(1280, 720), '1080p': Geometry(1920, 1080)}
READERS = (1, 4)
WARM_UP_TURNS = 10
PAUSE_S = 0.01  # between two timed writes, so that the caches are as cold as between two pictures


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one run over one path delivered."""

    p50_ms: float
    p99_ms: float
    cpu_percent_per_reader: float
    delivered: float
    samples: int


def deliver(path: str, geometry: Geometry, readers: int, seconds: float) -> Delivery:
    """Send pictures at `RATE_HZ` over `path` (ring or dds) to that many reader processes."""
    context = multiprocessing.get_context('spawn')
    results: multiprocessing.Queue = context.Queue()
    namespace = f'/bench_{secrets.token_hex(4)}'
    arguments = (path, namespace, seconds, results)
    processes = [context.Process(target=peers.read, args=arguments) for _ in range(readers)]
    for process in processes:
        process.start()
    writer = context.Process(
        target=peers.write, args=(path, namespace, geometry, readers, seconds, RATE_HZ)
    )
    writer.start()
    reports = [results.get(timeout=seconds + 60) for _ in processes]
    for process in (*processes, writer):
        process.join(20)
    latencies = sorted(itertools.chain.from_iterable(report.latencies_ms for report in reports))
    if not latencies:
        raise RuntimeError(f'no picture of {geometry} arrived over {path}: nothing to compare')
    return Delivery(
        p50_ms=latencies[len(latencies) // 2],
        p99_ms=latencies[int(len(latencies) * 0.99)],
        cpu_percent_per_reader=statistics.fmean(report.cpu_percent for report in reports),
        delivered=len(latencies) / (readers * seconds * RATE_HZ),
        samples=len(latencies),
    )


def write_cost_ratios(geometry: Geometry, repeats: int) -> tuple[float, float | None]:
    """Ring write against memcpy, and ring write plus read against iceoryx2 (None without it)."""
    image = np.random.default_rng(0).integers(0, 256, geometry.shape, np.uint8)
    writer = FrameRingWriter(ring_name('/bench', secrets.token_hex(4)), geometry)
    reader = FrameRingReader(writer.name)
    buffers = itertools.cycle([np.zeros_like(image) for _ in range(writer.slots)])

    def ring_write() -> None:
        writer.write(image, monotonic_ns=time.monotonic_ns())

    def ring_write_read() -> None:
        ring_write()
        frame = reader.newest()
        assert frame is not None
        assert frame.image[0, 0, 0] == image[0, 0, 0]
        assert frame.image[-1, -1, -1] == image[-1, -1, -1]
        assert frame.intact()

    def memcpy() -> None:
        np.copyto(next(buffers), image)

    candidates: dict[str, Callable[[], None]] = {
        'write': ring_write,
        'memcpy': memcpy,
        'write_read': ring_write_read,
    }
    iceoryx2 = peers.iceoryx2_write_read(image)
    if iceoryx2 is not None:
        candidates['iceoryx2'] = iceoryx2
    times: dict[str, list[float]] = {name: [] for name in candidates}
    order = list(candidates)
    for turn in range(repeats + WARM_UP_TURNS):
        # Interleaved and rotated, so that whatever else the machine does falls on all alike.
        order = order[1:] + order[:1]
        for name in order:
            time.sleep(PAUSE_S)
            started = time.perf_counter()
            candidates[name]()
            if turn >= WARM_UP_TURNS:
                times[name].append(time.perf_counter() - started)
    writer.close()

    def ratio(ours: str, theirs: str) -> float:
        # Within each turn: memory bandwidth drifts by tens of percent between turns.
        pairs = zip(times[ours], times[theirs], strict=True)
        return statistics.median(one / other for one, other in pairs)

    return (
        ratio('write', 'memcpy'),
        ratio('write_read', 'iceoryx2') if 'iceoryx2' in candidates else None,
    )


def stress(seconds: float) -> tuple[int, int, int]:
    """A 200 Hz writer and readers slower than the ring: (torn accepted, accepted, detected)."""
    context = multiprocessing.get_context('spawn')
    name = ring_name('/bench', secrets.token_hex(4))
    geometry = SIZES['720p']
    process = context.Process(
        target=peers.write_numbered, args=(name, geometry, STRESS_RATE_HZ, seconds)
    )
    process.start()
    torn = accepted = detected = 0
    reader = None
    hold_s = itertools.cycle((0.0, 0.005, 0.015, 0.024, 0.026, 0.04))
    deadline = time.monotonic() + seconds + 10
    while process.is_alive() and time.monotonic() < deadline:
        try:
            reader = reader or FrameRingReader(name)
        except NoRing:
            continue
        frame = reader.newest()
        if frame is None:
            continue
        # Half the picture before the pause and half after: the worst that a reader can do.
        half = geometry.height // 2
        top = frame.image[:half].copy()
        time.sleep(next(hold_s))
        bottom = frame.image[half:].copy()
        if not frame.intact():
            detected += 1
            continue
        accepted += 1
        expected = frame.sequence % 251
        torn += not ((top == expected).all() and (bottom == expected).all())
        try:
            torn += not (frame.copy() == expected).all()
        except FrameOverwritten:
            detected += 1
    process.join(10)
    return torn, accepted, detected


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure; about 45 s with `quick`, else about three minutes."""
    os.environ['ROS_DOMAIN_ID'] = str(spare_domain())
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    peers.use_shipped_dds_profile()
    seconds = 2.5 if quick else 10.0
    metrics: dict[str, float | int | str] = {}
    notes = []
    samples = 0
    cpu_ratios = []
    for size, geometry in SIZES.items():
        latency_ratios = []
        for readers in READERS:
            progress(f'{size} to {readers} reader(s), ring and DDS')
            ours = deliver('ring', geometry, readers, seconds)
            dds = deliver('dds', geometry, readers, seconds)
            samples += ours.samples
            latency_ratios.append(ours.p50_ms / dds.p50_ms)
            cpu_ratios.append(ours.cpu_percent_per_reader / dds.cpu_percent_per_reader)
            metrics[f'latency_x_dds_{size}_{readers}_readers'] = latency_ratios[-1]
            if readers == 1:
                metrics[f'p50_ms_{size}'] = ours.p50_ms
                metrics[f'p99_ms_{size}'] = ours.p99_ms
            for label, delivery in (('ring', ours), ('dds', dds)):
                notes.append(
                    f'{size}, {readers} reader(s), {label}: p50 {delivery.p50_ms:.2f} ms, '
                    f'p99 {delivery.p99_ms:.2f} ms, {delivery.delivered:.0%} delivered, '
                    f'{delivery.cpu_percent_per_reader:.1f} % of a core per reader'
                )
        metrics[f'latency_x_dds_{size}'] = max(latency_ratios)
    metrics['reader_cpu_x_dds'] = max(cpu_ratios)
    iceoryx2_ratios = []
    for size, geometry in SIZES.items():
        progress(f'{size} write against memcpy and iceoryx2')
        memcpy, iceoryx2 = write_cost_ratios(geometry, 60 if quick else 300)
        metrics[f'write_x_memcpy_{size}'] = memcpy
        if iceoryx2 is not None:
            iceoryx2_ratios.append(iceoryx2)
            metrics[f'write_read_x_iceoryx2_{size}'] = iceoryx2
    if iceoryx2_ratios:
        metrics['write_read_x_iceoryx2'] = max(iceoryx2_ratios)
    else:
        notes.append('iceoryx2 is not installed here, write_read_x_iceoryx2 is missing')
    progress('stress: 200 Hz writer, slow readers')
    torn, accepted, detected = stress(5.0 if quick else 20.0)
    metrics['torn_frames_accepted'] = torn
    notes.append(f'stress: {accepted} pictures accepted, {detected} overwritten ones detected')
    return BenchResult(metrics=metrics, samples=samples, notes=notes)
