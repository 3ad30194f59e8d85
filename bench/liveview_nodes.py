"""The nodes that pictures pass on their way to the page, and no others, and viewers of them."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil

from bench import liveview_viewers, mjpeg_viewers
from bench.api_process import LINK, Signed, Started, node_command, spend, started
from bench.counting_viewers import WARM_UP_S, Process, result_of
from bench.runner import Value
from bench.whole_graph import cpu_s
from mmoment_node.spare_domain import spare_domain

ENCODER, API = 'mmoment_stream.encoder_node', 'mmoment_api.api_node'
API_PARAMETERS = ('port:=0',)
ON_PATTERN: Mapping[str, Sequence[str]] = {
    'mmoment_camera.camera_node': ('source:=pattern',),
    'mmoment_vision.overlay_node': (),
    ENCODER: (),
    API: API_PARAMETERS,
}
ON_BUSY_SCENE: Mapping[str, Sequence[str]] = {ENCODER: (), API: API_PARAMETERS}
VIEWERS = 50
SLOW_BITS_PER_S = 10e6
# Less than the video needs.
SLOWER_BITS_PER_S = 1.5e6
FAST_BESIDE_SLOW = 4


@contextlib.contextmanager
def nodes(
    namespace: str, modules: Mapping[str, Sequence[str]], *, busy_scene: bool = False
) -> Iterator[dict[str, Started]]:
    """Run these nodes with their parameters in a ROS domain of their own, by module.

    busy_scene: pictures come from `mjpeg_source`, in place of a camera and an overlay.
    """
    domain = str(spare_domain())
    with contextlib.ExitStack() as stack:
        if busy_scene:
            source = [sys.executable, '-m', 'bench.mjpeg_source', namespace]
            stack.enter_context(started(source, ROS_DOMAIN_ID=domain))
        yield {
            module: stack.enter_context(
                started(
                    node_command(module, *parameters, namespace=namespace), ROS_DOMAIN_ID=domain
                )
            )
            for module, parameters in modules.items()
        }


@dataclass(frozen=True, slots=True)
class Crowd:
    """Viewers of the encoder and the web node on a busy scene."""

    signed: Signed
    encoder: psutil.Process
    api: psutil.Process

    def one_of_each(self, seconds: float) -> dict[str, Value]:
        """What the same pictures take on the line, by H.264 and by MJPEG."""
        mjpeg = mjpeg_viewers.start(self.signed.port, self.signed.cookie, 'overlay=0', 1, seconds)
        h264 = result_of(self._start(1, seconds))['mbit_per_s_per_viewer']
        other = result_of(mjpeg)
        mjpeg_mbit = other['kb_per_picture'] * 8e-3 * other['fps_per_viewer']
        return {
            'h264_mbit_per_s': round(h264, 2),
            'mjpeg_mbit_per_s': round(mjpeg_mbit, 2),
            'h264_bandwidth_x_mjpeg': round(h264 / mjpeg_mbit, 4),
        }

    def many(self, seconds: float) -> dict[str, Value]:
        """CPU of both nodes while many look, and what those get."""
        viewers = self._start(VIEWERS, seconds + 1.0)
        time.sleep(WARM_UP_S)
        before, began_s = (cpu_s(self.encoder), cpu_s(self.api)), time.monotonic()
        time.sleep(seconds)
        after, took_s = (cpu_s(self.encoder), cpu_s(self.api)), time.monotonic() - began_s
        encoder, api = (
            100 * (late - early) / took_s for early, late in zip(before, after, strict=True)
        )
        seen = result_of(viewers)
        if not seen['pictures']:
            raise RuntimeError('no picture has reached the viewers')
        return {
            'viewers': VIEWERS,
            'cpu_percent_50_viewers': round(encoder + api, 1),
            'cpu_percent_encoder': round(encoder, 1),
            'cpu_percent_api': round(api, 1),
            'delivered': round(seen['delivered'], 4),
            'fps_per_viewer': round(seen['fps_per_viewer'], 2),
            'capture_to_client_p50_ms': round(seen['age_p50_ms'], 1),
            'capture_to_client_p99_ms': round(seen['age_p99_ms'], 1),
        }

    def slow(self, seconds: float) -> dict[str, Value]:
        """How old pictures get for who has a slow link, among others who have not."""
        fast = self._start(FAST_BESIDE_SLOW, 2 * (seconds + WARM_UP_S) + 2.0)
        slow, slower = (
            result_of(self._start(1, seconds, str(bits)))
            for bits in (SLOW_BITS_PER_S, SLOWER_BITS_PER_S)
        )
        beside = result_of(fast)
        return {
            'slow_viewer_staleness_s': round(slow['staleness_max_ms'] / 1e3, 3),
            'slower_viewer_staleness_s': round(slower['staleness_max_ms'] / 1e3, 3),
            'slower_viewer_fps': round(slower['fps_per_viewer'], 1),
            'beside_slow_fps': round(beside['fps_per_viewer'], 1),
        }

    def _start(self, count: int, seconds: float, *more: str) -> Process:
        return liveview_viewers.start(self.signed.port, self.signed.cookie, count, seconds, *more)


@contextlib.contextmanager
def crowd(namespace: str) -> Iterator[Crowd]:
    """The encoder and the web node on a busy scene, for viewers to come."""
    with nodes(namespace, ON_BUSY_SCENE, busy_scene=True) as running:
        signed = spend(running[API].wait_for(LINK))
        encoder, api = (psutil.Process(running[name].process.pid) for name in (ENCODER, API))
        yield Crowd(signed, encoder, api)
