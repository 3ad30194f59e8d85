"""Learning a face: what its views must have in common, and what stands against it.

All views are of one person, alone in the picture, and every view must look like the ones before.
Their mean becomes the template, unless somebody else is known by that face. Embeddings are
overwritten when an enrolment ends, however it ends, and are in no text made here. Here too is
enrolment from given pictures; that from a camera's is in `live_enrolment`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import FoundFaces, Picture, areas
from mmoment_vision.face_embedding import Embeddings, OpenSet
from mmoment_vision.face_gallery import Match
from mmoment_vision.face_liveness import FAILURES
from mmoment_vision.face_pose import Points
from mmoment_vision.face_quality import (
    REASONS,
    SEVERAL_FACES,
    FaceQuality,
    assess,
    no_face,
    rating,
    sentences,
)
from mmoment_vision.face_template import FaceTemplate, mean_embedding

TIMED_OUT, CANCELLED, NO_GOOD_VIEW = 'timed_out', 'cancelled', 'no_good_view'
NOT_THE_SAME_PERSON, KNOWN_AS_SOMEBODY_ELSE = 'not_the_same_person', 'known_as_somebody_else'
BAD_PICTURE, TOO_MANY_PICTURES = 'bad_picture', 'too_many_pictures'
BAD_KEY = 'bad_key'

# Why an enrolment ends without success. What is in the text itself comes after the sentence.
ERRORS = {
    TIMED_OUT: 'Not enough good views in time.',
    CANCELLED: 'Cancelled: nothing was learnt.',
    NO_GOOD_VIEW: 'None of the pictures shows the face well enough.',
    SEVERAL_FACES: REASONS[SEVERAL_FACES],
    NOT_THE_SAME_PERSON: 'The views are not all of the same person.',
    KNOWN_AS_SOMEBODY_ELSE: 'This face is already known by another identity.',
    BAD_PICTURE: 'A picture cannot be used.',
    TOO_MANY_PICTURES: 'Too many pictures.',
    BAD_KEY: 'This is no X25519 public key of 32 bytes that a template may be sealed to.',
    **FAILURES,
}

# In a given picture nobody but the person has a reason to be near: a second face counts from this
# share of the width on, if the detector is as sure of it.
SECOND_FACE_SHARE = 0.3
SECOND_FACE_SCORE = 0.9
MOST_PICTURES = 10
# Reasons told when time is over.
TOLD_REASONS = 2


@dataclass(frozen=True, slots=True)
class Recognition:
    """What enrolment needs of the part that recognises faces."""

    model_id: str
    decision: OpenSet
    embed: Callable[[Picture, Points], Embeddings]  # faces with points (N, 5, 2) to (N, D)
    search: Callable[[Embeddings], list[Match]]  # among the people who are known


@dataclass(frozen=True, slots=True)
class EnrolmentResult:
    """What was learnt. The template is a secret of the person."""

    template: FaceTemplate
    quality: float  # 0..1, mean over the views
    quality_rating: str
    views: int
    liveness_passed: bool
    reasons: tuple[str, ...]  # against views that were refused, most frequent first


class EnrolmentRefused(Exception):
    """Nothing was learnt. `code`: a key of `ERRORS`; the text is for the person."""

    def __init__(self, code: str, detail: str = '', reasons: tuple[str, ...] = ()) -> None:
        super().__init__(f'{ERRORS[code]} {detail}'.strip())
        self.code = code
        self.reasons = reasons


class PersonViews:
    """Embeddings of one person, until they are wiped."""

    def __init__(self, recognition: Recognition) -> None:
        self._recognition = recognition
        self._rows: list[NDArray[np.float32]] = []
        self.scores: list[float] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, embedding: Embeddings, score: float) -> bool:
        """Take the embedding (D,) or (1, D) and overwrite it; False if it is of somebody else."""
        row = mean_embedding(np.atleast_2d(embedding))
        embedding.fill(0)
        if self._rows:
            mean = mean_embedding(self._rows)
            likeness = float(mean @ row)
            mean.fill(0)
            if likeness < self._recognition.decision.threshold:
                row.fill(0)
                return False
        self._rows.append(row)
        self.scores.append(score)
        return True

    def wipe(self) -> None:
        for row in self._rows:
            row.fill(0)
        self._rows.clear()
        self.scores.clear()

    def result(
        self, identity: str, liveness_passed: bool, reasons: tuple[str, ...]
    ) -> EnrolmentResult:
        """Mean of the views, unless another identity is known by it."""
        mean = mean_embedding(self._rows)
        try:
            match = self._recognition.search(mean[None])[0]
            is_known = match.similarity >= self._recognition.decision.threshold
            if is_known and match.best not in ('', identity):
                raise EnrolmentRefused(KNOWN_AS_SOMEBODY_ELSE, reasons=reasons)
            quality = float(np.mean(self.scores))
            return EnrolmentResult(
                template=FaceTemplate.quantised(self._recognition.model_id, mean),
                quality=quality,
                quality_rating=rating(quality),
                views=len(self),
                liveness_passed=liveness_passed,
                reasons=reasons,
            )
        finally:
            mean.fill(0)


def enrol_pictures(
    identity: str,
    pictures: Sequence[Picture],
    detect: Callable[[Picture], FoundFaces],
    recognition: Recognition,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> EnrolmentResult:
    """Enrolment from given pictures of one person, each with one face.

    A picture that is not good enough is left out; one with a second face of some size, or of
    another person, ends it. Raises EnrolmentRefused.
    """
    if len(pictures) > MOST_PICTURES:
        raise EnrolmentRefused(TOO_MANY_PICTURES, f'At most {MOST_PICTURES} are taken.')
    views = PersonViews(recognition)
    counted: Counter[str] = Counter()
    try:
        for number, picture in enumerate(pictures, 1):
            if is_cancelled():
                raise EnrolmentRefused(CANCELLED)
            landmarks, quality = picture_quality(picture, detect(picture))
            counted.update(quality.reasons)
            reasons = tuple(reason for reason, _ in counted.most_common())
            if SEVERAL_FACES in quality.reasons:
                raise EnrolmentRefused(SEVERAL_FACES, f'(Picture {number}.)', reasons)
            if quality.reasons:
                continue
            if not views.add(recognition.embed(picture, landmarks[None]), quality.score):
                raise EnrolmentRefused(NOT_THE_SAME_PERSON, f'(Picture {number}.)', reasons)
        reasons = tuple(reason for reason, _ in counted.most_common())
        if not len(views):
            raise EnrolmentRefused(NO_GOOD_VIEW, sentences(reasons[:TOLD_REASONS]), reasons)
        return views.result(identity, False, reasons)
    finally:
        views.wipe()


def picture_quality(picture: Picture, faces: FoundFaces) -> tuple[Points, FaceQuality]:
    """Points (5, 2) of the largest face of a given picture, and whether it may be learnt."""
    if not len(faces):
        return np.zeros((5, 2), np.float32), no_face()
    row = int(areas(faces.boxes).argmax())
    is_other = faces.scores >= SECOND_FACE_SCORE
    is_other[row] = False
    quality = assess(
        picture,
        faces.boxes[row],
        faces.landmarks[row],
        float(faces.scores[row]),
        faces.boxes[is_other],
        SECOND_FACE_SHARE,
    )
    return faces.landmarks[row], quality
