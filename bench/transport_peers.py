"""The processes of the transport benchmark: writers, readers, and the paths compared with."""

from __future__ import annotations

import ctypes
import os
import resource
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Queue
from typing import Any

import numpy as np

from mmoment_camera.frame_ring import FrameRingWriter, Geometry

WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class ReaderReport:
    """Capture-to-callback times and CPU use of one reader, without its warm-up."""

    latencies_ms: list[float]
    cpu_percent: float


def use_shipped_dds_profile() -> None:
    """The profile that both ways of launching set."""
    from ament_index_python.packages import get_package_share_directory

    profile = os.path.join(get_package_share_directory('mmoment_camera'), 'config', 'fastdds.xml')
    for variable in ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'):
        os.environ[variable] = profile


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _node(namespace: str) -> tuple[Any, Any]:
    """A node and the executor that all our nodes use, for both paths alike."""
    import rclpy

    from mmoment_node.managed_node import create_executor

    rclpy.init()
    node = rclpy.create_node('bench', namespace=namespace)
    executor = create_executor()
    executor.add_node(node)
    return node, executor


def read(path: str, namespace: str, seconds: float, results: Queue[ReaderReport]) -> None:
    """Receive pictures for `seconds` after the warm-up; put a `ReaderReport`."""
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    from mmoment_camera.frame_topic import Frame, FrameSubscriber

    node, executor = _node(namespace)
    latencies_ms: list[float] = []

    def on_frame(frame: Frame) -> None:
        assert frame.image.shape[2] == 3
        latencies_ms.append((time.monotonic_ns() - frame.monotonic_ns) * 1e-6)

    def on_image(message: Image) -> None:
        picture = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        assert picture.shape[2] == 3
        captured_ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        latencies_ms.append((time.monotonic_ns() - captured_ns) * 1e-6)

    if path == 'ring':
        keep: Any = FrameSubscriber(node, 'frames', on_frame)
    else:
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        keep = node.create_subscription(Image, 'image_raw', on_image, qos)
    started_s = started_cpu_s = 0.0
    give_up_s = time.monotonic() + 30
    while time.monotonic() < give_up_s:
        executor.spin_once(timeout_sec=0.1)
        if started_s == 0.0 and latencies_ms:
            started_s = -1.0
            warm_s = time.monotonic() + WARM_UP_S
        if started_s == -1.0 and time.monotonic() >= warm_s:
            latencies_ms.clear()
            started_s, started_cpu_s = time.monotonic(), _cpu_s()
        if started_s > 0 and time.monotonic() - started_s >= seconds:
            break
    elapsed_s = max(time.monotonic() - started_s, 1e-9)
    results.put(ReaderReport(latencies_ms, 100 * (_cpu_s() - started_cpu_s) / elapsed_s))
    del keep


def write(
    path: str, namespace: str, geometry: Geometry, readers: int, seconds: float, rate_hz: float
) -> None:
    """Publish pictures at a steady rate until the readers must have finished."""
    from builtin_interfaces.msg import Time
    from rclpy.qos import QoSProfile
    from sensor_msgs.msg import Image

    from mmoment_camera.frame_topic import FramePublisher

    node, _ = _node(namespace)
    image = np.random.default_rng(0).integers(0, 256, geometry.shape, np.uint8)
    if path == 'ring':
        frames = FramePublisher(node, 'frames', channel='clean')

        def publish() -> None:
            now = time.monotonic_ns()
            frames.publish(image, stamp=Time(), frame_id='camera', monotonic_ns=now)

        count = lambda: frames.subscriber_count  # noqa: E731
    else:
        publisher = node.create_publisher(Image, 'image_raw', QoSProfile(depth=1))

        def publish() -> None:
            now = time.monotonic_ns()
            message = Image(
                height=geometry.height,
                width=geometry.width,
                encoding='bgr8',
                step=geometry.width * 3,
            )
            message.header.stamp = Time(sec=now // 10**9, nanosec=now % 10**9)
            data = array('B')
            data.frombytes(memoryview(image).cast('B'))
            message.data = data
            publisher.publish(message)

        count = publisher.get_subscription_count
    give_up_s = time.monotonic() + 20
    while count() < readers and time.monotonic() < give_up_s:
        time.sleep(0.02)
    next_s = time.monotonic()
    end_s = next_s + WARM_UP_S + seconds + 3
    while time.monotonic() < end_s and (count() > 0):
        publish()
        next_s += 1 / rate_hz
        time.sleep(max(0.0, next_s - time.monotonic()))
    if path == 'ring':
        frames.close()


def write_numbered(name: str, geometry: Geometry, rate_hz: float, seconds: float) -> None:
    """Fill each picture with its sequence number, as fast as `rate_hz` says."""
    writer = FrameRingWriter(name, geometry)
    next_s = time.monotonic()
    end_s = next_s + seconds
    while time.monotonic() < end_s:
        with writer.slot(monotonic_ns=time.monotonic_ns()) as (pixels, written):
            pixels[:] = written.sequence % 251
        next_s += 1 / rate_hz
        time.sleep(max(0.0, next_s - time.monotonic()))
    writer.close()


def iceoryx2_write_read(image: np.ndarray) -> Callable[[], None] | None:
    """One loan, copy, send and receive of `image` through iceoryx2; None if not installed."""
    try:
        import iceoryx2
    except ImportError:
        return None
    iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
    node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
    name = iceoryx2.ServiceName.new(f'mmoment-bench/{os.getpid()}/{image.size}')
    service = (
        node.service_builder(name)
        .publish_subscribe(iceoryx2.Slice[ctypes.c_uint8])
        .open_or_create()
    )
    publisher = service.publisher_builder().initial_max_slice_len(image.size).create()
    subscriber = service.subscriber_builder().create()
    flat = image.reshape(-1)

    def write_read() -> None:
        loan = publisher.loan_slice_uninit(flat.size)
        np.copyto(np.frombuffer(loan.payload().as_memory_view(), np.uint8), flat)
        loan.assume_init().send()
        received = subscriber.receive()
        seen = np.frombuffer(received.payload().as_memory_view(), np.uint8)
        assert seen[0] == flat[0]
        assert seen[-1] == flat[-1]

    write_read.keep = node  # type: ignore[attr-defined]  # the ports die with the node
    return write_read
