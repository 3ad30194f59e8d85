"""Who is in a picture, for whoever asks: a given one, or the newest of the camera."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotInTime

import numpy as np

from mmoment_interfaces.msg import Face
from mmoment_interfaces.srv import RecognizeFace
from mmoment_vision.face_boxes import FoundFaces, Picture, areas
from mmoment_vision.face_enrolment import BAD_PICTURE
from mmoment_vision.face_messages import found_face_message
from mmoment_vision.face_recognition import FaceRecognizer
from mmoment_vision.face_tracking import TrackedFace
from mmoment_vision.given_pictures import GivenPictures
from mmoment_vision.picture_file import PictureError, decode_picture
from mmoment_vision.request_errors import (
    NO_PICTURE,
    REQUEST_ERRORS,
    STOPPING,
    TOO_MANY_REQUESTS,
)

LIVE_PICTURE_PATIENCE_S = 3.0
# Largest first; in a bigger crowd of one picture the rest is too small to be known.
MOST_FACES = 32
# Threads must be left for an enrolment and for what cancels it.
MOST_AT_ONCE = 2

LivePicture = tuple[Picture, list[TrackedFace]]


class RecognitionRequests:
    """Answers `recognize_face`. `look`, `look_away`: for the thread that follows faces."""

    def __init__(self, recognizer: FaceRecognizer, given: GivenPictures) -> None:
        self._recognizer = recognizer
        self._given = given
        self._is_closing = False
        self._recognising = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._asking = threading.Lock()
        self._asked: list[Future[LivePicture]] = []

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._is_closing = True
        self._settle(CancelledError())

    def look(self, picture: Picture, faces: list[TrackedFace]) -> None:
        """Take the next live picture, which others may change afterwards, and its faces."""
        if self._asked:
            self._settle((picture.copy(), faces))

    def look_away(self) -> None:
        """Hear that the camera has no live picture."""
        if self._asked:
            self._settle(NotInTime())

    def answer(
        self, request: RecognizeFace.Request, answer: RecognizeFace.Response
    ) -> RecognizeFace.Response:
        """Fill the answer to a request; takes as long as the search of a picture does."""
        if not self._recognising.acquire(blocking=False):
            return refused(answer, TOO_MANY_REQUESTS)
        try:
            self._fill(answer, *self._found(request))
        except PictureError as error:
            return refused(answer, BAD_PICTURE, str(error))
        except NotInTime:
            return refused(answer, NO_PICTURE)
        except CancelledError:
            return refused(answer, STOPPING)
        finally:
            self._recognising.release()
        return answer

    def _found(self, request: RecognizeFace.Request) -> tuple[Picture, FoundFaces]:
        """The picture that was given, or the newest live one, and its faces."""
        if self._is_closing:
            raise CancelledError
        if request.picture.data:
            picture = decode_picture(bytes(request.picture.data))
            return picture, self._given.faces(picture)
        return self._live_picture()

    def _fill(
        self,
        answer: RecognizeFace.Response,
        picture: Picture,
        found: FoundFaces,
    ) -> None:
        answer.faces = self._identified(picture, found)
        known = sum(bool(face.identity) for face in answer.faces)
        faces = 'face' if len(answer.faces) == 1 else 'faces'
        answer.message = f'{len(answer.faces)} {faces}, {known} known'
        answer.model_id = self._recognizer.embedder.model_id
        answer.height, answer.width = picture.shape[:2]
        answer.success = True

    def _identified(self, picture: Picture, found: FoundFaces) -> list[Face]:
        order = np.argsort(-areas(found.boxes), kind='stable')[:MOST_FACES]
        found = found.chosen(order)
        matches = self._recognizer.identify(picture, found.landmarks)
        return [
            found_face_message(box, landmarks, float(score), match)
            for box, landmarks, score, match in zip(
                found.boxes, found.landmarks, found.scores, matches, strict=True
            )
        ]

    def _live_picture(self) -> tuple[Picture, FoundFaces]:
        asked: Future[LivePicture] = Future()
        with self._asking:
            self._asked.append(asked)
        try:
            picture, faces = asked.result(LIVE_PICTURE_PATIENCE_S)
        finally:
            # Nobody waits for it any more: no picture must be copied for it later.
            with self._asking:
                if asked in self._asked:
                    self._asked.remove(asked)
        usable = [face for face in faces if face.landmarks.any()]
        return picture, FoundFaces(
            np.array([face.box for face in usable], np.float32).reshape(-1, 4),
            np.array([face.score for face in usable], np.float32),
            np.array([face.landmarks for face in usable], np.float32).reshape(-1, 5, 2),
        )

    def _settle(self, outcome: LivePicture | BaseException) -> None:
        """Answer everybody who waits for a live picture."""
        with self._asking:
            asked, self._asked = self._asked, []
        for one in asked:
            if isinstance(outcome, BaseException):
                one.set_exception(outcome)
            else:
                one.set_result(outcome)


def refused(answer: RecognizeFace.Response, code: str, message: str = '') -> RecognizeFace.Response:
    """An answer that says why there is none."""
    answer.error_code, answer.message = code, message or REQUEST_ERRORS[code]
    return answer
