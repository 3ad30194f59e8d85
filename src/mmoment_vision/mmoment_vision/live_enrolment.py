"""Enrolment from the pictures of a camera: good views of one followed face, collected over time.

The face is followed without a break: where another track takes its place all begins anew. Views
are taken some time apart, and rather in another pose than in the same one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmoment_vision.face_boxes import Picture, areas
from mmoment_vision.face_embedding import Embeddings
from mmoment_vision.face_enrolment import (
    CANCELLED,
    NOT_THE_SAME_PERSON,
    TIMED_OUT,
    TOLD_REASONS,
    EnrolmentRefused,
    EnrolmentResult,
    PersonViews,
    Recognition,
)
from mmoment_vision.face_liveness import OTHER_FACE, LivenessChallenge, LivenessFailed
from mmoment_vision.face_pose import HeadPose, Points, head_pose
from mmoment_vision.face_quality import (
    BLURRED,
    LOW_CONFIDENCE,
    OCCLUDED,
    REASONS,
    SEVERAL_FACES,
    TILTED,
    TURNED_AWAY,
    FaceQuality,
    assess,
    no_face,
    sentences,
)
from mmoment_vision.face_tracking import TrackedFace

LOOK, HOLD, CHECK = 'look', 'hold', 'check'
FIRST_INSTRUCTION = 'Look straight into the camera and hold still.'
NEXT_INSTRUCTION = 'Good. Keep looking here, and turn your head a little, slowly.'
CHECK_INSTRUCTION = 'Thank you: one moment.'

# A head this far from where it was in all other views shows something new, degrees.
NEW_POSE_DEGREES = 5.0
# Reasons that the movements of the liveness challenge bring with them.
OF_MOVEMENT = {TURNED_AWAY, TILTED, BLURRED, OCCLUDED, LOW_CONFIDENCE}
# Views that look like another person's: the first may be a bad view, the views before it as well.
MOST_CONTRADICTIONS = 1
# Part of the progress that is left for the last check.
CHECK_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class EnrolmentSettings:
    """How many live views, and how far apart.

    `spacing_s`: least time between two. `patience_s`: so long a view in another pose is waited
    for. `timeout_s`: for the whole enrolment.
    """

    views: int = 5
    spacing_s: float = 0.4
    patience_s: float = 1.2
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class View:
    """A view of the face that is good enough to be embedded."""

    landmarks: Points  # (5, 2), in the picture it was found in
    pose: HeadPose
    score: float
    taken_s: float
    attempt: int  # views of an earlier attempt do not count


@dataclass(frozen=True, slots=True)
class Step:
    """How an enrolment stands after a picture."""

    name: str  # what the person is to do: look, hold, check or a step of the liveness challenge
    instruction: str  # the same as a sentence
    progress: float  # 0..1
    reasons: tuple[str, ...]  # against the newest view
    track_id: int  # face that is looked at; 0: none
    view: View | None = None  # to be embedded, if that can begin now


class LiveEnrolment:
    """Enrolment from the pictures of a camera. For one thread.

    With each picture call `look`; if its step has a view and it can be embedded now, hand the
    result to `embedded`, at any later time. Once `is_complete`, `finish` gives the template.
    `look` and `finish` raise EnrolmentRefused. In the end call `close`, whatever happened.
    """

    def __init__(
        self,
        identity: str,
        recognition: Recognition,
        now_s: float,
        settings: EnrolmentSettings | None = None,
        liveness: LivenessChallenge | None = None,
    ) -> None:
        self.settings = settings or EnrolmentSettings()
        self._identity = identity
        self._liveness = liveness
        self._views = PersonViews(recognition)
        self._taken: list[View] = []
        self._ends_s = now_s + self.settings.timeout_s
        self._track_id = 0
        self._attempt = 0
        self._contradictions = 0
        self._counted: Counter[str] = Counter()
        self._is_swapped = False
        self._is_closed = False

    @property
    def is_complete(self) -> bool:
        """Whether there are enough views, and the movements were seen if they were asked for."""
        is_live = self._liveness is None or self._liveness.is_passed
        return is_live and len(self._views) >= self.settings.views

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons against the views so far, most frequent first."""
        return tuple(reason for reason, _ in self._counted.most_common())

    def look(self, picture: Picture, faces: Sequence[TrackedFace], now_s: float) -> Step:
        """Take the next picture and the faces followed in it."""
        if self._is_closed:
            raise EnrolmentRefused(CANCELLED, reasons=self.reasons)
        if self._is_swapped:
            raise self._refusal(OTHER_FACE)
        if self._contradictions > MOST_CONTRADICTIONS:
            raise self._refusal(NOT_THE_SAME_PERSON)
        if self.is_complete:
            return Step(CHECK, CHECK_INSTRUCTION, 1 - CHECK_SHARE, (), self._track_id)
        # The movements have a time of their own.
        if now_s >= self._ends_s and not self._is_moving:
            told = sentences([each for each in self.reasons if each in REASONS][:TOLD_REASONS])
            raise self._refusal(TIMED_OUT, told)
        face = self._chosen(faces)
        quality = no_face() if face is None else _quality(picture, face, faces)
        self._counted.update(quality.reasons)
        if self._is_challenged(quality):
            return self._challenge(face, quality, now_s)
        return self._collect(face, quality, now_s)

    def embedded(self, view: View, embedding: Embeddings) -> None:
        """Take the embedding, (D,) or (1, D), of a view of `look`, and overwrite it."""
        is_old = view.attempt != self._attempt or self._is_too_soon(view.taken_s)
        if self._is_closed or self.is_complete or is_old:
            embedding.fill(0)
        elif self._views.add(embedding, view.score):
            self._taken.append(view)
        else:
            self._counted[NOT_THE_SAME_PERSON] += 1
            self._contradictions += 1
            # Who made the movements must be who is learnt.
            self._is_swapped = self._liveness is not None and self._liveness.has_begun
            self._start_over()

    def finish(self) -> EnrolmentResult:
        """The template, once `is_complete`; embeddings are wiped."""
        if self._is_closed:
            raise EnrolmentRefused(CANCELLED, reasons=self.reasons)
        if not self.is_complete:
            raise self._refusal(TIMED_OUT)
        try:
            is_live = self._liveness is not None and self._liveness.is_passed
            return self._views.result(self._identity, is_live, self.reasons)
        finally:
            self.close()

    def close(self) -> None:
        """Wipe what was learnt so far."""
        self._is_closed = True
        self._start_over()

    def _refusal(self, code: str, detail: str = '') -> EnrolmentRefused:
        self.close()
        return EnrolmentRefused(code, detail, self.reasons)

    def _start_over(self) -> None:
        self._views.wipe()
        self._taken.clear()
        self._attempt += 1

    def _chosen(self, faces: Sequence[TrackedFace]) -> TrackedFace | None:
        """The face that is enrolled: the largest first, then the same as long as it is there."""
        for face in faces:
            if face.track_id == self._track_id:
                return face
        if not faces:
            return None
        if self._liveness is not None and self._liveness.has_begun:
            raise self._refusal(OTHER_FACE)
        self._start_over()
        chosen = max(faces, key=lambda face: float(areas(face.box[None])[0]))
        self._track_id = chosen.track_id
        return chosen

    def _is_challenged(self, quality: FaceQuality) -> bool:
        """Whether the movements come now: they begin with a good view."""
        challenge = self._liveness
        if challenge is None or challenge.is_passed:
            return False
        return challenge.has_begun or quality.is_good_enough

    def _challenge(self, face: TrackedFace | None, quality: FaceQuality, now_s: float) -> Step:
        assert self._liveness is not None
        is_usable = (
            face is not None and face.detected_now and OF_MOVEMENT.issuperset(quality.reasons)
        )
        points = np.zeros((5, 2), np.float32) if face is None else face.landmarks
        try:
            step = self._liveness.look(self._track_id, points, is_usable, now_s)
        except LivenessFailed as failure:
            raise self._refusal(failure.code) from None
        if self._liveness.is_passed:
            self._ends_s = max(self._ends_s, now_s + self.settings.timeout_s)
        reasons = () if is_usable else quality.reasons
        instruction = sentences(reasons[:1]) or step.instruction
        # Views between the movements tie the face that is learnt to the one that made them.
        view = None
        if face is not None and quality.is_good_enough and face.detected_now:
            view = self._view(face, quality, now_s)
        return Step(step.name, instruction, self._progress(), reasons, self._shown(face), view)

    def _collect(self, face: TrackedFace | None, quality: FaceQuality, now_s: float) -> Step:
        if face is None or quality.reasons:
            instruction = sentences(quality.reasons[:1])
            shown = 0 if SEVERAL_FACES in quality.reasons else self._shown(face)
            return Step(LOOK, instruction, self._progress(), quality.reasons, shown)
        view = self._view(face, quality, now_s) if face.detected_now else None
        if view is not None and not self._is_new(view.pose, now_s):
            view = None
        instruction = NEXT_INSTRUCTION if self._taken else FIRST_INSTRUCTION
        return Step(HOLD, instruction, self._progress(), (), face.track_id, view)

    @property
    def _is_moving(self) -> bool:
        challenge = self._liveness
        return challenge is not None and challenge.has_begun and not challenge.is_passed

    def _view(self, face: TrackedFace, quality: FaceQuality, now_s: float) -> View | None:
        if self._is_too_soon(now_s):
            return None
        return View(face.landmarks, head_pose(face.landmarks), quality.score, now_s, self._attempt)

    def _is_too_soon(self, taken_s: float) -> bool:
        return bool(self._taken) and taken_s - self._taken[-1].taken_s < self.settings.spacing_s

    def _is_new(self, pose: HeadPose, now_s: float) -> bool:
        """Whether the pose is unlike all others, or there was no such for too long."""
        if not self._taken or now_s - self._taken[-1].taken_s >= self.settings.patience_s:
            return True
        return all(
            np.hypot(pose.yaw - other.pose.yaw, pose.pitch - other.pose.pitch) >= NEW_POSE_DEGREES
            for other in self._taken
        )

    def _progress(self) -> float:
        views = min(1.0, len(self._views) / self.settings.views)
        if self._liveness is None:
            return (1 - CHECK_SHARE) * views
        return (1 - CHECK_SHARE) * (views + self._liveness.step.progress) / 2

    @staticmethod
    def _shown(face: TrackedFace | None) -> int:
        return 0 if face is None else face.track_id


def _quality(picture: Picture, face: TrackedFace, faces: Sequence[TrackedFace]) -> FaceQuality:
    others = [other.box for other in faces if other.track_id != face.track_id]
    boxes = np.array(others, np.float32).reshape(-1, 4)
    return assess(picture, face.box, face.landmarks, face.score, boxes)
