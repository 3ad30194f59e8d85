"""The live view of the page: H.264, JPEG and MJPEG, from capture until it is shown in Chromium.

First the nodes that pictures pass, on the test pattern, whose marks are read back from what the page
shows; then the whole graph with its models. Last a busy scene of 720p at 30 pictures a second, the
real encoder_node and api_node, and 50 viewers.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

import psutil

from bench.api_process import LINK
from bench.liveview_nodes import API, ON_PATTERN, VIEWERS, crowd, nodes
from bench.liveview_page import Page, Shown, open_page
from bench.runner import BenchResult, Value
from bench.whole_graph import quantile, whole_graph

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
WARM_UP_S, QUICK_WARM_UP_S = 4.0, 1.5
# Models load in the first seconds.
START_S = 60.0
QUICK_S, FULL_S = 5.0, 30.0
QUICK_NEWCOMERS, FULL_NEWCOMERS = 8, 50
PAUSE_MS = 600.0
# Longer than a channel lingers.
REST_S = 3.0
QUICK_RESTS, FULL_RESTS = 1, 5


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure what the page shows, then what viewers cost."""
    seconds = QUICK_S if quick else FULL_S
    warm_up_s = QUICK_WARM_UP_S if quick else WARM_UP_S
    progress('starting the nodes that pictures pass')
    with nodes(f'/{NAMESPACE}', ON_PATTERN) as running:
        link = running[API].wait_for(LINK).group(1)
        with open_page(link) as page:
            psutil.cpu_percent()
            shown = _by_ways(page, WAYS, warm_up_s, seconds, progress)
            metrics: dict[str, Value] = {'machine_cpu_percent': psutil.cpu_percent()}
            metrics |= _newcomers(page, quick, progress)
    for way, result in shown.items():
        metrics |= _shown_figures(way, result)
    if not quick:
        metrics |= _with_models(seconds, progress)
    with crowd(f'/{NAMESPACE}_crowd') as many:
        progress('one viewer by H.264 and one by MJPEG')
        metrics |= many.one_of_each(seconds)
        progress(f'{VIEWERS} viewers')
        metrics |= many.many(seconds)
        progress('a viewer on a slow link, among fast ones')
        metrics |= many.slow(seconds)
    notes = [
        'shown: the first frame of the browser in which the mark of the pattern is read from the '
        'page; ages are by CLOCK_MONOTONIC from the capture time in the mark',
        'h264_told_ms is what the page itself says; machine_cpu_percent is of all cores, with the '
        'browser and whatever else runs here',
        'with_models: the whole graph; its models and the browser share the cores here, which on a '
        'real camera they do not',
        'first_picture: from opening the socket in the browser to the decoded picture, while others '
        'look; first_picture_after_rest: nobody looked before, and the encoder rested',
        'cpu_percent: encoder_node and api_node as a whole, in percent of one core; '
        'the scene is a busy one, whose MJPEG has 155 KB a picture',
        'the slow viewer takes 10 Mb/s evenly, the slower one 1.5 Mb/s, which is less than the '
        'video has; both have a receive buffer of 32 KiB',
    ]
    return BenchResult(metrics=metrics, samples=len(shown['h264'].ages_ms), notes=notes)


def _by_ways(
    page: Page,
    ways: dict[str, str],
    warm_up_s: float,
    seconds: float,
    progress: Callable[[str], None],
) -> dict[str, Shown]:
    shown = {}
    for way, title in ways.items():
        progress(f'{title} in the browser for {seconds:.0f} s')
        shown[way] = page.shown(way, title, warm_up_s, seconds)
        if not shown[way].ages_ms:
            raise RuntimeError(f'no mark was ever read by way of {title}')
    return shown


def _shown_figures(way: str, shown: Shown, prefix: str = '') -> dict[str, Value]:
    figures: dict[str, Value] = {
        f'{prefix}{way}_p50_ms': quantile(shown.ages_ms, 0.5),
        f'{prefix}{way}_p99_ms': quantile(shown.ages_ms, 0.99),
        f'{prefix}{way}_fps': round(shown.fps, 1),
    }
    if way != 'mjpeg':
        figures[f'{prefix}{way}_told_ms'] = math.nan if shown.told_ms is None else shown.told_ms
    return figures


def _newcomers(page: Page, quick: bool, progress: Callable[[str], None]) -> dict[str, Value]:
    count = QUICK_NEWCOMERS if quick else FULL_NEWCOMERS
    progress(f'{count} new viewers')
    # While the page itself looks, and then when nobody does.
    page.shown('h264', WAYS['h264'], 0.0, 0.5)
    waited_ms = page.newcomers(count, PAUSE_MS)
    page.shown('mjpeg', WAYS['mjpeg'], REST_S, 0.1)
    rested_ms = page.newcomers(QUICK_RESTS if quick else FULL_RESTS, 2000 * REST_S)
    return {
        'first_picture_p50_ms': quantile(waited_ms, 0.5),
        'first_picture_p99_ms': quantile(waited_ms, 0.99),
        'first_picture_after_rest_p50_ms': quantile(rested_ms, 0.5),
    }


def _with_models(seconds: float, progress: Callable[[str], None]) -> dict[str, Value]:
    progress('starting the whole graph')
    with whole_graph(f'{NAMESPACE}_all', 'source:=pattern') as graph:
        link = graph.wait_for(LINK, START_S).group(1)
        with open_page(link) as page:
            time.sleep(WARM_UP_S)
            ways = {way: WAYS[way] for way in ('h264', 'mjpeg')}
            shown = _by_ways(page, ways, WARM_UP_S, seconds, progress)
    figures: dict[str, Value] = {}
    for way, result in shown.items():
        figures |= _shown_figures(way, result, 'with_models_')
    return figures
