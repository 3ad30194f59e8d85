"""What others may ask of the face node: learn a face, know it by a sealed template, say who is in a
picture, forget a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action.server import ServerGoalHandle

from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.srv import AdmitFace, ForgetFace, RecognizeFace
from mmoment_node.managed_node import ManagedNode
from mmoment_node.request_desk import RequestDesk
from mmoment_vision.enrolment_requests import EnrolmentRequests, RequestSettings, rejected
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_detection import FaceDetector
from mmoment_vision.face_recognition import FaceRecognizer
from mmoment_vision.face_tracking import TrackedFace
from mmoment_vision.face_vault import FaceVault
from mmoment_vision.given_pictures import GivenPictures
from mmoment_vision.keeping_requests import KeepingRequests, forgotten
from mmoment_vision.recognition_requests import RecognitionRequests, refused
from mmoment_vision.request_errors import NO_MODEL, REQUEST_ERRORS


class FaceRequests:
    """Serves `enroll_face`, `admit_face` and `recognize_face`, and publishes `enrollment`.

    `look` and `look_away` are for the thread that follows faces; requests that take long are
    answered in threads of their own.
    """

    def __init__(
        self,
        node: ManagedNode[Any],
        recognizer: FaceRecognizer,
        open_detector: Callable[[], FaceDetector],
        vault: FaceVault,
        keeping: KeepingRequests,
        settings: RequestSettings,
    ) -> None:
        given = GivenPictures(open_detector)
        self._enrolment = EnrolmentRequests(node, recognizer, given, vault, settings)
        self._recognition = RecognitionRequests(recognizer, given)
        self._keeping = keeping
        self._keeping.enrolment = self._enrolment
        self._desk = RequestDesk(node)
        self._desk.act(EnrollFace, 'enroll_face', self._enrolment.enrol)
        self._desk.serve(RecognizeFace, 'recognize_face', self._recognition.answer)
        self._desk.serve(AdmitFace, 'admit_face', keeping.admission.answer)
        self._desk.open()

    def set_settings(self, settings: RequestSettings) -> None:
        """How faces are learnt from the next enrolment on."""
        self._enrolment.settings = settings

    def look(self, picture: Picture, faces: list[TrackedFace], now_s: float) -> None:
        """Take the next live picture, which others may change afterwards, and its faces."""
        self._recognition.look(picture, faces)
        self._enrolment.look(picture, faces, now_s)

    def look_away(self) -> None:
        """Hear that the camera has no live picture."""
        self._recognition.look_away()

    def close(self) -> None:
        """Answer no more; what is under way ends without success and says so."""
        self._enrolment.end()
        self._recognition.close()
        self._desk.close()
        self._keeping.enrolment = None
        self._enrolment.close()


class NoFaceRequests:
    """Serves the same where nobody can be recognised: says why."""

    def __init__(self, node: ManagedNode[Any], why_not: str) -> None:
        self._message = f'{REQUEST_ERRORS[NO_MODEL]} {why_not}'
        self._desk = RequestDesk(node)
        self._desk.act(EnrollFace, 'enroll_face', self._enrol)
        self._desk.serve(RecognizeFace, 'recognize_face', self._recognize)
        self._desk.serve(AdmitFace, 'admit_face', self._admit)
        self._desk.serve(ForgetFace, 'forget_face', lambda _, answer: forgotten(answer, 0))
        self._desk.open()

    def close(self) -> None:
        """Answer no more."""
        self._desk.close()

    def _enrol(self, handle: ServerGoalHandle) -> EnrollFace.Result:
        result = rejected(handle, NO_MODEL)
        result.message = self._message
        return result

    def _recognize(
        self, request: RecognizeFace.Request, answer: RecognizeFace.Response
    ) -> RecognizeFace.Response:
        return refused(answer, NO_MODEL, self._message)

    def _admit(self, request: AdmitFace.Request, answer: AdmitFace.Response) -> AdmitFace.Response:
        answer.error_code, answer.message = NO_MODEL, self._message
        return answer
