"""Faces and gestures: right boxes for every picture in real time, and what they cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from bench import vision_gestures
from bench.facenet import is_substituted
from bench.media import media_folder
from bench.runner import BenchResult
from bench.vision_live import passes, play
from bench.vision_reference import PlainLoop, read_clip, reference
from bench.vision_scores import Scores, score
from mmoment_vision.face_boxes import Boxes, Picture
from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_pipeline import FacePipeline, SearchSettings
from mmoment_vision.face_tracking import TrackedFace, TrackingSettings

SUMMARY = 'face boxes on the crowd clip in real time, against MTCNN on every picture; gestures'
COMPARED_WITH = {
    'fps_crowd_1080p': 'the clip has 25 pictures a second',
    'recall': "facenet-pytorch's MTCNN on every picture; faces of 40 px or more, IoU 0.5",
    'precision': "facenet-pytorch's MTCNN on every picture; faces of 40 px or more, IoU 0.5",
    'throughput_x_naive': 'MTCNN with default settings plus FaceNet on every face of every picture',
    'gesture_x_mediapipe': 'MediaPipe Hands alone on the same pictures',
}

CLIP_HZ = 25.0
# The first second after a start or a cut is not scored.
UNSCORED_PICTURES = 25
REALTIME_S = 46.0
# Enough for a whole pass from wherever the clip is.
REALTIME_QUICK_S = 10.0
# With --quick, every so-manieth picture is held against the reference.
QUICK_STEP = 5
PLAIN_PICTURES = 12
PLAIN_PICTURES_QUICK = 4


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure; see COMPARED_WITH."""
    clip = media_folder() / 'clips' / 'crowd-1080p.mp4'
    pictures = read_clip(clip)
    loop = PlainLoop()
    scored = range(UNSCORED_PICTURES, len(pictures), QUICK_STEP if quick else 1)
    wanted = reference(clip, pictures, scored, loop, progress)

    progress('the clip in real time through camera_node and face_node')
    live = play(clip, pictures, REALTIME_QUICK_S if quick else REALTIME_S)
    scores = Scores()
    whole_passes = passes(live, len(pictures))
    for results in whole_passes:
        score(results, wanted, scores)

    progress('as fast as it goes, in turn with the plain loop')
    plain_s, ours_s, offline = _throughput(pictures, loop, quick)
    offline_scores = Scores()
    score(offline, wanted, offline_scores)

    metrics: dict[str, float | int | str] = {
        'fps_crowd_1080p': len(live.results) / live.seconds,
        'recall': scores.recall,
        'precision': scores.precision,
        'throughput_x_naive': plain_s / ours_s,
        'recall_unhurried': offline_scores.recall,
        'precision_unhurried': offline_scores.precision,
        'ms_per_picture': ours_s * 1e3,
        'ms_per_picture_naive': plain_s * 1e3,
        'threads_naive': loop.threads,
        'capture_to_faces_p50_ms': statistics.median(live.latencies_ms),
        'camera_fps': live.written / live.seconds,
        'cpu_percent_face_node': live.cpu_percent['face_node'],
        'rss_mib_face_node': live.rss_mib['face_node'],
    }
    metrics |= vision_gestures.overhead(quick, progress)
    return BenchResult(metrics, scores.pictures, _notes(len(whole_passes), scores, quick))


def _throughput(
    pictures: Sequence[Picture], loop: PlainLoop, quick: bool
) -> tuple[float, float, dict[int, Boxes]]:
    """Median seconds per picture of the plain loop, mean ones of ours, and our boxes.

    Both see the same machine in the same minute: the plain loop is timed before and after ours.
    """
    count = PLAIN_PICTURES_QUICK if quick else PLAIN_PICTURES
    sample = [pictures[n] for n in np.linspace(0, len(pictures) - 1, count).astype(int)]
    loop.choose_threads(sample[0])
    plain_s = [loop.run(picture) for picture in sample[: count // 2]]
    rounds = [_unhurried(pictures) for _ in range(1 if quick else 3)]
    plain_s += [loop.run(picture) for picture in sample[count // 2 :]]
    ours_s = statistics.median(seconds for seconds, _ in rounds) / len(pictures)
    return statistics.median(plain_s), ours_s, rounds[0][1]


def _unhurried(pictures: Sequence[Picture]) -> tuple[float, dict[int, Boxes]]:
    """Our pipeline over the clip, as fast as it goes, with detections as often as in real time.

    Where the next detection is due before the last has come in, it waits for it. Returns the
    seconds and the boxes by number of the picture.
    """
    pipeline = FacePipeline(open_detector('mtcnn', 'cpu'), SearchSettings(), TrackingSettings())
    found: dict[int, Boxes] = {}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # as face_node does
    pipeline.process(pictures[0], 0, 0.0)
    pipeline.wait(timeout_s=10.0)
    pipeline.reset()
    begun_s = time.perf_counter()
    for number, picture in enumerate(pictures):
        if pipeline.is_due(number / CLIP_HZ):
            pipeline.wait(timeout_s=10.0)
        found[number] = _boxes(pipeline.process(picture, number + 1, number / CLIP_HZ))
    seconds = time.perf_counter() - begun_s
    pipeline.close()
    cv2.setNumThreads(threads)
    return seconds, found


def _boxes(faces: Sequence[TrackedFace]) -> Boxes:
    return np.array([face.box for face in faces], np.float32).reshape(-1, 4)


def _notes(passes_seen: int, scores: Scores, quick: bool) -> list[str]:
    notes = [
        f'{passes_seen} passes through the clip; the first second of each is not scored, '
        'nor is a pass that was not played whole',
        'a picture without a result counts as one with every face missed',
        f'{scores.wanted} faces of the reference, {scores.boxes} boxes of ours',
        'the size of a face is the longer side of its box; boxes of ours below 40 px are not '
        'counted against precision, but may match a larger face of the reference',
        'one box for one face: boxes and faces are paired one to one, best overlap first',
        'throughput: pictures in memory, searched as often as in real time (by time of the clip), '
        'so tracking and detection share the work of finding faces; ours makes no embeddings',
        'the plain loop runs FaceNet on one face after the other, unbatched, with random weights, '
        'which take the same time as its own; torch has one thread or all, whichever is faster '
        '(threads_naive): beside other work on all cores it may take ten times as long',
        'suppression of overlapping boxes in the reference: '
        + (
            "OpenCV's compiled one (2 % of MTCNN's time), as torchvision does not fit this torch"
            if is_substituted()
            else "torchvision's own"
        ),
    ]
    if quick:
        notes.append(f'--quick: every {QUICK_STEP}th picture is held against the reference')
    return notes
