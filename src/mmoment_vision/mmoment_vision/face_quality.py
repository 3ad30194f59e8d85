"""Whether a view of a face is good enough to learn it from, and if not, why and what to do.

All is measured on the face brought upright to one size, so that a limit means the same for a
near and a far face. What is measured is the picture, not the person: brightness is judged by the
lightest parts of the face and by burnt-out ones, so that dark skin in good light is not called
dark, nor pale skin bright.

Covered parts show in two ways: eyes or mouth without the edges that the rest of the face has
(a mask, a scarf, paper, one eye behind something), and eyes that are mostly much darker than the
skin (sunglasses). Not seen: a hand or an arm over the mouth, whose folds have as many edges as
lips; clear glasses, which are no harm; a beard, a hat, make-up; a mask with a printed mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import Boxes, Picture
from mmoment_vision.face_pose import Points, eye_distance, has_landmarks, head_pose

Grey = NDArray[np.float32]

NO_FACE, SEVERAL_FACES, CUT_OFF, TOO_SMALL = 'no_face', 'several_faces', 'cut_off', 'too_small'
TOO_DARK, TOO_BRIGHT, LOW_CONTRAST = 'too_dark', 'too_bright', 'low_contrast'
BLURRED, TURNED_AWAY, TILTED = 'blurred', 'turned_away', 'tilted'
OCCLUDED, LOW_CONFIDENCE = 'occluded', 'low_confidence'

# What a person is told, in the order in which it is worth telling.
REASONS = {
    NO_FACE: 'No face can be seen: look into the camera from one or two metres away.',
    SEVERAL_FACES: 'More than one face: only the person to be learnt should be in the picture.',
    CUT_OFF: 'Part of the face is outside the picture: move to the middle.',
    TOO_SMALL: 'The face is too small: come closer to the camera.',
    TOO_DARK: 'Too dark: turn to the light, or switch a light on.',
    TOO_BRIGHT: 'Too bright: step out of the glare, or dim the light on the face.',
    LOW_CONTRAST: 'Hardly any contrast: wipe the lens, and avoid a bright window behind the face.',
    TURNED_AWAY: 'The face is turned away: look straight into the camera.',
    TILTED: 'The head leans to one side: hold it upright.',
    BLURRED: 'Blurred: hold still, and wipe the lens if it stays so.',
    OCCLUDED: 'Eyes or mouth are covered: take off sunglasses or mask, hands off the face.',
    LOW_CONFIDENCE: 'The face is hard to make out: look straight into the camera in good light.',
}

POOR, FAIR, GOOD = 'poor', 'fair', 'good'
PASSING_SCORE = 0.4  # of a view that just passes; below it is poor
GOOD_SCORE = 0.7


@dataclass(frozen=True, slots=True)
class Limit:
    """What a measure must reach to pass, and what leaves nothing to wish for."""

    passes: float
    best: float

    def grade(self, value: float) -> float:
        """Return 0..1: `PASSING_SCORE` at the limit, 1 at best or better."""
        missing = (self.best - value) / (self.best - self.passes)
        return float(np.clip(1 - (1 - PASSING_SCORE) * missing, 0.0, 1.0))

    def is_missed(self, value: float) -> bool:
        """Whether `value` is on the wrong side of the limit."""
        return value < self.passes if self.best > self.passes else value > self.passes


# Calibrated on portraits, groups and clips of 16 people, clear and spoilt in known ways.
# Between the eyes, pixels: embedders see faces at 50 and more, and lose accuracy below half.
EYES_PX = Limit(24.0, 60.0)
# Lightest twentieth of the face, grey levels: clear faces 143 and more, at a quarter of the light
# 57 and less.
LIGHT = Limit(60.0, 120.0)
# Share of the face at the upper end of the scale: clear faces up to 0.02.
BURNT_OUT = Limit(0.2, 0.02)
BURNT_OUT_GREY = 250
# Darkest to lightest twentieth, grey levels: clear faces 48 and more.
CONTRAST = Limit(30.0, 60.0)
# Fine detail in percent of the contrast: clear faces 3.4 and more; blurred by a tenth of the
# distance between the eyes 1.7 and less.
SHARPNESS = Limit(1.8, 4.0)
# Degrees. Pitch is told to about 15 only, and more so of a laughing mouth.
YAW = Limit(30.0, 10.0)
PITCH = Limit(38.0, 20.0)
ROLL = Limit(25.0, 10.0)
# Clear faces have 0.98 and more.
CONFIDENCE = Limit(0.9, 0.99)
# Edges at the eyes or the mouth in shares of the edges at the others. At the eyes, clear faces have
# 0.32 and more (head thrown back), at the mouth 0.42; painted over, three of four have less.
EYE_EDGES = Limit(0.3, 0.5)
MOUTH_EDGES = Limit(0.24, 0.4)
# Share of the surroundings of the less dark eye below a part of the skin's grey: clear faces up to
# 0.31, dark glasses 0.7 and more.
DARK_EYES = Limit(0.5, 0.3)
DARK_EYE_SHARE = 0.4

# A second face is another person's, and not one far behind, from this share of the width on.
SECOND_FACE_SHARE = 0.5

# The upright face: its side in pixels, and the place and scale of the eyes in it.
SIDE_PX = 112
EYES_APART_PX = 36.0
EYES_AT_PX = (56.0, 50.0)
FACE_OVAL = ((56, 68), (26, 36))  # middle and half axes of the face without hair and background
EYE_PATCH_PX = (12, 7)  # half width and height
MOUTH_PATCH_PX = (18, 9)
MOUTH_BELOW_PX = 38.0
HALVING_BLUR_PX = 0.8  # the last halving is left to the map that turns the face
FINE_BLUR_PX = 1.0  # keeps the noise of the sensor out of sharpness
# Contrast below this is noise: nothing is measured in shares of it.
LEAST_CONTRAST = 8.0
# Corners of the face in distances of the eyes from their middle: x, y in the upright face.
FACE_CORNERS = np.array([[-0.85, -0.6], [0.85, -0.6], [0.7, 1.5], [-0.7, 1.5]])


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Judgement of one view.

    `score`: 0..1, of its weakest side. `rating`: `POOR` if there is any reason against it, else
    `FAIR` or `GOOD`. `reasons`: keys of `REASONS`, most important first; empty if it passes.
    """

    score: float
    rating: str
    reasons: tuple[str, ...]

    @property
    def is_good_enough(self) -> bool:
        """Whether a face may be learnt from the view."""
        return not self.reasons


def no_face() -> FaceQuality:
    """Judgement of a picture without a face."""
    return FaceQuality(0.0, POOR, (NO_FACE,))


def rating(score: float) -> str:
    """Return `POOR`, `FAIR` or `GOOD`."""
    if score >= GOOD_SCORE:
        return GOOD
    return FAIR if score >= PASSING_SCORE else POOR


def sentences(reasons: Sequence[str]) -> str:
    """What to tell a person about `reasons`."""
    return ' '.join(REASONS[reason] for reason in reasons)


def assess(
    picture: Picture,
    box: Boxes,
    landmarks: Points,
    score: float,
    others: Boxes,
    second_face_share: float = SECOND_FACE_SHARE,
) -> FaceQuality:
    """Judge the face in `box` (4,) with its `landmarks` (5, 2) and the detector's `score`, 0..1.

    `others` (N, 4): boxes of the other faces in the picture. A face without landmarks cannot be
    judged and has LOW_CONFIDENCE.
    """
    found: dict[str, float] = {}
    if is_accompanied(box, others, second_face_share):
        found[SEVERAL_FACES] = 0.0
    if not has_landmarks(landmarks):
        found[LOW_CONFIDENCE] = 0.0
        return _judgement(found, 0.0)
    if not _is_inside(landmarks, picture):
        found[CUT_OFF] = 0.0
    pose = head_pose(landmarks)
    grades = [
        _held(found, TOO_SMALL, EYES_PX, eye_distance(landmarks)),
        _held(found, LOW_CONFIDENCE, CONFIDENCE, score),
        _held(found, TURNED_AWAY, YAW, abs(pose.yaw)),
        _held(found, TURNED_AWAY, PITCH, abs(pose.pitch)),
        _held(found, TILTED, ROLL, abs(pose.roll)),
    ]
    face = upright_face(picture, landmarks)
    if face is not None:
        grades += _picture_grades(face, found)
    return _judgement(found, min(grades))


def is_accompanied(box: Boxes, others: Boxes, share: float = SECOND_FACE_SHARE) -> bool:
    """Whether a face of `others` (N, 4) has `share` or more of the width of `box` (4,)."""
    if not len(others):
        return False
    widths = others[:, 2] - others[:, 0]
    return bool(widths.max() >= share * (box[2] - box[0]))


def upright_face(picture: Picture, landmarks: Points) -> Grey | None:
    """The face in grey, (SIDE_PX, SIDE_PX), eyes level and at their places.

    None if nothing of it is in the picture.
    """
    right_eye, left_eye = landmarks[0].astype(np.float64), landmarks[1].astype(np.float64)
    across = left_eye - right_eye
    cosine, sine = across * EYES_APART_PX / (across @ across)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    # The part around the face first: filtering the whole picture would take too long.
    middle, reach = (right_eye + left_eye) / 2, 2.5 * np.hypot(*across)
    first = np.clip(np.floor(middle - reach), 0, None).astype(int)
    last = np.clip(np.ceil(middle + reach), -1, None).astype(int)
    part = np.ascontiguousarray(picture[first[1] : last[1] + 1, first[0] : last[0] + 1])
    if not part.size:
        return None
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
    shrink = min(1.0, 2.0 * EYES_APART_PX / np.hypot(*across))
    size = np.array([max(1, round(side * shrink)) for side in grey.shape[::-1]])
    ratio = size / grey.shape[::-1]
    if shrink < 1.0:
        grey = cv2.resize(grey, size.tolist(), interpolation=cv2.INTER_AREA)
        grey = cv2.GaussianBlur(grey, (0, 0), HALVING_BLUR_PX)
    # The middle of a pixel is at a whole number, before and after.
    offset = np.array(EYES_AT_PX) - turn @ (middle - first) + turn @ (0.5 / ratio - 0.5)
    matrix = np.column_stack([turn / ratio, offset])
    upright_picture = cv2.warpAffine(
        grey, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(upright_picture, np.float32)


def _is_inside(landmarks: Points, picture: Picture) -> bool:
    """Whether the face that belongs to the points lies in the picture."""
    right_eye, left_eye = landmarks[0].astype(np.float64), landmarks[1].astype(np.float64)
    across = left_eye - right_eye
    down = np.array([-across[1], across[0]])
    corners = (right_eye + left_eye) / 2 + FACE_CORNERS @ np.stack([across, down])
    height, width = picture.shape[:2]
    return bool((corners >= 0).all() and (corners <= [width - 1, height - 1]).all())


def _held(found: dict[str, float], reason: str, limit: Limit, value: float) -> float:
    """Grade `value`, and note `reason` in `found` if it misses the limit."""
    grade = limit.grade(value)
    if limit.is_missed(value):
        found[reason] = grade
    return grade


def _picture_grades(face: Grey, found: dict[str, float]) -> list[float]:
    """Grade the upright face.

    What follows from another fault is not told beside it: too little light leaves no contrast, a
    small face has no fine detail.
    """
    skin = face[_oval()]
    darkest, middle, lightest = np.percentile(skin, [5, 50, 95])
    grades = [
        _held(found, TOO_DARK, LIGHT, lightest),
        _held(found, TOO_BRIGHT, BURNT_OUT, float((skin >= BURNT_OUT_GREY).mean())),
    ]
    contrast = max(float(lightest - darkest), LEAST_CONTRAST)
    if not found.keys() & {TOO_DARK, TOO_BRIGHT}:
        grades.append(_held(found, LOW_CONTRAST, CONTRAST, contrast))
    if TOO_SMALL not in found:
        fine = cv2.Laplacian(cv2.GaussianBlur(face, (0, 0), FINE_BLUR_PX), cv2.CV_32F)
        grades.append(_held(found, BLURRED, SHARPNESS, 100 * fine[_oval()].std() / contrast))
    # A face turned away hides one eye by itself.
    if not found.keys() & {TURNED_AWAY, CUT_OFF}:
        grades += _cover_grades(face, float(middle), found)
    return grades


def _cover_grades(face: Grey, skin: float, found: dict[str, float]) -> list[float]:
    smooth = cv2.GaussianBlur(face, (0, 0), 1.2)
    edges = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    half = EYES_APART_PX / 2
    eyes = [(EYES_AT_PX[0] - half, EYES_AT_PX[1]), (EYES_AT_PX[0] + half, EYES_AT_PX[1])]
    at_eyes = [float(_patch(edges, eye, EYE_PATCH_PX).mean()) for eye in eyes]
    mouth = (EYES_AT_PX[0], EYES_AT_PX[1] + MOUTH_BELOW_PX)
    at_mouth = float(_patch(edges, mouth, MOUTH_PATCH_PX).mean())
    dark = [float((_patch(face, eye, EYE_PATCH_PX) < DARK_EYE_SHARE * skin).mean()) for eye in eyes]
    most = max(*at_eyes, at_mouth, 1e-3)
    return [
        _held(found, OCCLUDED, EYE_EDGES, min(at_eyes) / most),
        _held(found, OCCLUDED, MOUTH_EDGES, at_mouth / max(*at_eyes, 1e-3)),
        _held(found, OCCLUDED, DARK_EYES, min(dark)),
    ]


def _patch(face: Grey, middle: tuple[float, float], half: tuple[int, int]) -> Grey:
    x, y = round(middle[0]), round(middle[1])
    return face[y - half[1] : y + half[1] + 1, x - half[0] : x + half[0] + 1]


@cache
def _oval() -> NDArray[np.bool_]:
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    middle, axes = FACE_OVAL
    return np.asarray(cv2.ellipse(mask, middle, axes, 0, 0, 360, 1, -1) > 0)


def _judgement(found: dict[str, float], score: float) -> FaceQuality:
    reasons = tuple(reason for reason in REASONS if reason in found)
    score = min([score, *found.values()])
    return FaceQuality(score, POOR if reasons else rating(score), reasons)
