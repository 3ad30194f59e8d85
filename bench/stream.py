"""The push to a real RTMP server: how late and whole it arrives, what it costs, what it survives.

The whole graph runs on the test pattern and pushes to nginx, from which a viewer pulls it and reads
number and capture time of each picture from its pixels. Then each fault is caused, a network becomes
slow, and a push is lost again and again while what its process holds is counted.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.runner import BenchResult, Value
from bench.stream_busy_camera import BusyCamera
from bench.stream_faults import Fault, camera_killed, endure, matrix, resets
from bench.stream_graph import FPS, SIZE
from bench.stream_leaks import Leaks, leaks
from bench.stream_measures import beside_reference, halved_uplink, idle, several, steady
from bench.stream_scores import Limits, Outcome, recover_p95_s, worst
from bench.stream_world import World, world

SUMMARY = 'live push to an RTMP server: latency, continuity, CPU, and how each fault is survived'
COMPARED_WITH = {
    'latency_p50_ms': 'from capture, through the whole graph and the server, to the decoded picture',
    'missing_frames': '0: of the packets that were encoded, after the start',
    'doubled_frames': '0',
    'cpu_percent': 'of stream_node with one push of 720p30: under 5 % of a core',
    'latency_x_ffmpeg': 'a node that pipes the same packets to ffmpeg -c copy, at the same time',
    'cpu_x_ffmpeg': 'of that node and its ffmpeg together',
    'recovered': 'fault_cycles',
    'notice_stall_max_s': 'at most 5 s',
    'notice_kill_s': 'the next frame',
    'late_max_s': 'at most 1 s: live again after the fault has ended, beside the pauses',
    'uplink_lag_final_s': 'real time: no more than a moment',
    'leaked_descriptors': '0',
    'leaked_threads': '0',
    'leak_rss_growth': 'about 0; 0.05 is 5 %',
    'node_descriptors_more': '0: of stream_node, after all faults of its pushes',
    'node_threads_more': 'none of a push: threads that answer requests are made as they are needed',
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. faults: names of those that are caused; empty: all."""

    steady_s: float
    beside_s: float
    resets: int
    uplink_s: float
    camera_away_s: float
    leak_cycles: int
    faults: tuple[str, ...] = ()


FULL = Plan(30.0, 20.0, resets=20, uplink_s=30.0, camera_away_s=30.0, leak_cycles=200)
QUICK = Plan(
    *(20.0, 4.0),
    resets=3,
    uplink_s=10.0,
    camera_away_s=4.0,
    leak_cycles=20,
    faults=('server_killed', 'never_reads', 'wrong_key', 'name_unknown', 'camera_lost'),
)
RESET_LIMITS = Limits(1.0)
ENDED_S = 3.0
# The way to the server as such: what a push can do nothing about but notice.
STALLS = ('never_reads', 'cable_pulled', 'packets_lost')
FAULTS_OF_THE_WAY = (
    'server_killed',
    'refused',
    'never_reads',
    'wrong_key',
    'name_unknown',
    'reset',
)


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure it when all is well, then cause the faults, then lose it again and again."""
    plan, load = QUICK if quick else FULL, os.getloadavg()[0]
    progress(f'{plan.leak_cycles} losses of a push')
    leaked = leaks(plan.leak_cycles)
    progress('starting the graph')
    with (
        tempfile.TemporaryDirectory(prefix='mmoment-bench-') as folder,
        world(Path(folder)) as made,
    ):
        progress(f'one push, {plan.steady_s:.0f} s')
        metrics, samples = steady(made, plan.steady_s)
        alone_percent = float(metrics['cpu_percent'])
        progress('several pushes, none, and the reference')
        metrics |= several(made, alone_percent, plan.beside_s)
        metrics |= idle(made, plan.beside_s)
        held = _held(made)
        metrics |= beside_reference(made, plan.beside_s, made.left_out)
        outcomes, complaints = _faults(made, plan, progress)
        descriptors, threads = _held(made)
        metrics |= {
            'node_descriptors_more': descriptors - held[0],
            'node_threads_more': threads - held[1],
        }
        left_out = made.left_out
    progress('the graph on a busy scene')
    with (
        closing(BusyCamera()) as busy,
        tempfile.TemporaryDirectory(prefix='mmoment-bench-') as folder,
        world(Path(folder), busy.url) as made,
    ):
        progress('an uplink cut to half')
        metrics |= halved_uplink(made, plan.uplink_s)
        if not plan.faults:
            fault = camera_killed(busy, plan.camera_away_s)
            progress(fault.name)
            outcomes.append(endure(made, fault))
            complaints += outcomes[-1].complaints(fault.limits)
    metrics |= _fault_figures(outcomes)
    metrics |= _leak_figures(leaked)
    notes = [*_notes(load), *left_out, *(f'not as it must be: {each}' for each in complaints)]
    return BenchResult(metrics, samples, notes)


def _held(made: World) -> tuple[int, int]:
    """Descriptors and threads of stream_node while nothing is pushed."""
    made.camera.halt()
    # What was abandoned, a look-up of a name for instance, ends by itself.
    time.sleep(ENDED_S)
    process = made.camera.process('stream_node')
    return process.num_fds(), process.num_threads()


def _faults(
    made: World, plan: Plan, progress: Callable[[str], None]
) -> tuple[list[Outcome], list[str]]:
    """All outcomes, and in what they are not as they must be."""
    outcomes: list[Outcome] = []
    complaints: list[str] = []
    for fault in matrix(plan.camera_away_s):
        if not _is_due(fault, plan, made):
            continue
        progress(fault.name)
        came_through = endure(made, fault)
        progress(f'{came_through}')
        outcomes.append(came_through)
        complaints += came_through.complaints(fault.limits, fault.codes)
    progress(f'{plan.resets} resets')
    for came_through in resets(made, plan.resets, random.Random(1)):
        outcomes.append(came_through)
        complaints += came_through.complaints(RESET_LIMITS)
    return outcomes, complaints


def _is_due(fault: Fault, plan: Plan, made: World) -> bool:
    return made.can_go(fault.way) and (not plan.faults or fault.name in plan.faults)


def _fault_figures(outcomes: Sequence[Outcome]) -> dict[str, Value]:
    """Of each kind the worst, then of all together."""
    kinds: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        kinds.setdefault(outcome.name, []).append(outcome)
    of_the_way = [each for name in FAULTS_OF_THE_WAY for each in kinds.get(name, [])]
    stalls = [each.notice_s for name in STALLS for each in kinds.get(name, [])]
    figures: dict[str, Value] = {
        'fault_cycles': len(outcomes),
        'recovered': sum(outcome.recovered for outcome in outcomes),
        'recover_p95_s': recover_p95_s(outcomes),
        'late_max_s': worst([each.late_s for each in of_the_way]),
        'notice_stall_max_s': worst(stalls),
        'notice_kill_s': worst([each.notice_s for each in kinds['server_killed']]),
    }
    for name, of_kind in kinds.items():
        figures |= _figures_of(name, of_kind)
    return figures


def _figures_of(name: str, outcomes: Sequence[Outcome]) -> Mapping[str, Value]:
    return {
        f'{name}_notice_s': worst([each.notice_s for each in outcomes]),
        f'{name}_recover_s': worst([each.recover_s for each in outcomes]),
        f'{name}_waited_s': worst([each.waited_s for each in outcomes]),
        f'{name}_picture_s': worst([each.picture_s for each in outcomes]),
    }


def _leak_figures(leaked: Leaks) -> dict[str, Value]:
    return {
        'leak_cycles': leaked.cycles,
        'leak_cycles_lost': leaked.lost,
        'leaked_descriptors': leaked.descriptors,
        'leaked_threads': leaked.threads,
        'leak_rss_mib': round(leaked.resident_mib, 2),
        'leak_rss_growth': round(leaked.rss_growth, 4),
    }


def _notes(load: float) -> list[str]:
    return [
        f'whole graph on the test pattern, {SIZE[0]}x{SIZE[1]} at {FPS} fps, to nginx with its rtmp '
        'module; number and capture time are read from the pixels of the pulled pictures',
        'uplink and camera_killed: with a network camera whose pictures are noisy, so that the video has '
        'the bitrate that it is configured for',
        'FAULT_notice_s: from its cause until the camera says so; FAULT_recover_s: from its end until '
        'live; of that FAULT_waited_s is pauses; FAULT_picture_s: until a viewer has a picture taken '
        'after the end; of several, the worst',
        'not_encoded: pictures that camera or encoder left out because the machine was busy; missing '
        'are those that were encoded and did not arrive',
        'the leak check runs the engine and the RTMP of stream_node with short pauses and time-outs',
        f'load average before: {load:.1f}; cpu_percent_others: what else ran during the first '
        'measurement, 100 is one core; where it is above 5, times are too bad',
    ]
