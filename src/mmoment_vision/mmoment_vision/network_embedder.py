"""A face embedder made of a network: faces are aligned, run in batches, and brought to length 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_alignment import FaceShape, aligned_faces
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_embedding import Embeddings, OpenSet
from mmoment_vision.graph_runtime import GraphRunner

# Health and log show the name: whoever relies on a threshold must know that nobody measured it.
NOT_MEASURED = 'default threshold not measured'

# More faces at once gain nothing and cost memory.
LARGEST_BATCH = 8


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """What an embedder's network is, wants and means."""

    model_id: str
    title: str  # for people
    dimension: int
    face_shape: FaceShape
    decision: OpenSet


class NetworkEmbedder:
    """Implements `face_embedding.FaceEmbedder`."""

    def __init__(self, model: EmbeddingModel, runner: GraphRunner) -> None:
        self.model_id = model.model_id
        remark = '' if model.decision.is_measured else f'; {NOT_MEASURED}'
        self.name = f'{model.title} ({runner.name}{remark})'
        self.dimension = model.dimension
        self.decision = model.decision
        self._face_shape = model.face_shape
        self._runner = runner

    def embed(self, picture: Picture, landmarks: NDArray[np.float32]) -> Embeddings:
        """Embeddings of the faces with points (N, 5, 2) in `picture` (uint8, BGR).

        Raises ValueError if points show no face.
        """
        embeddings = np.empty((len(landmarks), self.dimension), np.float32)
        for begin in range(0, len(landmarks), LARGEST_BATCH):
            part = slice(begin, begin + LARGEST_BATCH)
            faces = aligned_faces(picture, landmarks[part], self._face_shape)
            embeddings[part] = self._runner(faces).reshape(len(faces), -1)
        return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
