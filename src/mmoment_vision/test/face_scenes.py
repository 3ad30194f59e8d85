"""Pictures with real faces at known places, and a detector that knows the places."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from mmoment_vision.face_boxes import FoundFaces, no_faces
from mmoment_vision.face_detection import open_detector

HEIGHT, WIDTH = 540, 960
RATE_HZ = 30.0


@dataclass(frozen=True)
class Portrait:
    """A head cut out of a picture; `face` is the box of the face in it, in shares of its side."""

    head: np.ndarray
    face: np.ndarray


def portrait(media, name, detector):
    """The largest face of a picture, with hair and collar around it."""
    picture = cv2.imread(str(media / 'faces' / name))
    scale = 800 / max(picture.shape)
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes = detector.detect(picture).boxes
    left, top, right, bottom = boxes[np.argmax(boxes[:, 2] - boxes[:, 0])]
    side = int(1.7 * (bottom - top))
    x = int(np.clip((left + right - side) / 2, 0, picture.shape[1] - side))
    y = int(np.clip((top + bottom - side) / 2, 0, picture.shape[0] - side))
    face = (np.array([left, top, right, bottom]) - [x, y, x, y]) / side
    return Portrait(picture[y : y + side, x : x + side], face)


@pytest.fixture(scope='module')
def detector():
    return open_detector('mtcnn', 'cpu')


@pytest.fixture(scope='module')
def anna(media, detector):
    return portrait(media, 'obama-3.jpg', detector)


@pytest.fixture(scope='module')
def ben(media, detector):
    return portrait(media, 'biden-2.jpg', detector)


def background():
    """A still background with enough texture to be taken for a room."""
    noise = np.random.default_rng(7).integers(60, 200, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 6)


def scene(*placed):
    """Paste portraits; `placed` are (portrait, centre x, centre y, side). Later ones are in front.

    Returns the picture and the true face boxes, (N, 4).
    """
    picture = background()
    boxes = []
    for who, x, y, side in placed:
        # Sub-pixel placement, so that motion is as smooth as in a film.
        scale = side / who.head.shape[0]
        matrix = np.float32([[scale, 0, x - side / 2], [0, scale, y - side / 2]])
        small = cv2.warpAffine(who.head, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
        mask = cv2.warpAffine(_oval(who), matrix, (WIDTH, HEIGHT))
        picture[mask > 0] = small[mask > 0]
        corner = np.array([x, y, x, y]) - side / 2
        boxes.append(corner + who.face * side)
    return picture, np.array(boxes, np.float32).reshape(-1, 4)


def _oval(who):
    """Mask of a head without what is behind it."""
    mask = np.zeros(who.head.shape[:2], np.uint8)
    left, top, right, bottom = (who.face * len(mask)).tolist()
    centre = (round((left + right) / 2), round((top + bottom) / 2))
    axes = (round(0.75 * (right - left)), round(0.72 * (bottom - top)))
    return cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, -1)


def found(boxes, score=0.99):
    """What a detector without landmarks would give."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    if not len(boxes):
        return no_faces()
    scores = np.full(len(boxes), score, np.float32)
    return FoundFaces(boxes, scores, np.zeros((len(boxes), 5, 2), np.float32))
