"""Face detectors behind one interface, and the choice between them."""

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from mmoment_vision.face_boxes import Boxes, FoundFaces, Picture, no_faces
from mmoment_vision.face_tracking import Measure
from mmoment_vision.mtcnn import Mtcnn, MtcnnSettings
from mmoment_vision.mtcnn_runtime import open_runtime
from mmoment_vision.mtcnn_weights import WeightsError, load_networks

BACKENDS = ('auto', 'mtcnn', 'haar')

# Where the wheel and the distribution package of OpenCV keep the cascade.
HAAR_PATHS = tuple(
    folder / 'haarcascade_frontalface_default.xml'
    for folder in (Path(cv2.__file__).parent / 'data', Path('/usr/share/opencv4/haarcascades'))
)
HAAR_STEP = 1.15
HAAR_NEIGHBOURS = 6
# Pictures are shrunk until the smallest face wanted has this side, the cascade's own being 24.
HAAR_FACE_PX = 30
# The cascade gives a weight without a scale: this maps its usual range to 0..1.
HAAR_WEIGHT_SCALE = 5.0


class FaceDetector(Protocol):
    """Finds faces in a picture. Knows nothing of time or tracks."""

    @property
    def name(self) -> str:
        """Model and device, for people."""
        ...

    @property
    def measure(self) -> Measure | None:
        """Cheap re-measurement of known faces, if the detector has it.

        It must be able to run in one thread while `detect` runs in another.
        """
        ...

    def detect(
        self, picture: Picture, known: Boxes | None = None, looks_at_known: int = 0
    ) -> FoundFaces:
        """Faces of `picture` (height, width, 3; uint8, BGR).

        At places of `known` faces (N, 4) it needs not look more than `looks_at_known` times.
        """
        ...


class HaarDetector:
    """OpenCV's cascade of Haar features: frontal faces, no landmarks, no model to install."""

    measure: Measure | None = None

    def __init__(self, min_face_px: float) -> None:
        path = next((path for path in HAAR_PATHS if path.is_file()), HAAR_PATHS[0])
        self.name = 'haar (OpenCV, cpu)'
        self._min_face_px = min_face_px
        if not path.is_file():
            raise WeightsError(f'{path} is missing: install opencv-contrib-python')
        self._cascade = cv2.CascadeClassifier(str(path))

    def detect(
        self, picture: Picture, known: Boxes | None = None, looks_at_known: int = 0
    ) -> FoundFaces:
        """Faces that look into the camera; landmarks are zeros."""
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        scale = min(1.0, HAAR_FACE_PX / self._min_face_px)
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        side = round(self._min_face_px * scale)
        rectangles, _, weights = self._cascade.detectMultiScale3(
            cv2.equalizeHist(grey),
            HAAR_STEP,
            HAAR_NEIGHBOURS,
            minSize=(side, side),
            outputRejectLevels=True,
        )
        if not len(rectangles):
            return no_faces()
        boxes = np.asarray(rectangles, np.float32) / np.float32(scale)
        boxes[:, 2:] += boxes[:, :2]
        scores = 1 - np.exp(-np.maximum(np.ravel(weights), 0) / HAAR_WEIGHT_SCALE)
        landmarks = np.zeros((len(boxes), 5, 2), np.float32)
        return FoundFaces(boxes, scores.astype(np.float32), landmarks)


def detect_in_part(
    detector: FaceDetector,
    part: Picture,
    region: Boxes,
    known: Boxes | None = None,
    looks_at_known: int = 0,
) -> FoundFaces:
    """Faces in `part`, cut out of a picture at `region` (4,).

    `known` and the result are in pixels of the whole picture.
    """
    offset = region[:2]
    corners = np.tile(offset, 2)
    found = detector.detect(part, None if known is None else known - corners, looks_at_known)
    return FoundFaces(found.boxes + corners, found.scores, found.landmarks + offset)


def open_detector(
    backend: str = 'auto', device: str = 'auto', settings: MtcnnSettings | None = None
) -> FaceDetector:
    """Open the detector `backend` (auto, mtcnn or haar) on `device` (auto, cpu or cuda).

    auto takes MTCNN, or the Haar cascade where MTCNN's weights are not installed. Raises
    WeightsError, DeviceError, or ValueError for an unknown name.
    """
    settings = settings or MtcnnSettings()
    if backend not in BACKENDS:
        raise ValueError(f"unknown backend '{backend}': choose one of {', '.join(BACKENDS)}")
    if backend != 'haar':
        try:
            return Mtcnn(load_networks(), open_runtime(device), settings)
        except WeightsError:
            if backend == 'mtcnn':
                raise
    return HaarDetector(settings.min_face_px)
