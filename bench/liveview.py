"""The live view of the page: H.264, JPEG and MJPEG, from capture until it is shown in Chromium.

First the whole graph on the test pattern, whose marks are read back from what the page shows. Then
a busy scene of 720p at 30 pictures a second, the real encoder_node and api_node, and 50 viewers.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from bench import liveview_viewers, mjpeg_viewers
from bench.api_process import LINK, Signed, node_command, sign_in, started
from bench.liveview_page import Page, Shown, open_page
from bench.mjpeg_viewers import result_of
from bench.runner import BenchResult, Value
from bench.whole_graph import cpu_s, quantile, whole_graph
from mmoment_node.spare_domain import spare_domain

SUMMARY = 'live view by H.264, JPEG and MJPEG: capture to shown in Chromium, 50 viewers, slow link'
COMPARED_WITH = {
    'h264_p50_ms': 'at most 30 ms',
    'first_picture_p99_ms': 'at most 300 ms',
    'cpu_percent_50_viewers': 'at most 35 % of a core, with the encode',
    'h264_bandwidth_x_mjpeg': 'at most 0.2: a fifth of MJPEG',
    'slow_viewer_staleness_s': 'at most 0.8 s',
}
NAMESPACE = f'bench_liveview_{os.getpid()}'
WAYS = {'h264': 'H.264', 'jpeg': 'JPEG', 'mjpeg': 'MJPEG'}
VIEWERS = 50
SLOW_BITS_PER_S = 10e6
# Less than the video needs.
SLOWER_BITS_PER_S = 1.5e6
WARM_UP_S = 4.0
# Models load in the first seconds.
START_S = 60.0
QUICK_S, FULL_S = 8.0, 30.0
QUICK_NEWCOMERS, FULL_NEWCOMERS = 10, 40
PAUSE_MS = 600.0
# Longer than a channel lingers.
COLD_S = 3.0
COLD_ROUNDS = 3


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure what the page shows, then what viewers cost."""
    seconds = QUICK_S if quick else FULL_S
    newcomers = QUICK_NEWCOMERS if quick else FULL_NEWCOMERS
    progress('starting the graph')
    metrics: dict[str, Value] = {}
    with whole_graph(NAMESPACE, 'source:=pattern') as graph:
        link = graph.wait_for(LINK, START_S).group(1)
        with open_page(link) as page:
            time.sleep(WARM_UP_S)
            busy = psutil.cpu_percent()
            shown = _by_ways(page, seconds, progress)
            busy = psutil.cpu_percent()
            progress(f'{newcomers} new viewers')
            page.shown('h264', WAYS['h264'], 0.0, 0.5)
            waited_ms = page.newcomers(newcomers, PAUSE_MS)
            page.shown('mjpeg', WAYS['mjpeg'], COLD_S, 0.5)
            cold_ms = page.newcomers(COLD_ROUNDS, 1000 * 2 * COLD_S)
    for way, result in shown.items():
        metrics |= _shown_figures(way, result)
    metrics |= {
        'first_picture_p50_ms': quantile(waited_ms, 0.5),
        'first_picture_p99_ms': quantile(waited_ms, 0.99),
        'first_picture_of_all_ms': quantile(cold_ms, 0.5),
        'machine_cpu_percent': busy,
    }
    metrics |= _crowd(seconds, progress)
    notes = [
        'shown: the first frame of the browser in which the mark of the pattern is read from the '
        'page; ages are by CLOCK_MONOTONIC from the capture time in the mark',
        'h264_told_ms is what the page itself says; machine_cpu_percent is all that runs while it '
        'shows pictures, of all cores: the graph with its models, the browser, and what else there is',
        'first_picture: from opening the socket in the browser to the decoded picture, while others '
        'look; first_picture_of_all: nobody looked before, and the encoder rested',
        'cpu_percent: encoder_node and api_node as a whole, in percent of one core; '
        'the scene is a busy one, whose MJPEG has 155 KB a picture',
        'the slow viewer takes so many bits a second evenly, with a receive buffer of 32 KiB',
    ]
    samples = len(shown['h264'].ages_ms)
    return BenchResult(metrics=metrics, samples=samples, notes=notes)


def _by_ways(page: Page, seconds: float, progress: Callable[[str], None]) -> dict[str, Shown]:
    shown = {}
    for way, title in WAYS.items():
        progress(f'{title} in the browser for {seconds:.0f} s')
        shown[way] = page.shown(way, title, WARM_UP_S, seconds)
        if not shown[way].ages_ms:
            raise RuntimeError(f'no mark was ever read by way of {title}')
    return shown


def _shown_figures(way: str, shown: Shown) -> dict[str, Value]:
    figures: dict[str, Value] = {
        f'{way}_p50_ms': quantile(shown.ages_ms, 0.5),
        f'{way}_p99_ms': quantile(shown.ages_ms, 0.99),
        f'{way}_fps': round(shown.fps, 1),
    }
    if way != 'mjpeg':
        figures[f'{way}_told_ms'] = math.nan if shown.told_ms is None else shown.told_ms
    return figures


# --- many viewers ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The encoder and the web node on a busy scene."""

    signed: Signed
    encoder: psutil.Process
    api: psutil.Process

    def cpu_s(self) -> tuple[float, float]:
        return cpu_s(self.encoder), cpu_s(self.api)


@contextlib.contextmanager
def _nodes() -> Iterator[_Nodes]:
    domain = str(spare_domain())
    namespace = f'/{NAMESPACE}_crowd'
    with contextlib.ExitStack() as stack:
        source = [sys.executable, '-m', 'bench.mjpeg_source', namespace]
        stack.enter_context(started(source, ROS_DOMAIN_ID=domain))
        encoder, api = (
            stack.enter_context(
                started(
                    node_command(module, *parameters, namespace=namespace), ROS_DOMAIN_ID=domain
                )
            )
            for module, parameters in (
                ('mmoment_stream.encoder_node', ()),
                ('mmoment_api.api_node', ('port:=0',)),
            )
        )
        pids = (encoder.process.pid, api.process.pid)
        yield _Nodes(sign_in(api), *(psutil.Process(pid) for pid in pids))


def _crowd(seconds: float, progress: Callable[[str], None]) -> dict[str, Value]:
    with _nodes() as nodes:
        address = nodes.signed.port, nodes.signed.cookie
        progress('one viewer by H.264 and one by MJPEG')
        mjpeg = mjpeg_viewers.start(*address, 'overlay=0', 1, seconds)
        one = result_of(liveview_viewers.start(*address, 1, seconds))
        other = result_of(mjpeg)
        mjpeg_mbit = other['kb_per_picture'] * 8e-3 * other['fps_per_viewer']
        progress(f'{VIEWERS} viewers')
        many_alone, many = _many(nodes, seconds)
        progress('a viewer on a slow link, among fast ones')
        fast = liveview_viewers.start(*address, 4, 2 * seconds + 5)
        slow = [
            result_of(liveview_viewers.start(*address, 1, seconds, str(bits)))
            for bits in (SLOW_BITS_PER_S, SLOWER_BITS_PER_S)
        ]
        result_of(fast)
    if not all(item['pictures'] for item in (one, many, *slow)):
        raise RuntimeError('no picture has reached the viewers')
    return {
        **many_alone,
        'viewers': VIEWERS,
        'delivered': round(many['delivered'], 4),
        'fps_per_viewer': round(many['fps_per_viewer'], 2),
        'capture_to_client_p50_ms': round(many['age_p50_ms'], 1),
        'capture_to_client_p99_ms': round(many['age_p99_ms'], 1),
        'h264_mbit_per_s': round(one['mbit_per_s_per_viewer'], 2),
        'mjpeg_mbit_per_s': round(mjpeg_mbit, 2),
        'h264_bandwidth_x_mjpeg': round(one['mbit_per_s_per_viewer'] / mjpeg_mbit, 4),
        'slow_viewer_staleness_s': round(slow[0]['staleness_max_ms'] / 1e3, 3),
        'slower_viewer_staleness_s': round(slow[1]['staleness_max_ms'] / 1e3, 3),
        'slower_viewer_fps': round(slow[1]['fps_per_viewer'], 1),
    }


def _many(nodes: _Nodes, seconds: float) -> tuple[dict[str, Value], dict[str, float]]:
    """CPU of both nodes while many look; and what the viewers say."""
    viewers = liveview_viewers.start(nodes.signed.port, nodes.signed.cookie, VIEWERS, seconds + 1.0)
    time.sleep(liveview_viewers.WARM_UP_S)
    before, began_s = nodes.cpu_s(), time.monotonic()
    time.sleep(seconds)
    after, took_s = nodes.cpu_s(), time.monotonic() - began_s
    encoder, api = (
        100 * (late - early) / took_s for early, late in zip(before, after, strict=True)
    )
    figures: dict[str, Value] = {
        'cpu_percent_50_viewers': round(encoder + api, 1),
        'cpu_percent_encoder': round(encoder, 1),
        'cpu_percent_api': round(api, 1),
    }
    return figures, result_of(viewers)
