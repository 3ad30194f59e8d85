"""Tells how a processing stage keeps up: the `stage_status` topic and a diagnostic."""

from __future__ import annotations

import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile

from mmoment_interfaces.msg import StageStatus
from mmoment_node.managed_node import ManagedNode
from mmoment_node.rates import LatencyWindow, RateMeter
from mmoment_node.stall_watch import StallWatch

PERIOD_S = 1.0


class StageReporter:
    """Counts results and publishes `StageStatus` once a second until `close`. Thread-safe.

    `frames` is what the stage takes its pictures from: anything with the counters `received`,
    `dropped` and `overwritten`, such as a `FrameSubscriber`. `part`: of a node with several stages,
    names all but the first.
    """

    def __init__(
        self, node: ManagedNode[Any], frames: Any, backend: str, *, part: str = ''
    ) -> None:
        self.backend = backend
        self._stage = f'{node.get_name()}/{part}' if part else node.get_name()
        self._concern = f'{part}/pictures' if part else 'pictures'
        self._node = node
        self._frames = frames
        self._lock = threading.Lock()
        self._rate = RateMeter()
        self._latency_ms = LatencyWindow()
        self._stall = StallWatch()
        self._processed = 0
        self._publisher = node.create_publisher(StageStatus, 'stage_status', QoSProfile(depth=5))
        self._timer = node.create_timer(PERIOD_S, self._publish)

    def done(self, monotonic_ns: int) -> None:
        """A result has been published for the picture captured at that time."""
        now_ns = time.monotonic_ns()
        with self._lock:
            self._processed += 1
            self._rate.tick(now_ns * 1e-9)
            self._latency_ms.add((now_ns - monotonic_ns) * 1e-6)
        self._stall.worked()

    def idle(self) -> None:
        """A picture has been passed over because nobody wants its result."""
        self._stall.worked()

    def status(self) -> StageStatus:
        """The present figures."""
        with self._lock:
            message = StageStatus(
                stage=self._stage,
                backend=self.backend,
                fps=self._rate.hz(time.monotonic()),
                latency_p50_ms=self._latency_ms.quantile(0.5),
                latency_p99_ms=self._latency_ms.quantile(0.99),
                processed=self._processed,
            )
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.dropped = self._frames.dropped
        message.overwritten = self._frames.overwritten
        return message

    def diagnostic(self) -> DiagnosticStatus:
        """The same figures as a diagnostic status; an error when pictures come in for nothing."""
        status = self.status()
        level, message = DiagnosticStatus.OK, f'{status.fps:.1f} results per second'
        if stalled_s := self._stall.stalled_s(self._frames.received, time.monotonic()):
            level = DiagnosticStatus.ERROR
            message = f'no result for {stalled_s:.0f} s while pictures arrive'
        return self._node.diagnostic(
            self._concern,
            level,
            message,
            backend=status.backend,
            fps=f'{status.fps:.2f}',
            latency_p50_ms=f'{status.latency_p50_ms:.1f}',
            latency_p99_ms=f'{status.latency_p99_ms:.1f}',
            processed=status.processed,
            dropped=status.dropped,
            overwritten=status.overwritten,
        )

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def _publish(self) -> None:
        if self._node.is_running:
            self._publisher.publish(self.status())
