"""The MTCNN cascade, arranged for speed on few cores.

Same networks, thresholds and suppression as facenet-pytorch's `MTCNN`; what differs is where the
time goes. The picture is halved once and the pyramid is cut from the half; all arithmetic on
candidates is vectorised; crops of a stage go through their network in one batch; suppression is
OpenCV's. The tests hold the result against facenet-pytorch's.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import (
    Boxes,
    FoundFaces,
    Picture,
    Scores,
    areas,
    covered,
    empty_boxes,
    no_faces,
    squares,
    strongest_first,
)
from mmoment_vision.mtcnn_runtime import NetworkRunner, NetworkRuntime
from mmoment_vision.mtcnn_weights import MtcnnNetworks

# Steps of the proposal network over its input, and the side it judges, in pixels.
STRIDE_PX = 2
CELL_PX = 12

# Overlaps above which the weaker candidate goes: within a scale, over scales, after refinement,
# and at the end, there against the smaller box.
SCALE_OVERLAP = 0.5
PROPOSAL_OVERLAP = 0.5
REFINEMENT_OVERLAP = 0.5
OUTPUT_OVERLAP = 0.7

# A candidate covered more than this by a known face (or covering it) belongs to that face.
KNOWN_COVER = 0.6

# Side and lowering of the square in which a known face is measured, in sides of its box. On the
# crowd clip 99 % of the faces pass there; 10 % larger, 4 % fewer do, and a lost face is dear.
MEASUREMENT_SIDE = 0.95
MEASUREMENT_DROP = 0.03

# How often the picture is halved to cut pyramid levels and crops from.
HALVINGS = 3


@dataclass(frozen=True, slots=True)
class MtcnnSettings:
    """How the cascade searches."""

    min_face_px: float = 40.0
    proposal_threshold: float = 0.85
    refinement_threshold: float = 0.7
    output_threshold: float = 0.7
    pyramid_factor: float = 0.709


class Mtcnn:
    """Finds faces in whole pictures and re-measures known ones.

    Each of the two is for one thread at a time.
    """

    def __init__(
        self, networks: MtcnnNetworks, runtime: NetworkRuntime, settings: MtcnnSettings
    ) -> None:
        self.settings = settings
        self.name = f'mtcnn ({runtime.name})'
        self._networks = networks
        self._runtime = runtime
        self._refinement = runtime.runner(networks.refinement)
        self._output = runtime.runner(networks.output)
        self._measurement = runtime.runner(networks.output)
        self._proposals: list[NetworkRunner] = []

    def detect(
        self, picture: Picture, known: Boxes | None = None, looks_at_known: int = 0
    ) -> FoundFaces:
        """Find all faces in `picture` (height, width, 3; uint8, BGR).

        Of the candidates on each `known` face (N, 4) only the `looks_at_known` best are followed
        up, which saves most work of the later stages.
        """
        pictures = halved(picture)
        candidates = self._propose(pictures)
        if known is not None and len(known):
            candidates = _fewer_on(known, candidates, looks_at_known)
        candidates = self._refine(pictures, candidates)
        if not len(candidates):
            return no_faces()
        faces = self._measured(self._output, pictures, candidates)
        faces = faces.chosen(faces.scores > self.settings.output_threshold)
        relation = covered(_inclusive(faces.boxes), _inclusive(faces.boxes))
        return faces.chosen(strongest_first(relation, faces.scores, OUTPUT_OVERLAP))

    def measure(self, picture: Picture, boxes: Boxes) -> FoundFaces:
        """Run the last stage on known faces: one face for each box, whatever its score.

        A box should enclose a face roughly as the box found in the picture before does. May run
        in one thread while `detect` runs in another.
        """
        if not len(boxes):
            return no_faces()
        return self._measured(self._measurement, [picture], _measurement_squares(boxes))

    def _measured(self, run: NetworkRunner, pictures: list[Picture], boxes: Boxes) -> FoundFaces:
        """Third stage: box, score and landmarks of each square."""
        result = run(_crops(pictures, boxes, self._networks.output.input_px))
        result = result.reshape(len(boxes), -1)
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        points = result[:, 5:].reshape(-1, 2, 5).transpose(0, 2, 1)
        landmarks = boxes[:, None, :2] + points * sides[:, None] - 1
        return FoundFaces(_corrected(boxes, result[:, 1:5]), _probability(result[:, 0]), landmarks)

    def _propose(self, pictures: list[Picture]) -> Boxes:
        """First stage: squares that may hold a face, from a pyramid of the picture."""
        height, width = pictures[0].shape[:2]
        scales = pyramid_scales(height, width, self.settings)
        while len(self._proposals) < len(scales):
            # OpenCV lays a network out for one input size: one copy for each level.
            self._proposals.append(self._runtime.runner(self._networks.proposal))
        found = []
        for scale, run in zip(scales, self._proposals, strict=False):
            size = (int(width * scale + 1), int(height * scale + 1))
            base = next((half for half in pictures[:0:-1] if half.shape[1] > size[0]), pictures[0])
            level = cv2.resize(base, size, interpolation=cv2.INTER_AREA)
            found.append(self._proposals_of(run(level[None])[0], scale))
        boxes = np.concatenate([part[0] for part in found] or [empty_boxes()])
        scores = np.concatenate([part[1] for part in found] or [np.empty(0, np.float32)])
        corrections = np.concatenate([part[2] for part in found] or [empty_boxes()])
        kept = _suppressed(boxes, scores, PROPOSAL_OVERLAP)
        sides = boxes[kept, 2:] - boxes[kept, :2]
        return squares(boxes[kept] + corrections[kept] * np.tile(sides, 2))

    def _proposals_of(
        self, result: NDArray[np.float32], scale: float
    ) -> tuple[Boxes, Scores, NDArray[np.float32]]:
        """Cells above the threshold: boxes in the picture, scores, corrections."""
        rows, columns = np.nonzero(result[0] >= _logit(self.settings.proposal_threshold))
        corners = np.stack([columns, rows], axis=1) * STRIDE_PX + 1
        boxes = np.concatenate([corners, corners + CELL_PX - 1], axis=1) / scale
        boxes = np.floor(boxes).astype(np.float32)
        scores = _probability(result[0, rows, columns])
        corrections = result[1:5, rows, columns].T
        kept = _suppressed(boxes, scores, SCALE_OVERLAP)
        return boxes[kept], scores[kept], corrections[kept]

    def _refine(self, pictures: list[Picture], candidates: Boxes) -> Boxes:
        """Second stage: the candidates that stand a closer look."""
        candidates = _inside(candidates, pictures[0])
        if not len(candidates):
            return empty_boxes()
        result = self._refinement(_crops(pictures, candidates, self._networks.refinement.input_px))
        result = result.reshape(len(candidates), -1)
        passed = result[:, 0] > _logit(self.settings.refinement_threshold)
        boxes, scores = candidates[passed], _probability(result[passed, 0])
        kept = _suppressed(boxes, scores, REFINEMENT_OVERLAP)
        return _inside(squares(_corrected(boxes[kept], result[passed][kept, 1:5])), pictures[0])


def _fewer_on(known: Boxes, candidates: Boxes, most: int) -> Boxes:
    """Candidates (best first) without those that are not among the `most` best on a known face."""
    is_on = covered(candidates, squares(known)) > KNOWN_COVER
    rank = is_on.cumsum(axis=0)
    return candidates[~(is_on & (rank > most)).any(axis=1)]


def _measurement_squares(boxes: Boxes) -> Boxes:
    """Squares around known faces as the last stage scores them best."""
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    centres = centres + sides * np.array([0, MEASUREMENT_DROP], np.float32)
    half = sides * np.float32(MEASUREMENT_SIDE / 2)
    return np.concatenate([centres - half, centres + half], axis=1)


def pyramid_scales(height: int, width: int, settings: MtcnnSettings) -> list[float]:
    """Scales at which faces of the smallest to the largest size fill the proposal network."""
    scales = []
    scale = CELL_PX / settings.min_face_px
    while min(height, width) * scale >= CELL_PX:
        scales.append(scale)
        scale *= settings.pyramid_factor
    return scales


def halved(picture: Picture) -> list[Picture]:
    """The picture, its half, quarter and eighth: cheap starting points for smaller sizes."""
    pictures = [picture]
    for _ in range(HALVINGS):
        height, width = pictures[-1].shape[:2]
        size = (max(1, width // 2), max(1, height // 2))
        pictures.append(cv2.resize(pictures[-1], size, interpolation=cv2.INTER_AREA))
    return pictures


def _crops(pictures: list[Picture], boxes: Boxes, side_px: int) -> Picture:
    """Squares cut out and resized; what lies outside the picture is left out.

    Each is cut from the smallest of `pictures` (as `halved` makes them) that still has enough
    pixels of it.
    """
    height, width = pictures[0].shape[:2]
    corners = np.trunc(boxes).astype(int)
    lefts = np.clip(corners[:, 0] - 1, 0, width - 1)
    tops = np.clip(corners[:, 1] - 1, 0, height - 1)
    rights = np.clip(corners[:, 2], lefts + 1, width)
    bottoms = np.clip(corners[:, 3], tops + 1, height)
    shorter = np.minimum(rights - lefts, bottoms - tops)
    levels = np.floor(np.log2(np.maximum(shorter / side_px, 1))).astype(int)
    levels = np.minimum(levels, len(pictures) - 1)
    crops = np.empty((len(boxes), side_px, side_px, 3), np.uint8)
    for crop, level, left, top, right, bottom in zip(
        crops,
        levels,
        lefts >> levels,
        tops >> levels,
        rights >> levels,
        bottoms >> levels,
        strict=True,
    ):
        cut = pictures[level][top:bottom, left:right]
        cv2.resize(cut, (side_px, side_px), crop, interpolation=cv2.INTER_AREA)
    return crops


def _inside(boxes: Boxes, picture: Picture) -> Boxes:
    """The boxes of which some part lies in the picture."""
    height, width = picture.shape[:2]
    partly = (boxes[:, 0] < width) & (boxes[:, 1] < height) & (boxes[:, 2:] > 1).all(axis=1)
    return boxes[partly & (areas(boxes) >= 1)]


def _corrected(boxes: Boxes, corrections: NDArray[np.float32]) -> Boxes:
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    return np.asarray(boxes + corrections * np.tile(sides, 2))


def _inclusive(boxes: Boxes) -> Boxes:
    """Boxes one pixel larger, as the last suppression of the cascade counts areas."""
    return boxes + np.array([0, 0, 1, 1], np.float32)


def _suppressed(boxes: Boxes, scores: Scores, limit: float) -> NDArray[np.int64]:
    """Rows that survive suppression by overlap, strongest first."""
    if not len(boxes):
        return np.empty(0, np.int64)
    corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    rows = cv2.dnn.NMSBoxes(corner_and_size.tolist(), scores.tolist(), 0.0, limit)
    return np.asarray(rows, np.int64).reshape(-1)


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _probability(logits: NDArray[np.float32]) -> Scores:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
