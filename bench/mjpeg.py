"""The live picture: 50 viewers of 720p at 30 pictures a second, and one on a slow link.

The server is the real `api_node`; its CPU is that of its whole process, with reading the frame
ring and encoding. The viewers run in a process of their own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from bench.api_process import Signed, node_command, sign_in, started
from bench.counting_viewers import result_of
from bench.mjpeg_viewers import start
from bench.runner import BenchResult
from mmoment_node.spare_domain import spare_domain

SUMMARY = 'live picture for 50 viewers of 720p at 30 fps, and for one at 10 Mb/s'
COMPARED_WITH = {
    'delivered': 'at least 0.95',
    'fps_per_viewer': '30, the rate of the source',
    'encodes_per_frame': '1, whatever the number of viewers of one size',
    'server_cpu_percent': 'at most 30 % of a core',
    'slow_viewer_staleness_s': 'at most 0.8 s',
}
NAMESPACE = f'/bench_mjpeg_{os.getpid()}'
VIEWERS = 50
SLOW_BITS_PER_S = 10e6
SETTLE_S = 3.0
QUICK_S, FULL_S = 6.0, 20.0


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure with 1 and with 50 viewers, then with a slow one among them."""
    seconds = QUICK_S if quick else FULL_S
    domain = str(spare_domain())
    source = [sys.executable, '-m', 'bench.mjpeg_source', NAMESPACE]
    node = node_command('mmoment_api.api_node', 'port:=0', namespace=NAMESPACE)
    with (
        started(source, ROS_DOMAIN_ID=domain),
        started(node, ROS_DOMAIN_ID=domain) as server,
    ):
        signed = sign_in(server)
        process = psutil.Process(server.process.pid)
        progress('one viewer')
        alone = _measure(signed, process, 1, seconds)
        progress(f'{VIEWERS} viewers')
        many = _measure(signed, process, VIEWERS, seconds)
        progress('a viewer on a slow link, among fast ones')
        slow = _slow_viewer(signed, seconds)
        if not (alone['parts'] and many['parts'] and slow['parts']):
            raise RuntimeError('no picture has reached the viewers')
        resident_mib = process.memory_info().rss / 2**20
    metrics: dict[str, float | int | str] = {
        'viewers': VIEWERS,
        'delivered': round(many['delivered'], 4),
        'fps_per_viewer': round(many['fps_per_viewer'], 2),
        'worst_viewer_delivered': round(many['worst_delivered'], 4),
        'encodes_per_frame': round(many['encodes_per_frame'], 3),
        'server_cpu_percent': round(many['cpu_percent'], 1),
        'server_cpu_percent_one_viewer': round(alone['cpu_percent'], 1),
        'cpu_percent_per_viewer': round(
            (many['cpu_percent'] - alone['cpu_percent']) / (VIEWERS - 1), 3
        ),
        'capture_to_client_p50_ms': round(many['age_p50_ms'], 1),
        'capture_to_client_p99_ms': round(many['age_p99_ms'], 1),
        'slow_viewer_staleness_s': round(slow['staleness_max_ms'] / 1e3, 3),
        'kb_per_picture': round(many['kb_per_picture'], 1),
        'server_rss_mib': round(resident_mib, 1),
    }
    notes = [
        'cpu_percent_per_viewer is what each viewer beyond the first adds',
        'capture_to_client is from writing the ring to the last byte at the client, all viewers',
        'the slow viewer takes 10 Mb/s evenly and has a receive buffer of 32 KiB; staleness is how old '
        'the picture it shows gets before the next one is there',
    ]
    return BenchResult(metrics=metrics, samples=int(many['parts']), notes=notes)


def _measure(signed: Signed, process: psutil.Process, count: int, seconds: float) -> dict[str, Any]:
    viewers = start(signed.port, signed.cookie, 'overlay=1', count, seconds + 1.0)
    time.sleep(SETTLE_S)
    figures_before, cpu_before, began_s = _figures(signed), process.cpu_times(), time.monotonic()
    time.sleep(max(1.0, seconds - SETTLE_S))
    cpu_after, ended_s, figures_after = process.cpu_times(), time.monotonic(), _figures(signed)
    used_s = cpu_after.user + cpu_after.system - cpu_before.user - cpu_before.system
    pictures = figures_after['pictures'] - figures_before['pictures']
    encodes = figures_after['encodes'] - figures_before['encodes']
    return {
        **result_of(viewers),
        'cpu_percent': 100 * used_s / (ended_s - began_s),
        'encodes_per_frame': encodes / max(1, pictures),
    }


def _slow_viewer(signed: Signed, seconds: float) -> dict[str, Any]:
    about = signed.port, signed.cookie, 'overlay=1'
    fast = start(*about, 4, seconds + SETTLE_S)
    slow = start(*about, 1, seconds, str(SLOW_BITS_PER_S))
    result = result_of(slow)
    result_of(fast)
    return result


def _figures(signed: Signed) -> dict[str, int]:
    figures: dict[str, int] = signed.get('/api/health')['detail']['live_view']
    return figures
