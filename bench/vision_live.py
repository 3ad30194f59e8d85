"""Plays a clip through camera_node and face_node, and notes which boxes came for which picture."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.api_process import started
from mmoment_node.spare_domain import spare_domain
from mmoment_vision.face_boxes import Boxes, Picture, empty_boxes

START_WAIT_S = 30.0
# A machine that is too slow for the clip may need longer for a pass through it.
PASS_WAIT_S = 20.0
# A sparse sample of the pixels tells the pictures of a clip apart.
SAMPLE_STEP_PX = 60
NAMESPACE = '/vision_bench'


@dataclass(slots=True)
class LiveRun:
    """What was seen of the graph."""

    results: list[tuple[int, Boxes]] = field(default_factory=list)  # number in the clip, boxes
    seconds: float = 0.0
    written: int = 0  # pictures the camera wrote meanwhile
    latencies_ms: list[float] = field(default_factory=list)  # capture to result received
    cpu_percent: dict[str, float] = field(default_factory=dict)  # of one core, by node
    rss_mib: dict[str, float] = field(default_factory=dict)


def play(clip: Path, pictures: Sequence[Picture], seconds: float) -> LiveRun:
    """Play `clip` in a loop for so long and collect the results of face_node."""
    os.environ['ROS_DOMAIN_ID'] = str(spare_domain())
    with contextlib.ExitStack() as stack:
        camera = stack.enter_context(started(_node('mmoment_camera', 'camera_node', clip)))
        faces = stack.enter_context(started(_node('mmoment_vision', 'face_node')))
        nodes = {'camera_node': camera, 'face_node': faces}
        watcher = stack.enter_context(contextlib.closing(_Watcher(pictures)))
        try:
            watcher.wait_for_results()
        except TimeoutError as error:
            text = ''.join([*camera.lines[-10:], *faces.lines[-10:]])
            raise RuntimeError(f'no faces came from the graph:\n{text}') from error
        run = watcher.watch(seconds, {name: node.process.pid for name, node in nodes.items()})
        for name, node in nodes.items():
            if node.process.poll() is not None:
                raise RuntimeError(f'{name} ended:\n{"".join(node.lines[-20:])}')
        return run


def passes(run: LiveRun, length: int) -> list[dict[int, Boxes]]:
    """Results by number of the picture, for each whole pass through a clip of `length`.

    Raises RuntimeError if there is none.
    """
    whole = _whole_passes(run.results)
    if not whole:
        raise RuntimeError(
            f'{len(run.results)} results, and no whole pass through the {length} pictures'
        )
    return whole


def _whole_passes(results: Sequence[tuple[int, Boxes]]) -> list[dict[int, Boxes]]:
    found: list[dict[int, Boxes]] = [{}]
    last = -1
    for number, boxes in results:
        if number <= last:
            found.append({})
        found[-1][number] = boxes
        last = number
    # The first pass began before we looked, the last was broken off.
    return found[1:-1]


class _Watcher:
    """A node that listens to frames and faces."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        import rclpy

        from mmoment_camera.frame_topic import SUBSCRIBER_QOS, FrameSubscriber
        from mmoment_interfaces.msg import FaceArray

        rclpy.init()
        self._rclpy = rclpy
        self._node = rclpy.create_node('watcher', namespace=NAMESPACE)
        self._samples = np.stack([_sample(picture) for picture in pictures])
        self._numbers: dict[int, int] = {}  # in the clip, by sequence
        self._results: list[tuple[int, Boxes]] = []  # sequence, boxes
        self._latencies_ms: list[float] = []
        self._frames = FrameSubscriber(self._node, 'frames', self._on_frame)
        self._node.create_subscription(FaceArray, 'faces', self._on_faces, SUBSCRIBER_QOS)

    def wait_for_results(self) -> None:
        """Return once faces arrive; raises TimeoutError."""
        deadline_s = time.monotonic() + START_WAIT_S
        while len(self._results) < 10:
            if time.monotonic() > deadline_s:
                raise TimeoutError
            self._rclpy.spin_once(self._node, timeout_sec=0.2)

    def watch(self, seconds: float, nodes: dict[str, int]) -> LiveRun:
        """Collect results for so long, and longer where that was not enough for a whole pass."""
        self._results.clear()
        self._latencies_ms.clear()
        first = max(self._numbers, default=0)
        cpu_s = {name: _cpu_s(pid) for name, pid in nodes.items()}
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < seconds or (
            passed_s < seconds + PASS_WAIT_S and not _whole_passes(self._numbered())
        ):
            self._rclpy.spin_once(self._node, timeout_sec=0.2)
        run = LiveRun(seconds=passed_s, written=max(self._numbers, default=0) - first)
        run.results = self._numbered()
        run.latencies_ms = self._latencies_ms
        for name, pid in nodes.items():
            run.cpu_percent[name] = 100 * (_cpu_s(pid) - cpu_s[name]) / passed_s
            run.rss_mib[name] = _rss_mib(pid)
        return run

    def close(self) -> None:
        """Leave the graph."""
        self._frames.close()
        self._node.destroy_node()
        self._rclpy.shutdown()

    def _on_frame(self, frame: Any) -> None:
        sample = _sample(frame.image)
        if frame.live and frame.intact() and sample.shape == self._samples.shape[1:]:
            distance = np.abs(self._samples - sample).mean(axis=(1, 2, 3))
            self._numbers[frame.sequence] = int(distance.argmin())

    def _on_faces(self, faces: Any) -> None:
        self._latencies_ms.append((time.monotonic_ns() - faces.monotonic_ns) * 1e-6)
        boxes = [[f.x, f.y, f.x + f.width, f.y + f.height] for f in faces.faces]
        array = np.array(boxes, np.float32) if boxes else empty_boxes()
        self._results.append((faces.sequence, array))

    def _numbered(self) -> list[tuple[int, Boxes]]:
        return [(self._number(sequence), boxes) for sequence, boxes in self._results]

    def _number(self, sequence: int) -> int:
        """Number in the clip; of a picture we did not see, from its nearest neighbour."""
        if sequence not in self._numbers:
            near = min(self._numbers, key=lambda known: abs(known - sequence))
            self._numbers[sequence] = (self._numbers[near] + sequence - near) % len(self._samples)
        return self._numbers[sequence]


def _sample(picture: Picture) -> np.ndarray:
    return picture[::SAMPLE_STEP_PX, ::SAMPLE_STEP_PX].astype(np.int16)


def _node(package: str, executable: str, clip: Path | None = None) -> list[str]:
    from ament_index_python.packages import get_package_prefix

    program = Path(get_package_prefix(package)) / 'lib' / package / executable
    arguments = ['--ros-args', '-r', f'__ns:={NAMESPACE}']
    return [str(program), *arguments, *(['-p', f'source:={clip}'] if clip else [])]


def _cpu_s(pid: int) -> float:
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def _rss_mib(pid: int) -> float:
    return (
        int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20
    )
