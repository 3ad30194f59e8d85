"""The whole graph on the test pattern, and what two people take of it: photos, and clips at once."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.api_process import LINK, Started
from bench.capture_live import Person, Witness, check_in, wait_for_nodes, witness
from bench.whole_graph import ALL_READY, cpu_s, node_processes, whole_graph
from mmoment_interfaces.msg import MediaEvent

NAMESPACE = f'bench_capture_{os.getpid()}'
SIZE, FPS = (1280, 720), 30
START_WAIT_S = 60.0
# capture_node waits for the store that session_node makes.
READY_WAIT_S = 30.0
PREROLL_S = 5.0
# Until the seconds before are there: a keyframe interval more.
FILLED_AFTER_S = 8.0
# Between photos, so that they fall anywhere between two pictures.
LONGEST_PAUSE_S = 0.1
RECORDED_S = 1.5


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is taken. long_clip_s: 0 for no long one."""

    photos: int
    gestures: int
    rounds: int
    long_clip_s: float


@dataclass(frozen=True, slots=True)
class TakenPhoto:
    """A photo that was answered to be kept."""

    path: Path
    sha256: str
    asked_ns: int
    took_ms: float


@dataclass(frozen=True, slots=True)
class TakenClip:
    """A clip that is kept. Times are CLOCK_MONOTONIC; ends_ns: None if it was stopped by hand."""

    path: Path
    wanted_ns: int
    ends_ns: int | None = None


@dataclass(slots=True)
class Taken:
    """What was measured in the graph. rounds: clips that were recorded at once."""

    photos: list[TakenPhoto] = field(default_factory=list)
    gestures_ms: list[float] = field(default_factory=list)
    stops_ms: list[float] = field(default_factory=list)
    rounds: list[list[TakenClip]] = field(default_factory=list)
    sequences: dict[int, dict[int, int]] = field(default_factory=dict)
    others_cpu_percent: float = 0.0


def take(folder: Path, plan: Plan, progress: Callable[[str], None]) -> Taken:
    """Start the graph with its data in this folder, and have people take photos and clips."""
    width, height = SIZE
    picture = (f'width:={width}', f'height:={height}', f'fps:={FPS}')
    with whole_graph(NAMESPACE, 'source:=pattern', *picture, f'data_folder:={folder}') as graph:
        graph.wait_for(ALL_READY, START_WAIT_S)
        port = int(graph.wait_for(LINK).group(2))
        wait_for_nodes(port, ('session_node', 'capture_node'))
        with witness(NAMESPACE) as heard:
            ann, ben = check_in(port), check_in(port)
            _wait_for_photos(ann)
            checked_in_s = time.monotonic()
            heard.wait_for_camera()
            load, taken, chance = Load(graph), Taken(), random.Random(1)
            progress(f'{plan.photos} photos by calls')
            for _ in range(plan.photos):
                taken.photos.append(_photo(folder, ann))
                time.sleep(chance.uniform(0.0, LONGEST_PAUSE_S))
            progress(f'{plan.gestures} photos by gestures')
            for _ in range(plan.gestures):
                taken.gestures_ms.append(_photo_by_gesture(heard, ben))
                time.sleep(chance.uniform(0.0, LONGEST_PAUSE_S))
            time.sleep(max(0.0, checked_in_s + FILLED_AFTER_S - time.monotonic()))
            progress(f'{plan.rounds} times two clips at once')
            for _ in range(plan.rounds):
                time.sleep(chance.uniform(0.0, 1.0))
                taken.rounds.append(_two_clips(heard, ann, ben, taken.stops_ms))
            if plan.long_clip_s:
                progress(f'a clip of {plan.long_clip_s:.0f} s')
                taken.rounds.append([_long_clip(heard, ann, plan.long_clip_s)])
            taken.others_cpu_percent = load.others_percent()
            taken.sequences = heard.sequences()
    return taken


def _wait_for_photos(person: Person) -> None:
    """Until the store and the pictures are there; raises RuntimeError with the last refusal."""
    end_s = time.monotonic() + READY_WAIT_S
    while True:
        try:
            person.post('/api/capture')
        except RuntimeError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.2)
        else:
            return


def _photo(folder: Path, person: Person) -> TakenPhoto:
    asked_ns = time.monotonic_ns()
    answer = person.post('/api/capture')
    took_ms = (time.monotonic_ns() - asked_ns) / 1e6
    return TakenPhoto(_file(folder, answer['filename']), answer['sha256'], asked_ns, took_ms)


def _photo_by_gesture(heard: Witness, person: Person) -> float:
    asked_ns = heard.gesture(person, 'photo')
    arrived_ns, _ = heard.event(asked_ns, MediaEvent.TAKEN, of=person.wallet)
    return (arrived_ns - asked_ns) / 1e6


def _two_clips(
    heard: Witness, by_call: Person, by_gesture: Person, stops_ms: list[float]
) -> list[TakenClip]:
    """One begun and stopped by calls, the other by gestures, with the seconds before."""
    asked_ns = time.monotonic_ns()
    media_id = by_call.post('/api/record', action='start', pre_roll=PREROLL_S)['id']
    gesture_ns = heard.gesture(by_gesture, 'clip')
    _, started = heard.event(gesture_ns, MediaEvent.STARTED, of=by_gesture.wallet)
    time.sleep(RECORDED_S)
    stopped_ns = time.monotonic_ns()
    by_call.post('/api/record', action='stop', id=media_id)
    stops_ms.append((time.monotonic_ns() - stopped_ns) / 1e6)
    _, called = heard.event(asked_ns, MediaEvent.RECORDED, of=media_id)
    heard.gesture(by_gesture, 'clip')
    _, made = heard.event(gesture_ns, MediaEvent.RECORDED, of=started.media.media_id)
    return [
        TakenClip(Path(event.media.path), begun_ns - round(PREROLL_S * 1e9))
        for event, begun_ns in ((called, asked_ns), (made, gesture_ns))
    ]


def _long_clip(heard: Witness, person: Person, seconds: float) -> TakenClip:
    asked_ns, after_s = time.monotonic_ns(), seconds - PREROLL_S
    wish = {'pre_roll': PREROLL_S, 'duration': after_s}
    media_id = person.post('/api/record', action='start', **wish)['id']
    time.sleep(after_s)
    _, event = heard.event(asked_ns, MediaEvent.RECORDED, of=media_id)
    path, wanted_ns = Path(event.media.path), asked_ns - round(PREROLL_S * 1e9)
    return TakenClip(path, wanted_ns, asked_ns + round(after_s * 1e9))


def _file(folder: Path, filename: str) -> Path:
    """Where it lies; RuntimeError if it was answered to be kept and is not there."""
    for path in folder.rglob(filename):
        return path
    raise RuntimeError(f'{filename} was answered to be kept, and is not there')


class Load:
    """CPU that all else on this machine uses from now on."""

    def __init__(self, graph: Started) -> None:
        self._own = [*node_processes(graph).values(), psutil.Process()]
        self._before_s = time.monotonic(), self._others_s()

    def others_percent(self) -> float:
        """Until now, beside the nodes and this benchmark; 100 is one core."""
        began_s, used_s = self._before_s
        return 100.0 * max(0.0, self._others_s() - used_s) / (time.monotonic() - began_s)

    def _others_s(self) -> float:
        times = psutil.cpu_times()
        all_s = times.user + times.nice + times.system + times.irq + times.softirq
        return float(all_s) - sum(map(cpu_s, self._own))
