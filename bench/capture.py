"""Photos and clips: how soon a photo is kept, when clips begin, how long they are, what is in them.

First a minute of simulated cameras that drop every tenth picture, through encoder, recording and
file. Then the whole graph on the test pattern: two people take photos by REST and by gestures, and
record clips at the same time. Every picture of every clip is decoded, and its number and capture
time are read from its pixels.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from bench.capture_clips import (
    ClipScore,
    ReadClip,
    encodes_per_picture,
    judge,
    probe,
    read_clip,
    seconds_between,
    stamp_us,
)
from bench.capture_graph import FPS, SIZE, Plan, Taken, TakenPhoto, take
from bench.capture_simulated import simulated_clip
from bench.runner import BenchResult, Value
from bench.whole_graph import quantile
from mmoment_camera.pattern import read_mark

SUMMARY = (
    'photos and clips: call or gesture to the kept file, begin and length of clips, each picture'
)
COMPARED_WITH = {
    'photo_p50_ms': 'from the REST call until it is on the disk and answered',
    'gesture_to_photo_p50_ms': 'from the message that a hand is recognised until it is on the disk',
    'clip_start_error_frames': 'at most 60, one keyframe interval: a clip begins at a keyframe',
    'clip_start_late_frames': '0: all of the time that was asked for is there',
    'clip_duration_error_frames': 'under 1, of clips up to a minute, 10 % of pictures dropped too',
    'clip_end_error_frames': 'about 1: the end that was asked for; a dropped picture is one more',
    'clip_time_error_ms': '0: every picture is shown when it was taken',
    'missing_or_doubled': '0',
    'encodes_per_frame': '1: of pictures that are in two clips, recorded at once',
    'photos_wrong': '0',
}
SIMULATED_FPS = (15, 30)
SIMULATED_S = 60.0
QUICK_SIZE = (320, 180)
FULL = Plan(photos=300, gestures=60, rounds=12, long_clip_s=60.0)
QUICK = Plan(photos=30, gestures=10, rounds=2, long_clip_s=0.0)


@dataclass(slots=True)
class Judged:
    """Scores of clips. disagreements: clips of which ffprobe sees something else."""

    scores: list[ClipScore] = field(default_factory=list)
    probed: int = 0
    disagreements: int = 0

    def add(self, path: Path, clip: ReadClip, score: ClipScore) -> None:
        """One more clip."""
        self.scores.append(score)
        if (seen := probe(path)) is not None:
            self.probed += 1
            self.disagreements += not seen.agrees(clip)


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure simulated cameras, then the whole graph; then look into the files."""
    plan, size = (QUICK, QUICK_SIZE) if quick else (FULL, SIZE)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix='mmoment-bench-') as name:
        folder = Path(name)
        progress(f'{SIMULATED_S:.0f} s of simulated cameras')
        simulated = {fps: _simulated(folder, fps, size) for fps in SIMULATED_FPS}
        progress('starting the graph')
        taken = take(folder, plan, progress)
        progress('reading the clips')
        live, encodes = _judged(taken)
        metrics = {
            **_photo_figures(taken),
            **_clip_figures([live, *simulated.values()]),
            'clip_stop_to_kept_p50_ms': quantile(taken.stops_ms, 0.5),
            'encodes_per_frame': round(encodes, 4),
            'not_encoded': sum(score.not_encoded for score in live.scores),
            **_simulated_figures(simulated),
            'cpu_percent_others': round(taken.others_cpu_percent, 1),
        }
    notes = _notes(size, load, [live, *simulated.values()])
    return BenchResult(metrics, len(taken.photos) + len(taken.gestures_ms), notes)


# --- simulated cameras ----------------------------------------------------------------------------


def _simulated(folder: Path, fps: int, size: tuple[int, int]) -> Judged:
    made = simulated_clip(folder, fps, SIMULATED_S, size, seed=fps)
    clip, judged = read_clip(made.path), Judged()
    score = judge(clip, made.sequences, fps, made.wanted_ns, made.ends_ns)
    judged.add(made.path, clip, score)
    return judged


def _simulated_figures(simulated: Mapping[int, Judged]) -> dict[str, Value]:
    figures: dict[str, Value] = {}
    for fps, judged in simulated.items():
        (score,) = judged.scores
        figures |= {
            f'simulated_{fps}_fps_pictures': score.pictures,
            f'simulated_{fps}_fps_dropped': score.not_encoded,
            f'simulated_{fps}_fps_duration_error_frames': round(score.duration_error_frames, 3),
            f'simulated_{fps}_fps_missing_or_doubled': score.missing_or_doubled,
        }
    return figures


# --- figures --------------------------------------------------------------------------------------


def _judged(taken: Taken) -> tuple[Judged, float]:
    """Scores of all clips of the graph, and encodes per picture of those recorded at once."""
    judged, encodes = Judged(), []
    for clips in taken.rounds:
        read = [read_clip(clip.path) for clip in clips]
        for clip, content in zip(clips, read, strict=True):
            sequences = _of_its_encoder(content, taken.sequences.values())
            score = judge(content, sequences, FPS, clip.wanted_ns, clip.ends_ns)
            judged.add(clip.path, content, score)
        if len(read) > 1:
            encodes.append(encodes_per_picture(read))
    return judged, max(encodes)


def _of_its_encoder(clip: ReadClip, encoders: Iterable[Mapping[int, int]]) -> Mapping[int, int]:
    """Of the encoder that most of its pictures came from."""
    shown = {picture.mark.capture_us for picture in clip.pictures}
    return max(encoders, key=lambda sequences: len(shown & sequences.keys()))


def _photo_figures(taken: Taken) -> dict[str, Value]:
    took_ms = [photo.took_ms for photo in taken.photos]
    off_ms = [_distance_ms(photo) for photo in taken.photos]
    right_ms = [each for each in off_ms if each is not None]
    return {
        'photo_p50_ms': quantile(took_ms, 0.5),
        'photo_p99_ms': quantile(took_ms, 0.99),
        'photo_from_moment_p50_ms': quantile(right_ms, 0.5),
        'photo_from_moment_p99_ms': quantile(right_ms, 0.99),
        'photos_wrong': len(off_ms) - len(right_ms),
        'gesture_to_photo_p50_ms': quantile(taken.gestures_ms, 0.5),
        'gesture_to_photo_p99_ms': quantile(taken.gestures_ms, 0.99),
    }


def _distance_ms(photo: TakenPhoto) -> float | None:
    """How far from the call its picture was taken; None: the file is not what was answered."""
    data = photo.path.read_bytes()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if hashlib.sha256(data).hexdigest() != photo.sha256 or picture is None:
        return None
    mark = read_mark(picture)
    if mark is None or picture.shape[1::-1] != SIZE:
        return None
    return abs(seconds_between(stamp_us(photo.asked_ns), mark.capture_us)) * 1e3


def _clip_figures(judged: Sequence[Judged]) -> dict[str, Value]:
    """The worst of all clips."""
    scores = [score for each in judged for score in each.scores]
    ends = [abs(score.end_error_frames) for score in scores if score.end_error_frames is not None]
    return {
        'clip_start_error_frames': round(max(abs(score.early_frames) for score in scores), 2),
        'clip_start_late_frames': round(max(0.0, *(-score.early_frames for score in scores)), 2),
        'clip_duration_error_frames': round(
            max(abs(score.duration_error_frames) for score in scores), 3
        ),
        'clip_end_error_frames': round(max(ends), 2),
        'clip_time_error_ms': round(max(score.time_error_ms for score in scores), 3),
        'missing_or_doubled': sum(score.missing_or_doubled for score in scores),
        'unreadable': sum(score.unreadable for score in scores),
        'clips': len(scores),
        'pictures': sum(score.pictures for score in scores),
    }


def _notes(size: tuple[int, int], load: float, judged: Sequence[Judged]) -> list[str]:
    checked = sum(each.probed for each in judged)
    differ = sum(each.disagreements for each in judged)
    width, height = size
    return [
        f'simulated: {SIMULATED_S:.0f} s of {width}x{height} with each tenth picture dropped by '
        'chance, in simulated time; the other figures are of the whole graph, '
        f'{SIZE[0]}x{SIZE[1]} at {FPS} fps',
        'clip figures are the worst of all clips; a frame is a period of its camera',
        'not_encoded: pictures of the graph that camera or encoder left out because the machine was '
        'busy; missing are those that were encoded and are not in the clip',
        'photo_from_moment: between the call and the capture time of the picture',
        f'ffprobe looked at {checked} clips, and saw other pictures or durations in {differ}'
        if checked
        else 'ffprobe is not installed: clips were read with PyAV alone',
        f'load average before: {load:.1f}; cpu_percent_others: what else ran meanwhile, 100 is one '
        'core; where it is above 5, times are too bad',
    ]
