"""What our hands and gestures cost over raw MediaPipe Hands on the same pictures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from bench.media import media_folder
from mmoment_vision.gesture_rules import classify_hand
from mmoment_vision.hand_landmarks import HandLandmarker
from mmoment_vision.hand_tracking import HandTracker

CLIPS = ('yes', 'no', 'milk', 'thanks')
CLIP_RATE_HZ = 30.0
ROUNDS = 3


def overhead(quick: bool, progress: Callable[[str], None]) -> dict[str, float]:
    """Measure our whole way from picture to gestures over raw MediaPipe with the same settings.

    Both get every picture, turn by turn and in changing order, each with a model of its own that
    follows hands through the clip. Returns the ratio of the summed times as `gesture_x_mediapipe`
    and the median times, milliseconds a picture.
    """
    ours_s: list[float] = []
    raw_s: list[float] = []
    for number in range(1 if quick else ROUNDS):
        progress(f'hands of the clips, round {number + 1}')
        for clip in CLIPS:
            ours, raw = _OurWay(), _RawMediaPipe()
            for index, picture in enumerate(pictures(media_folder() / 'clips' / f'{clip}.mkv')):
                pairs = [(ours.look, ours_s), (raw.look, raw_s)]
                for look, times in pairs if index % 2 else reversed(pairs):
                    started = time.perf_counter()
                    look(picture)
                    times.append(time.perf_counter() - started)
            ours.close()
            raw.close()
    return {
        'gesture_x_mediapipe': sum(ours_s) / sum(raw_s),
        'gesture_ms': statistics.median(ours_s) * 1e3,
        'mediapipe_hands_ms': statistics.median(raw_s) * 1e3,
    }


def pictures(path: Path) -> Iterator[np.ndarray]:
    """Yield the pictures of a clip, uint8 BGR."""
    clip = cv2.VideoCapture(str(path))
    while True:
        is_read, picture = clip.read()
        if not is_read:
            clip.release()
            return
        yield picture


class _OurWay:
    """Landmarks, tracks and gestures as the gesture node makes them."""

    def __init__(self) -> None:
        self._landmarker = HandLandmarker()
        self._tracker = HandTracker()
        self._now_s = 0.0

    def look(self, picture: np.ndarray) -> None:
        self._now_s += 1.0 / CLIP_RATE_HZ
        size = (picture.shape[1], picture.shape[0])
        for tracked in self._tracker.update(self._landmarker.detect(picture), self._now_s):
            classify_hand(tracked.hand.landmarks, size)

    def close(self) -> None:
        self._landmarker.close()


class _RawMediaPipe:
    """What MediaPipe's own example does: to RGB, then process."""

    def __init__(self) -> None:
        from mediapipe.python.solutions.hands import Hands

        self._model = Hands(max_num_hands=2)
        warm_up = np.zeros((480, 640, 3), np.uint8)
        self._model.process(warm_up)

    def look(self, picture: np.ndarray) -> None:
        self._model.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))

    def close(self) -> None:
        self._model.close()
