"""The whole graph with six faces and two hands before it, and one viewer: what keeps up, what it costs.

The hands are looked at with every picture of the camera, not only as often as by default. Two of
the six people are enrolled by the web interface, so that faces are embedded and named meanwhile.
CPU is of one core: a machine of two has 200 %.
"""

from __future__ import annotations

import base64
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from diagnostic_msgs.msg import DiagnosticArray

from bench import footprint_scene as scene
from bench.api_process import Signed, Started, sign_in
from bench.counting_viewers import WARM_UP_S, result_of
from bench.footprint_scores import Arrived, Pace, pace, rate_of
from bench.media import media_folder
from bench.mjpeg_viewers import start
from bench.runner import BenchResult, Value
from bench.whole_graph import ALL_READY, Recorder, cpu_s, memory_of, node_processes, whole_graph
from mmoment_interfaces.msg import FaceArray, Frame, HandArray

SUMMARY = (
    'whole graph with 6 faces, 2 hands and a viewer: rates, latencies, CPU and memory of nodes'
)
COMPARED_WITH = {
    'faces_fps': 'camera_fps',
    'hands_fps': 'camera_fps',
    'overlay_fps': 'camera_fps',
    'viewer_fps': 'camera_fps',
    'faces_delivered': '1: a result for every picture of the camera',
    'hands_delivered': '1: a result for every picture of the camera',
    'faces_per_picture': f'{scene.FACES} are there',
    'hands_per_picture': f'{scene.HANDS} are there',
    'named_per_picture': f'{len(scene.SHOWN)} are enrolled',
    'searches_per_s': 'of the detection thread, for new faces',
    'cpu_percent_total': '100 is one core',
}
NAMESPACE = f'bench_footprint_{os.getpid()}'
START_WAIT_S = 60.0
# A result this late still counts as one.
GRACE_S = 1.0
# Until everybody who is enrolled is named, at most; the figures say if that was not enough.
NAMING_WAIT_S = 15.0
FULL_S, QUICK_S = 60.0, 12.0
# As often as any camera: the parameter file of the graph, where all else stays at its default.
PARAMETERS = '/**/gesture_node:\n  ros__parameters:\n    maximum_rate_hz: 120.0\n'
WALLETS = {
    'obama': '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU',
    'biden': '9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM',
}
FRAMES, OVERLAY, FACES, HANDS = 'frames', 'overlay/frames', 'faces', 'hands'
DIAGNOSTICS = '/diagnostics'
TOPICS = {
    FRAMES: Frame,
    OVERLAY: Frame,
    FACES: FaceArray,
    HANDS: HandArray,
    DIAGNOSTICS: DiagnosticArray,
}


@dataclass(frozen=True, slots=True)
class Load:
    """CPU that was used over a time, in percent of a core.

    By node, by this benchmark itself with its viewer, and by all else that ran on the machine.
    """

    seconds: float
    since_ns: int
    until_ns: int
    cpu_percent: Mapping[str, float]
    bench_cpu_percent: float
    others_cpu_percent: float


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Compose the scene, start the graph on it, enrol two people, and watch."""
    media = media_folder()
    seconds = QUICK_S if quick else FULL_S
    with tempfile.TemporaryDirectory(prefix='mmoment-bench-') as folder:
        clip, parameters = Path(folder, 'scene.mkv'), Path(folder, 'parameters.yaml')
        progress('composing the scene')
        scene.write_scene(media, clip)
        parameters.write_text(PARAMETERS, encoding='utf-8')
        progress('starting the graph')
        arguments = (f'source:={clip}', f'params_file:={parameters}')
        with whole_graph(NAMESPACE, *arguments) as graph:
            graph.wait_for(ALL_READY, START_WAIT_S)
            signed = sign_in(graph)
            _wait_for(signed, 'face_node')
            progress('enrolling two people')
            for name, pictures in scene.learnt_from(media).items():
                _enrol(signed, WALLETS[name], pictures)
            with closing(Recorder(NAMESPACE, TOPICS)) as recorder:
                progress('waiting until they are named')
                _wait_for_names(recorder)
                return _measure(graph, signed, recorder, seconds, progress)


def _measure(
    graph: Started,
    signed: Signed,
    recorder: Recorder,
    seconds: float,
    progress: Callable[[str], None],
) -> BenchResult:
    viewer = start(signed.port, signed.cookie, 'overlay=1', 1, seconds)
    time.sleep(WARM_UP_S)
    progress(f'measuring for {seconds:.0f} s')
    load = _load(node_processes(graph), (psutil.Process(), psutil.Process(viewer.pid)), seconds)
    seen = result_of(viewer)
    time.sleep(GRACE_S)
    processes = node_processes(graph)
    pictures = _of_frames(recorder, FRAMES, load)
    paces = {
        'faces': pace(_of_faces(recorder, load), pictures, load.seconds),
        'hands': pace(_of_hands(recorder, load), pictures, load.seconds),
        'overlay': pace(_of_frames(recorder, OVERLAY, load, GRACE_S), pictures, load.seconds),
    }
    camera = pace(pictures, pictures, load.seconds)
    metrics: dict[str, Value] = {'camera_fps': camera.fps}
    for name, one in paces.items():
        metrics |= _pace_figures(name, one)
    metrics |= {
        'faces_per_picture': paces['faces'].things,
        'hands_per_picture': paces['hands'].things,
        'named_per_picture': paces['faces'].named,
        'viewer_fps': round(seen['fps_per_viewer'], 2),
        'capture_to_viewer_p50_ms': round(seen['age_p50_ms'], 2),
        'capture_to_viewer_p99_ms': round(seen['age_p99_ms'], 2),
        **_face_rates(recorder, load),
        **_load_figures(load, processes),
    }
    vision = signed.get('/api/health')['vision']
    notes = [
        f'{load.seconds:.0f} s; gesture_node took every picture, its default is fewer',
        f'faces by {vision["faces"]["detector"]}, told apart by {vision["faces"]["model_id"]}, '
        f'hands by {vision["gestures"]["model"]}',
        'the camera is a composed MPEG-4 clip: cpu_percent_camera_node is mostly decoding it',
        'latencies are from writing the picture until our listener has the result',
        'rss counts shared memory and libraries once per process, pss_mib_total once in all',
        'cpu_percent_bench: our listener and viewer. cpu_percent_others: all else that ran on this '
        'machine; where it is above 5, others were at work and the figures are too bad',
    ]
    return BenchResult(metrics=metrics, samples=len(pictures), notes=notes)


# --- the people -----------------------------------------------------------------------------


def _wait_for(signed: Signed, node: str) -> None:
    """Wait until the web node has heard from it; TimeoutError if it does not."""
    end_s = time.monotonic() + START_WAIT_S
    while (state := signed.get('/api/health')['parts'][node]) != 'ok':
        if time.monotonic() > end_s:
            raise TimeoutError(f'{node} is {state} for {START_WAIT_S:.0f} s')
        time.sleep(0.2)


def _enrol(signed: Signed, wallet: str, pictures: Sequence[bytes]) -> None:
    texts = [base64.b64encode(picture).decode() for picture in pictures]
    body = {'wallet_address': wallet, 'pictures': texts}
    status, answer = signed.send('POST', '/api/face/enroll', body)
    if status != 200:
        raise RuntimeError(f'enrolment was refused with {status}: {answer["message"]}')


def _wait_for_names(recorder: Recorder) -> None:
    """Give recognition the time that it may need on a slow machine."""
    end_s = time.monotonic() + NAMING_WAIT_S
    while time.monotonic() < end_s:
        now_ns = time.monotonic_ns()
        newest = recorder.messages(FACES, now_ns - 10**9, now_ns)[-1:]
        names = {face.identity for _, message in newest for face in message.faces}
        if names >= {*WALLETS.values()}:
            return
        time.sleep(0.5)


# --- figures --------------------------------------------------------------------------------


def _load(
    nodes: Mapping[str, psutil.Process], ours: Sequence[psutil.Process], seconds: float
) -> Load:
    """Wait so long, and see what CPU time goes into it."""
    since_ns = time.monotonic_ns()
    before_s = _busy_s(), sum(map(cpu_s, ours)), {name: cpu_s(nodes[name]) for name in nodes}
    time.sleep(seconds)
    after_s = _busy_s(), sum(map(cpu_s, ours)), {name: cpu_s(nodes[name]) for name in nodes}
    until_ns = time.monotonic_ns()
    percent = 1e11 / (until_ns - since_ns)
    used = {name: percent * (after_s[2][name] - before_s[2][name]) for name in nodes}
    bench = percent * (after_s[1] - before_s[1])
    others = percent * (after_s[0] - before_s[0]) - bench - sum(used.values())
    return Load((until_ns - since_ns) / 1e9, since_ns, until_ns, used, bench, max(0.0, others))


def _busy_s() -> float:
    """CPU time that all of this machine has used since it began."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _load_figures(load: Load, processes: Mapping[str, psutil.Process]) -> dict[str, Value]:
    figures: dict[str, Value] = {}
    for name, used in load.cpu_percent.items():
        figures[f'cpu_percent_{name}'] = round(used, 1)
    figures['cpu_percent_total'] = round(sum(load.cpu_percent.values()), 1)
    figures['cpu_percent_bench'] = round(load.bench_cpu_percent, 1)
    figures['cpu_percent_others'] = round(load.others_cpu_percent, 1)
    for name, process in processes.items():
        figures[f'rss_mib_{name}'] = round(process.memory_info().rss / 2**20, 1)
    memory = memory_of(list(processes.values()))
    figures['rss_mib_total'] = round(memory.resident_mib, 1)
    figures['pss_mib_total'] = round(memory.proportional_mib, 1)
    return figures


def _pace_figures(name: str, one: Pace) -> dict[str, Value]:
    return {
        f'{name}_fps': one.fps,
        f'{name}_delivered': one.delivered,
        f'{name}_longest_gap_ms': one.longest_gap_ms,
        f'capture_to_{name}_p50_ms': one.p50_ms,
        f'capture_to_{name}_p99_ms': one.p99_ms,
    }


def _face_rates(recorder: Recorder, load: Load) -> dict[str, Value]:
    """What face_node does beside following faces, by its own counters."""
    counters = {'detections': 'searches_per_s', 'embedded': 'embeds_per_s'}
    counts: dict[str, list[tuple[int, float]]] = {counter: [] for counter in counters}
    for arrived_ns, message in _messages(recorder, DIAGNOSTICS, load):
        for status in message.status:
            for pair in status.values:
                if 'face_node' in status.name and pair.key in counters:
                    counts[pair.key].append((arrived_ns, float(pair.value)))
    return {figure: rate_of(counts[counter]) for counter, figure in counters.items()}


def _of_frames(recorder: Recorder, topic: str, load: Load, late_s: float = 0.0) -> list[Arrived]:
    return [
        Arrived(message.monotonic_ns, arrived_ns)
        for arrived_ns, message in _messages(recorder, topic, load, late_s)
    ]


def _of_faces(recorder: Recorder, load: Load) -> list[Arrived]:
    return [
        Arrived(message.monotonic_ns, arrived_ns, len(message.faces), _named(message))
        for arrived_ns, message in _messages(recorder, FACES, load, GRACE_S)
    ]


def _of_hands(recorder: Recorder, load: Load) -> list[Arrived]:
    return [
        Arrived(message.monotonic_ns, arrived_ns, len(message.hands))
        for arrived_ns, message in _messages(recorder, HANDS, load, GRACE_S)
    ]


def _messages(
    recorder: Recorder, topic: str, load: Load, late_s: float = 0.0
) -> list[tuple[int, Any]]:
    return recorder.messages(topic, load.since_ns, load.until_ns + int(late_s * 1e9))


def _named(message: Any) -> int:
    return sum(bool(face.identity) for face in message.faces)
