"""What our hands and gestures cost over raw MediaPipe Hands on the same pictures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from rclpy.serialization import serialize_message

from bench.media import clip_pictures, media_folder
from mmoment_interfaces.msg import HandArray
from mmoment_vision.gesture_pipeline import GesturePipeline
from mmoment_vision.hand_landmarks import HandLandmarker
from mmoment_vision.hand_messages import hand_message
from mmoment_vision.hand_owner import FaceBox

CLIPS = ('yes', 'no', 'milk', 'thanks')
CLIP_RATE_HZ = 30.0
ROUNDS = 3
# Two people, so that the owner of a hand has to be chosen.
FACES = (FaceBox(1, 250.0, 60.0, 110.0, 150.0), FaceBox(2, 480.0, 80.0, 90.0, 120.0))


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
            pictures = clip_pictures(media_folder() / 'clips' / f'{clip}.mkv')
            for index, picture in enumerate(pictures):
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


class _OurWay:
    """All that the gesture node does with a picture, up to the bytes of its message."""

    def __init__(self) -> None:
        self._landmarker = HandLandmarker()
        self._pipeline = GesturePipeline()
        self._now_s = 0.0

    def look(self, picture: np.ndarray) -> None:
        self._now_s += 1.0 / CLIP_RATE_HZ
        size = (picture.shape[1], picture.shape[0])
        found = self._landmarker.detect(picture)
        hands, _ = self._pipeline.process(found, size, self._now_s, FACES)
        message = HandArray(height=size[1], width=size[0])
        message.hands = [hand_message(hand) for hand in hands]
        serialize_message(message)

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
