"""Faces of pictures that somebody sent, searched beside the live ones."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mmoment_vision.face_boxes import FoundFaces, Picture
from mmoment_vision.face_detection import FaceDetector


class GivenPictures:
    """Has a detector of its own, since one cannot search two pictures at once; opened when it is
    needed first.
    """

    def __init__(self, open_detector: Callable[[], FaceDetector]) -> None:
        self._open_detector = open_detector
        self._detector: FaceDetector | None = None
        self._detecting = threading.Lock()

    def faces(self, picture: Picture) -> FoundFaces:
        """Faces of `picture` (height, width, 3; BGR); from any thread."""
        with self._detecting:
            if self._detector is None:
                self._detector = self._open_detector()
            return self._detector.detect(picture)
