"""A drawn face that is good enough to be learnt, and a fake of the part that recognises faces."""

import cv2
import numpy as np
from head_model import HEAD, projected

from mmoment_vision.face_boxes import FoundFaces
from mmoment_vision.face_embedding import OpenSet
from mmoment_vision.face_enrolment import Recognition
from mmoment_vision.face_gallery import FaceGallery
from mmoment_vision.face_tracking import TrackedFace

DIMENSION = 16
MODEL_ID = 'fake'
DECISION = OpenSet(threshold=0.8, margin=0.05)
HEIGHT, WIDTH = 300, 600


class Face:
    """A face at a place in the picture, `eyes_px` between the eyes, turned by some degrees."""

    def __init__(self, track_id=1, x=200, eyes_px=40, yaw=0.0, pitch=0.0, score=0.99):
        self.track_id, self.score = track_id, score
        points = (projected(HEAD, yaw, pitch, 0) - 100) / 30 * eyes_px + [x, 110]
        self.landmarks = points.astype(np.float32)
        self.eyes_px = eyes_px
        left, top = self.landmarks.min(axis=0) - 0.6 * eyes_px
        right, bottom = self.landmarks.max(axis=0) + 0.6 * eyes_px
        self.box = np.array([left, top, right, bottom], np.float32)

    def tracked(self, is_detected=True):
        return TrackedFace(
            self.track_id, self.box, self.landmarks, self.score, is_detected, 1.0, 0.0
        )

    def draw(self, picture):
        unit = self.eyes_px
        middle = (self.box[:2] + self.box[2:]) / 2
        axes = (int(0.95 * unit), int(1.3 * unit))
        cv2.ellipse(picture, middle.astype(int).tolist(), axes, 0, 0, 360, (130, 150, 190), -1)
        for point, (width, height) in zip(
            self.landmarks, [(0.2, 0.09), (0.2, 0.09), (0.15, 0.05), (0.2, 0.07), (0.2, 0.07)],
            strict=True,
        ):  # fmt: skip
            size = (max(1, int(width * unit)), max(1, int(height * unit)))
            cv2.ellipse(picture, point.astype(int).tolist(), size, 0, 0, 360, (40, 50, 70), -1)


def picture_of(*faces):
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for face in faces:
        face.draw(picture)
    return picture


def found(*faces):
    return FoundFaces(
        np.array([face.box for face in faces], np.float32).reshape(-1, 4),
        np.array([face.score for face in faces], np.float32),
        np.array([face.landmarks for face in faces], np.float32).reshape(-1, 5, 2),
    )


def person(number):
    """A direction; those of different people have nothing in common."""
    embedding = np.zeros((1, DIMENSION), np.float32)
    embedding[0, number] = 1.0
    return embedding


def someone_like(number, share=0.3):
    """Another view of the same person."""
    embedding = person(number)
    embedding[0, -1] = share
    return embedding / np.linalg.norm(embedding)


class World:
    """A gallery, and an embedder that sees the person `who`."""

    def __init__(self):
        self.gallery = FaceGallery(MODEL_ID, DIMENSION, DECISION)
        self.who = 0
        self.given = []
        self.recognition = Recognition(MODEL_ID, DECISION, self.embed, self.gallery.search)

    def embed(self, picture, landmarks):
        self.given.append(someone_like(self.who, 0.1 * (1 + len(self.given) % 3)))
        return self.given[-1]
