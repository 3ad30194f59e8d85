"""The faces of the test media, and who they are as far as a person can tell by looking.

The four clips of one person signing show two men, who look alike to an embedder: one in `yes` and
`no`, another one in `milk` and `thanks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.media import clip_pictures
from mmoment_vision.face_boxes import empty_boxes
from mmoment_vision.face_detection import FaceDetector
from mmoment_vision.face_quality import assess

# Names from left to right.
PEOPLE_IN_PICTURES = {
    'biden-1.jpg': ('biden',),
    'biden-2.jpg': ('biden',),
    'multiface.jpg': tuple(f'group-{number}' for number in range(1, 7)),
    'obama-1.jpg': ('obama',),
    'obama-2.jpg': ('obama',),
    'obama-3.jpg': ('obama',),
    'obama-and-biden.jpg': ('biden', 'obama', 'child'),
    'obama-partial.jpg': ('obama',),
    'two-people.jpg': ('obama', 'biden'),
}
# What was cut out of another picture says nothing about two views of a person.
TAKEN_FROM = {
    ('obama-partial.jpg', 'obama'): 'obama-1.jpg',
    ('two-people.jpg', 'obama'): 'obama-3.jpg',
    ('two-people.jpg', 'biden'): 'biden-1.jpg',
}
SIGNERS = {'yes': 'signer-1', 'no': 'signer-1', 'milk': 'signer-2', 'thanks': 'signer-2'}
# Some ten passers-by: none is any of the above, and nobody says which of them are the same.
CROWD = 'crowd'

# Weaker ones are no faces, in these pictures.
SURE = 0.9
# Views that make a template of a clip, spread over it.
ENROLLED_VIEWS = 5
# Around a face, in sides of its box: all that alignment takes.
SURROUNDINGS = 0.8


@dataclass(frozen=True, slots=True)
class SeenFace:
    """One view of a face."""

    person: str
    source: str  # the picture or clip it is from; views of one clip are nearly the same
    picture: np.ndarray  # the face and its surroundings
    landmarks: np.ndarray  # (5, 2), in pixels of `picture`
    quality: float  # 0..1; 0 if it is not good enough to learn the face from


def picture_faces(folder: Path, detector: FaceDetector) -> list[SeenFace]:
    """Faces of the pictures; ValueError if others are found than a person sees."""
    faces = []
    for name, people in PEOPLE_IN_PICTURES.items():
        found = faces_of(cv2.imread(str(folder / name)), name, people, detector)
        if len(found) != len(people):
            raise ValueError(f'{len(found)} faces were found in {name}, {len(people)} are there')
        faces += found
    return faces


def clip_faces(path: Path, person: str, detector: FaceDetector, every: int) -> list[SeenFace]:
    """Faces of each `every`-th picture of a clip in which everybody goes by the name `person`."""
    faces = []
    for number, picture in enumerate(clip_pictures(path)):
        if number % every == 0:
            faces += faces_of(picture, path.stem, (), detector, person)
    return faces


def views_to_enrol(faces: Sequence[SeenFace], clip: str) -> list[int]:
    """Good views of a clip, spread over it."""
    good = [row for row, face in enumerate(faces) if face.source == clip and face.quality > 0]
    return [part[0] for part in np.array_split(good, ENROLLED_VIEWS) if len(part)]


def faces_of(
    picture: np.ndarray,
    name: str,
    people: Iterable[str],
    detector: FaceDetector,
    otherwise: str = CROWD,
) -> list[SeenFace]:
    """Faces of one picture; their names from left to right, then `otherwise`."""
    found = detector.detect(picture)
    found = found.chosen(found.scores >= SURE)
    found = found.chosen(np.argsort(found.boxes[:, 0]))
    names = [*people][: len(found)]
    names += [otherwise] * (len(found) - len(names))
    faces = []
    for row, person in enumerate(names):
        box, landmarks, score = found.boxes[row], found.landmarks[row], found.scores[row]
        view = assess(picture, box, landmarks, float(score), empty_boxes())
        left, top, right, bottom = surroundings(box, picture)
        source = TAKEN_FROM.get((name, person), name)
        part = picture[top:bottom, left:right].copy()
        points = landmarks - np.array([left, top], np.float32)
        quality = view.score if view.is_good_enough else 0.0
        faces.append(SeenFace(person, source, part, points, quality))
    return faces


def surroundings(box: np.ndarray, picture: np.ndarray) -> tuple[int, int, int, int]:
    """Part of the picture around a box: left, top, right, bottom."""
    height, width = picture.shape[:2]
    margin = SURROUNDINGS * float(max(box[2] - box[0], box[3] - box[1]))
    left, top = max(int(box[0] - margin), 0), max(int(box[1] - margin), 0)
    return left, top, min(int(box[2] + margin), width), min(int(box[3] + margin), height)
