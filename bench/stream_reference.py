"""How one would push otherwise: a node that hands the packets to `ffmpeg -c copy` through a pipe.

`python -m bench.stream_reference NAMESPACE URL` is that node, as small as it can be, until it is
terminated.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile

from bench.stream_graph import FPS, NAMESPACE
from bench.whole_graph import cpu_s
from mmoment_interfaces.msg import VideoPacket

VIDEO_QOS = QoSProfile(depth=30)
# Nothing that ffmpeg can be told to wait for less with is left out.
READS = (
    f'-fflags nobuffer -flags low_delay -probesize 32 -analyzeduration 0 -r {FPS} '
    '-use_wallclock_as_timestamps 1 -f h264'
)
END_S = 5.0


class NoReference(Exception):
    """There is none on this machine; the text says why."""


class Reference:
    """The node and its ffmpeg."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process

    def cpu_s(self) -> float:
        """CPU time of both so far."""
        return sum(map(cpu_s, self._all()))

    def ffmpeg_cpu_s(self) -> float:
        """CPU time of ffmpeg alone so far."""
        return sum(map(cpu_s, self._all()[1:]))

    def _all(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


@contextlib.contextmanager
def reference(url: str) -> Iterator[Reference]:
    """Push the video of the running graph to this address until the block ends. Raises NoReference."""
    if shutil.which('ffmpeg') is None:
        raise NoReference('ffmpeg is not installed')
    words = [sys.executable, '-m', 'bench.stream_reference', NAMESPACE, url]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Reference(psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(namespace: str, url: str) -> None:
    """Hand packets on until terminated."""
    command = f'ffmpeg -hide_banner -loglevel error {READS} -i pipe:0 -c copy -f flv'
    ffmpeg = subprocess.Popen([*command.split(), url], stdin=subprocess.PIPE)
    assert ffmpeg.stdin is not None
    pipe = ffmpeg.stdin.fileno()
    has_begun = [False]

    def hand_on(packet: VideoPacket) -> None:
        has_begun[0] = has_begun[0] or packet.keyframe
        if has_begun[0]:
            os.write(pipe, packet.data)

    rclpy.init(args=[])
    node = rclpy.create_node('bench_reference', namespace=namespace)
    node.create_subscription(VideoPacket, 'video', hand_on, VIDEO_QOS)
    try:
        rclpy.spin(node)
    except (ExternalShutdownException, KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        ffmpeg.kill()
        ffmpeg.wait()


if __name__ == '__main__':
    main(*sys.argv[1:])
