"""Learning faces for whoever asks, and forgetting them; tells everybody how it goes."""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import dataclass
from typing import Any

from rclpy.action.server import ServerGoalHandle
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_chain.errors import Refused
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.msg import EnrollmentStatus
from mmoment_node.managed_node import ManagedNode
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_enrolment import (
    BAD_KEY,
    BAD_PICTURE,
    CANCELLED,
    MOST_PICTURES,
    TIMED_OUT,
    TOO_MANY_PICTURES,
    EnrolmentRefused,
    EnrolmentResult,
    Recognition,
    enrol_pictures,
)
from mmoment_vision.face_liveness import LivenessChallenge
from mmoment_vision.face_recognition import FaceRecognizer, RecognizerClosed
from mmoment_vision.face_tracking import TrackedFace
from mmoment_vision.face_vault import FaceVault, SealedTemplate
from mmoment_vision.given_pictures import GivenPictures
from mmoment_vision.live_enrolment import EnrolmentSettings, LiveEnrolment, Step
from mmoment_vision.live_run import LiveRun
from mmoment_vision.picture_file import PictureError, decode_picture
from mmoment_vision.request_errors import (
    BAD_IDENTITY,
    BUSY,
    NO_PICTURE,
    REQUEST_ERRORS,
    STOPPING,
)

# Told to whoever comes late as well.
STATUS_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# A Solana address is 32 bytes in base58; whether it is somebody's wallet is not decided here.
IDENTITY = re.compile(r'[1-9A-HJ-NP-Za-km-z]{32,44}')

# Steps of an enrolment that has ended, and what everybody may hear of it: why it was refused is
# for who asked.
DONE, FAILED = 'done', 'failed'
LAST_WORDS = {DONE: 'Thank you.', FAILED: 'The enrolment has ended without success.'}

# Pictures come faster than anyone reads; what changes is told at once.
FEEDBACK_PERIOD_S = 0.2
CANCEL_PERIOD_S = 0.1
LONGEST_TIMEOUT_S = 300.0
# Pictures have stopped coming, and with them the clock of the enrolment. The movements of a
# challenge have a time of their own.
GRACE_S = 2.0
LIVENESS_GRACE_S = 60.0


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """How faces are learnt."""

    views: int = 5
    timeout_s: float = 30.0


class EnrolmentRequests:
    """Executes goals of `enroll_face`, forgets people, and publishes `enrollment`.

    `look`: for the thread that follows faces; the rest is for any other.
    """

    def __init__(
        self,
        node: ManagedNode[Any],
        recognizer: FaceRecognizer,
        given: GivenPictures,
        vault: FaceVault,
        settings: RequestSettings,
    ) -> None:
        self.settings = settings
        self._node = node
        self._recognizer = recognizer
        self._given = given
        self._vault = vault
        self._enrolling = threading.Lock()
        self._deciding = threading.Lock()
        self._learnt_identity = ''  # who is being learnt; empty: nobody, or no more
        self._run: LiveRun | None = None
        self._is_closing = False
        self._told_s = 0.0
        self._told: tuple[Any, ...] = ()
        self._status = node.create_publisher(EnrollmentStatus, 'enrollment', STATUS_QOS)
        # Whoever heard of an enrolment in an earlier life of this node hears that it is over.
        self._publish_status(EnrollmentStatus())

    def end(self) -> None:
        """Begin no more; what is under way ends without success."""
        self._is_closing = True
        self._break_off()

    def close(self) -> None:
        """Tell nothing more; after the last request has been answered."""
        self._node.destroy_publisher(self._status)

    def look(self, picture: Picture, faces: list[TrackedFace], now_s: float) -> None:
        """Take the next live picture, which others may change afterwards, and its faces."""
        run = self._run
        if run is not None:
            run.look(picture, faces, now_s)

    def forget(self, identity: str) -> int:
        """Wipe what is known of a person; returns how many templates there were."""
        with self._deciding:
            # It must not come back by what is being learnt.
            if identity and identity == self._learnt_identity:
                self._learnt_identity = ''
                self._break_off()
            return self._recognizer.forget(identity)

    def enrol(self, handle: ServerGoalHandle) -> EnrollFace.Result:
        """Execute a goal; takes as long as the person does."""
        goal: EnrollFace.Goal = handle.request
        if self._is_closing:
            return rejected(handle, STOPPING)
        if not IDENTITY.fullmatch(goal.identity):
            return rejected(handle, BAD_IDENTITY)
        if not self._enrolling.acquire(blocking=False):
            return rejected(handle, BUSY)
        try:
            with self._deciding:
                self._learnt_identity = goal.identity
            return self._learn(handle, goal)
        finally:
            self._enrolling.release()

    def _learn(self, handle: ServerGoalHandle, goal: EnrollFace.Goal) -> EnrollFace.Result:
        try:
            result = (self._from_pictures if goal.pictures else self._live)(handle, goal)
            sealed = self._admit(handle, goal, result)
        except EnrolmentRefused as refusal:
            self._tell_end(FAILED)
            handle.canceled() if handle.is_cancel_requested else handle.abort()
            code = STOPPING if self._is_closing else refusal.code
            message = REQUEST_ERRORS[STOPPING] if self._is_closing else str(refusal)
            return EnrollFace.Result(
                error_code=code, message=message, reasons=list(refusal.reasons)
            )
        self._tell_end(DONE)
        handle.succeed()
        return EnrollFace.Result(
            success=True,
            message=f'Learnt from {result.views} views of {result.quality_rating} quality.',
            reasons=list(result.reasons),
            quality=result.quality,
            quality_rating=result.quality_rating,
            model_id=result.template.model_id,
            views=result.views,
            liveness_passed=result.liveness_passed,
            record_id='' if sealed is None else sealed.record_id,
            envelope=b'' if sealed is None else sealed.envelope,
        )

    def _admit(
        self, handle: ServerGoalHandle, goal: EnrollFace.Goal, result: EnrolmentResult
    ) -> SealedTemplate | None:
        """The one moment in which a person becomes known, unless somebody has said no before it.

        Returns the template for its owner, if they gave a key.
        """
        owner_key = bytes(goal.owner_key)
        try:
            sealed = None
            if owner_key:
                sealed = self._vault.seal(result.template, goal.identity, owner_key)
            with self._deciding:
                if self._is_unwanted(handle):
                    raise EnrolmentRefused(CANCELLED)
                self._recognizer.admit(goal.identity, result.template)
                self._learnt_identity = ''
            return sealed
        except Refused:
            raise EnrolmentRefused(BAD_KEY) from None
        except RecognizerClosed:
            raise EnrolmentRefused(CANCELLED) from None
        finally:
            result.template.wipe()

    def _is_unwanted(self, handle: ServerGoalHandle) -> bool:
        is_forgotten = not self._learnt_identity
        return self._is_closing or is_forgotten or bool(handle.is_cancel_requested)

    def _from_pictures(self, handle: ServerGoalHandle, goal: EnrollFace.Goal) -> EnrolmentResult:
        # What the goal keeps is kept after its end as well: faces must not.
        files, goal.pictures = goal.pictures, []
        if len(files) > MOST_PICTURES:
            raise EnrolmentRefused(TOO_MANY_PICTURES, f'At most {MOST_PICTURES} are taken.')
        pictures: list[Picture] = []
        try:
            for file in files:
                if self._is_unwanted(handle):
                    raise EnrolmentRefused(CANCELLED)
                pictures.append(decode_picture(bytes(file.data)))
        except PictureError as error:
            raise EnrolmentRefused(BAD_PICTURE, str(error)) from error
        return enrol_pictures(
            goal.identity,
            pictures,
            self._given.faces,
            self._recognition(),
            lambda: self._is_unwanted(handle),
        )

    def _live(self, handle: ServerGoalHandle, goal: EnrollFace.Goal) -> EnrolmentResult:
        is_given = math.isfinite(goal.timeout_s) and goal.timeout_s > 0
        timeout_s = min(goal.timeout_s, LONGEST_TIMEOUT_S) if is_given else self.settings.timeout_s
        enrolment = LiveEnrolment(
            goal.identity,
            self._recognition(),
            time.monotonic(),
            EnrolmentSettings(views=self.settings.views, timeout_s=timeout_s),
            LivenessChallenge() if goal.with_liveness else None,
        )
        run = LiveRun(enrolment, self._recognizer, lambda step: self._tell(handle, step))
        grace_s = GRACE_S + (timeout_s + LIVENESS_GRACE_S if goal.with_liveness else 0.0)
        ends_s = time.monotonic() + timeout_s + grace_s
        self._run = run
        try:
            while (result := run.result(CANCEL_PERIOD_S)) is None:
                if self._is_unwanted(handle):
                    run.end(CANCELLED)
                elif time.monotonic() > ends_s:
                    run.end(TIMED_OUT, REQUEST_ERRORS[NO_PICTURE])
            return result
        finally:
            self._run = None

    def _recognition(self) -> Recognition:
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

    def _tell_end(self, step: str) -> None:
        self._told = ()
        progress = 1.0 if step == DONE else 0.0
        self._publish_status(
            EnrollmentStatus(step=step, instruction=LAST_WORDS[step], progress=progress)
        )

    def _publish_status(self, status: EnrollmentStatus) -> None:
        status.header.stamp = self._node.get_clock().now().to_msg()
        self._status.publish(status)


def rejected(handle: ServerGoalHandle, code: str) -> EnrollFace.Result:
    """The result of a goal that is not begun."""
    handle.request.pictures = []
    handle.abort()
    return EnrollFace.Result(error_code=code, message=REQUEST_ERRORS[code])
