"""One enrolment from live pictures: driven by the pictures, waited for by whoever asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime

from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_embedding import Embeddings
from mmoment_vision.face_enrolment import EnrolmentRefused, EnrolmentResult
from mmoment_vision.face_recognition import FaceRecognizer
from mmoment_vision.face_tracking import TrackedFace
from mmoment_vision.live_enrolment import LiveEnrolment, Step, View


class LiveRun:
    """`look` is for the thread that follows faces, the rest for any other.

    `tell` is called with each step, in the thread of the pictures.
    """

    def __init__(
        self, enrolment: LiveEnrolment, recognizer: FaceRecognizer, tell: Callable[[Step], None]
    ) -> None:
        self._enrolment = enrolment
        self._recognizer = recognizer
        self._tell = tell
        self._lock = threading.Lock()
        self._outcome: Future[EnrolmentResult] = Future()

    def look(self, picture: Picture, faces: Sequence[TrackedFace], now_s: float) -> None:
        """Take the next picture; between `hear` and `name_faces` of the recognizer."""
        with self._lock:
            if self._outcome.done():
                return
            try:
                step = self._enrolment.look(picture, faces, now_s)
                if step.view is not None:
                    self._embed(picture, step.view)
                self._tell(step)
                if self._enrolment.is_complete:
                    self._outcome.set_result(self._enrolment.finish())
            except EnrolmentRefused as refusal:
                self._outcome.set_exception(refusal)

    def result(self, patience_s: float) -> EnrolmentResult | None:
        """What was learnt, None if it goes on. Raises EnrolmentRefused."""
        try:
            return self._outcome.result(patience_s)
        except NotInTime:
            return None

    def end(self, code: str, detail: str = '') -> None:
        """Break off; nothing is learnt. What has ended already stays as it is."""
        with self._lock:
            if not self._outcome.done():
                reasons = self._enrolment.reasons
                self._enrolment.close()
                self._outcome.set_exception(EnrolmentRefused(code, detail, reasons))

    def _embed(self, picture: Picture, view: View) -> None:
        self._recognizer.look_at(
            picture, view.landmarks, lambda embedding: self._take(view, embedding)
        )

    def _take(self, view: View, embedding: Embeddings) -> None:
        with self._lock:
            self._enrolment.embedded(view, embedding)
