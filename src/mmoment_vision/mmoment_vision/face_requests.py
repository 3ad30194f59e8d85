"""What others may ask of the face node: learn a face, say who is in a picture, forget a person."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.msg import EnrollmentStatus, Face
from mmoment_interfaces.srv import ForgetFace, RecognizeFace
from mmoment_node.managed_node import ManagedNode
from mmoment_node.request_desk import RequestDesk
from mmoment_vision.face_boxes import FoundFaces, Picture, areas
from mmoment_vision.face_detection import FaceDetector
from mmoment_vision.face_enrolment import (
    BAD_PICTURE,
    CANCELLED,
    TIMED_OUT,
    EnrolmentRefused,
    EnrolmentResult,
    Recognition,
    enrol_pictures,
)
from mmoment_vision.face_liveness import LivenessChallenge
from mmoment_vision.face_messages import found_face_message
from mmoment_vision.face_recognition import FaceRecognizer
from mmoment_vision.face_tracking import TrackedFace
from mmoment_vision.live_enrolment import EnrolmentSettings, LiveEnrolment, Step
from mmoment_vision.picture_file import PictureError, decode_picture

# Told to whoever comes late as well.
STATUS_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# A Solana address is 32 bytes in base58; whether it is somebody's wallet is not decided here.
IDENTITY = re.compile(r'[1-9A-HJ-NP-Za-km-z]{32,44}')

BUSY, NO_MODEL, BAD_IDENTITY, NO_PICTURE = 'busy', 'no_model', 'bad_identity', 'no_picture'
REQUEST_ERRORS = {
    BUSY: 'Another enrolment is under way: wait until it ends.',
    NO_MODEL: 'Nobody can be recognised.',
    BAD_IDENTITY: 'The identity must be a wallet address in base58, 32 to 44 characters.',
    NO_PICTURE: 'There is no live picture: see camera_status.',
}

# Steps of an enrolment that has ended.
DONE, FAILED = 'done', 'failed'

# Pictures come faster than anyone reads; what changes is told at once.
FEEDBACK_PERIOD_S = 0.2
CANCEL_PERIOD_S = 0.1
# Beyond the time for an enrolment: pictures have stopped coming, and with them its clock.
GRACE_S = 2.0
LIVE_PICTURE_PATIENCE_S = 3.0
# Largest first; in a bigger crowd of one picture the rest is too small to be known.
MOST_FACES = 32


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """How faces are learnt."""

    views: int = 5
    timeout_s: float = 30.0


class _LiveRun:
    """One enrolment from live pictures: driven by pictures, waited for by a request."""

    def __init__(
        self, enrolment: LiveEnrolment, recognizer: FaceRecognizer, tell: Callable[[Step], None]
    ) -> None:
        self.outcome: Future[EnrolmentResult] = Future()
        self._enrolment = enrolment
        self._recognizer = recognizer
        self._tell = tell
        self._lock = threading.Lock()

    def look(self, picture: Picture, faces: Sequence[TrackedFace], now_s: float) -> None:
        """Take the next picture."""
        with self._lock:
            if self.outcome.done():
                return
            try:
                step = self._enrolment.look(picture, faces, now_s)
                view = step.view
                if view is not None:
                    self._recognizer.look_at(
                        picture,
                        view.landmarks,
                        lambda embedding: self._enrolment.embedded(view, embedding),
                    )
                self._tell(step)
                if self._enrolment.is_complete:
                    self.outcome.set_result(self._enrolment.finish())
            except EnrolmentRefused as refusal:
                self.outcome.set_exception(refusal)

    def end(self, code: str, detail: str = '') -> None:
        """Break off; nothing is learnt. What has ended already stays as it is."""
        with self._lock:
            if not self.outcome.done():
                reasons = self._enrolment.reasons
                self._enrolment.close()
                self.outcome.set_exception(EnrolmentRefused(code, detail, reasons))


class FaceRequests:
    """Serves `enroll_face`, `recognize_face` and `forget_face`, and publishes `enrollment`.

    `look` is for the thread that follows faces; requests are answered in threads of their own.
    `recognizer` is None where nobody can be recognised, for the reason `why_not`. Given pictures
    are searched by a detector of their own, which `open_detector` opens for the first of them.
    """

    def __init__(
        self,
        node: ManagedNode[Any],
        recognizer: FaceRecognizer | None,
        why_not: str,
        open_detector: Callable[[], FaceDetector],
        settings: RequestSettings,
    ) -> None:
        self.settings = settings
        self._node = node
        self._recognizer = recognizer
        self._why_not = why_not
        self._open_detector = open_detector
        self._detector: FaceDetector | None = None
        self._detecting = threading.Lock()
        self._enrolling = threading.Lock()
        self._run: _LiveRun | None = None
        self._deciding = threading.Lock()
        self._enrolled_identity = ''  # empty: nobody, or no more
        self._asked: list[Future[tuple[Picture, list[TrackedFace]]]] = []
        self._told_s = 0.0
        self._told: tuple[Any, ...] = ()
        self._status = node.create_publisher(EnrollmentStatus, 'enrollment', STATUS_QOS)
        self._desk = RequestDesk(node)
        desk, group = self._desk.node, self._desk.group
        self._action = ActionServer(
            desk,
            EnrollFace,
            'enroll_face',
            self._enroll,
            callback_group=group,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )
        for kind, name, answer in (
            (RecognizeFace, 'recognize_face', self._recognize),
            (ForgetFace, 'forget_face', self._forget),
        ):
            desk.create_service(kind, name, answer, callback_group=group)
        self._desk.open()

    def close(self) -> None:
        """Answer no more; what is under way ends without success."""
        self._break_off()
        for asked in self._take_asked():
            asked.cancel()
        self._desk.close()
        self._node.destroy_publisher(self._status)

    def look(self, picture: Picture, faces: list[TrackedFace], now_s: float) -> None:
        """Take the next live picture, which others may change afterwards, and its faces."""
        for asked in self._take_asked():
            if asked.set_running_or_notify_cancel():
                asked.set_result((picture.copy(), faces))
        run = self._run
        if run is not None:
            run.look(picture, faces, now_s)

    # --- enrolment ------------------------------------------------------------------------------

    def _enroll(self, handle: ServerGoalHandle) -> EnrollFace.Result:
        goal: EnrollFace.Goal = handle.request
        if (problem := self._problem(goal.identity)) is not None:
            handle.abort()
            return EnrollFace.Result(error_code=problem[0], message=problem[1])
        if not self._enrolling.acquire(blocking=False):
            handle.abort()
            return EnrollFace.Result(error_code=BUSY, message=REQUEST_ERRORS[BUSY])
        try:
            self._enrolled_identity = goal.identity
            return self._learn(handle, goal)
        finally:
            self._enrolled_identity = ''
            self._enrolling.release()

    def _learn(self, handle: ServerGoalHandle, goal: EnrollFace.Goal) -> EnrollFace.Result:
        assert self._recognizer is not None
        try:
            result = (
                self._from_pictures(handle, goal) if goal.pictures else self._live(handle, goal)
            )
            self._recognizer.admit(goal.identity, result.template)
        except EnrolmentRefused as refusal:
            message = str(refusal)
            self._tell_end(FAILED, message)
            handle.canceled() if handle.is_cancel_requested else handle.abort()
            return EnrollFace.Result(
                error_code=refusal.code, message=message, reasons=list(refusal.reasons)
            )
        result.template.wipe()
        message = f'Learnt from {result.views} views of {result.quality_rating} quality.'
        self._tell_end(DONE, message)
        handle.succeed()
        return EnrollFace.Result(
            success=True,
            message=message,
            reasons=list(result.reasons),
            quality=result.quality,
            quality_rating=result.quality_rating,
            model_id=self._recognizer.embedder.model_id,
            views=result.views,
            liveness_passed=result.liveness_passed,
        )

    def _from_pictures(self, handle: ServerGoalHandle, goal: EnrollFace.Goal) -> EnrolmentResult:
        try:
            pictures = [decode_picture(bytes(each.data)) for each in goal.pictures]
        except PictureError as error:
            raise EnrolmentRefused(BAD_PICTURE, str(error)) from error
        return enrol_pictures(
            goal.identity,
            pictures,
            self._detect,
            self._recognition(),
            lambda: bool(handle.is_cancel_requested),
        )

    def _live(self, handle: ServerGoalHandle, goal: EnrollFace.Goal) -> EnrolmentResult:
        assert self._recognizer is not None
        timeout_s = goal.timeout_s if goal.timeout_s > 0 else self.settings.timeout_s
        enrolment = LiveEnrolment(
            goal.identity,
            self._recognition(),
            time.monotonic(),
            EnrolmentSettings(views=self.settings.views, timeout_s=timeout_s),
            LivenessChallenge() if goal.with_liveness else None,
        )
        run = _LiveRun(enrolment, self._recognizer, lambda step: self._tell(handle, step))
        self._run = run
        ends_s = time.monotonic() + timeout_s + GRACE_S
        try:
            while True:
                try:
                    return run.outcome.result(CANCEL_PERIOD_S)
                except NotInTime:
                    if handle.is_cancel_requested:
                        run.end(CANCELLED)
                    elif time.monotonic() > ends_s:
                        run.end(TIMED_OUT, REQUEST_ERRORS[NO_PICTURE])
        finally:
            self._run = None

    def _recognition(self) -> Recognition:
        assert self._recognizer is not None
        known = self._recognizer
        return Recognition(known.embedder.model_id, known.decision, known.embed, known.search)

    def _break_off(self) -> None:
        run = self._run
        if run is not None:
            run.end(CANCELLED)

    # --- what is told of it ---------------------------------------------------------------------

    def _tell(self, handle: ServerGoalHandle, step: Step) -> None:
        """Tell client and watchers how it stands: what changed at once, progress now and then."""
        told = (step.name, step.instruction, step.reasons, step.track_id)
        now_s = time.monotonic()
        if told == self._told and now_s - self._told_s < FEEDBACK_PERIOD_S:
            return
        self._told, self._told_s = told, now_s
        common = {
            'step': step.name,
            'instruction': step.instruction,
            'progress': step.progress,
            'reasons': list(step.reasons),
            'face_track_id': step.track_id,
        }
        handle.publish_feedback(EnrollFace.Feedback(**common))
        self._publish_status(EnrollmentStatus(active=True, **common))

    def _tell_end(self, step: str, instruction: str) -> None:
        self._told = ()
        progress = 1.0 if step == DONE else 0.0
        self._publish_status(
            EnrollmentStatus(step=step, instruction=instruction, progress=progress)
        )

    def _publish_status(self, status: EnrollmentStatus) -> None:
        status.header.stamp = self._node.get_clock().now().to_msg()
        self._status.publish(status)

    # --- recognition and forgetting ---------------------------------------------------------------

    def _recognize(
        self, request: RecognizeFace.Request, answer: RecognizeFace.Response
    ) -> RecognizeFace.Response:
        if self._recognizer is None:
            answer.error_code, answer.message = NO_MODEL, self._no_model()
            return answer
        try:
            if request.picture.data:
                picture = decode_picture(bytes(request.picture.data))
                found = self._detect(picture)
            else:
                picture, found = self._live_picture()
        except PictureError as error:
            answer.error_code, answer.message = BAD_PICTURE, str(error)
            return answer
        except (NotInTime, InterruptedError):
            answer.error_code, answer.message = NO_PICTURE, REQUEST_ERRORS[NO_PICTURE]
            return answer
        answer.faces = self._identified(self._recognizer, picture, found)
        known = sum(bool(face.identity) for face in answer.faces)
        answer.success = True
        faces = 'face' if len(answer.faces) == 1 else 'faces'
        answer.message = f'{len(answer.faces)} {faces}, {known} known'
        answer.model_id = self._recognizer.embedder.model_id
        answer.height, answer.width = picture.shape[:2]
        return answer

    def _identified(
        self, recognizer: FaceRecognizer, picture: Picture, found: FoundFaces
    ) -> list[Face]:
        order = np.argsort(-areas(found.boxes), kind='stable')[:MOST_FACES]
        found = found.chosen(order)
        matches = recognizer.identify(picture, found.landmarks) if len(found) else []
        return [
            found_face_message(box, landmarks, float(score), match)
            for box, landmarks, score, match in zip(
                found.boxes, found.landmarks, found.scores, matches, strict=True
            )
        ]

    def _live_picture(self) -> tuple[Picture, FoundFaces]:
        asked: Future[tuple[Picture, list[TrackedFace]]] = Future()
        self._asked.append(asked)
        picture, faces = asked.result(LIVE_PICTURE_PATIENCE_S)
        usable = [face for face in faces if face.landmarks.any()]
        return picture, FoundFaces(
            np.array([face.box for face in usable], np.float32).reshape(-1, 4),
            np.array([face.score for face in usable], np.float32),
            np.array([face.landmarks for face in usable], np.float32).reshape(-1, 5, 2),
        )

    def _take_asked(self) -> list[Future[tuple[Picture, list[TrackedFace]]]]:
        asked, self._asked = self._asked, []
        return asked

    def _forget(
        self, request: ForgetFace.Request, answer: ForgetFace.Response
    ) -> ForgetFace.Response:
        with self._deciding:
            # It must not come back by what is being learnt.
            if request.identity and request.identity == self._enrolled_identity:
                self._enrolled_identity = ''
                self._break_off()
            answer.templates = self._recognizer.forget(request.identity) if self._recognizer else 0
        answer.success = True
        answer.message = 'Forgotten.' if answer.templates else 'Nothing was known of this person.'
        return answer

    # --- common -----------------------------------------------------------------------------------

    def _problem(self, identity: str) -> tuple[str, str] | None:
        if self._recognizer is None:
            return NO_MODEL, self._no_model()
        if not IDENTITY.fullmatch(identity):
            return BAD_IDENTITY, REQUEST_ERRORS[BAD_IDENTITY]
        return None

    def _no_model(self) -> str:
        return f'{REQUEST_ERRORS[NO_MODEL]} {self._why_not}'

    def _detect(self, picture: Picture) -> FoundFaces:
        """Faces of a given picture; the live ones have a detector of their own."""
        with self._detecting:
            if self._detector is None:
                self._detector = self._open_detector()
            return self._detector.detect(picture)
