"""Face embedders behind one interface, and the choice between them.

An embedding is a direction: the same person's lie close together. Embeddings are secrets of the
people they show, and belong in no log, message or text of an error.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import Picture

Embeddings = NDArray[np.float32]  # (N, D), rows of length 1

EMBEDDERS = ('auto', 'facenet', 'dlib', 'none')


@dataclass(frozen=True, slots=True)
class OpenSet:
    """From when a face counts as that of a known person."""

    threshold: float  # least cosine to the nearest person
    margin: float  # least lead over the second nearest person
    is_measured: bool = False  # chosen by measuring this very model, not taken from elsewhere


class FaceEmbedder(Protocol):
    """Turns faces into embeddings. For one thread at a time."""

    @property
    def model_id(self) -> str:
        """Stored beside every template; another one where embeddings cannot be compared."""
        ...

    @property
    def name(self) -> str:
        """Model, runtime and device, and whether `decision` was not measured; for people."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers in an embedding."""
        ...

    @property
    def decision(self) -> OpenSet:
        """When a face counts as known unless an operator sets another threshold.

        It says itself whether it was measured: dlib's was, FaceNet's was not.
        """
        ...

    def embed(self, picture: Picture, landmarks: NDArray[np.float32]) -> Embeddings:
        """Embeddings of the faces with points (N, 5, 2) in `picture`.

        Raises ValueError if points show no face.
        """
        ...


def open_embedder(
    backend: str = 'auto', device: str = 'auto', models_folder: Path | None = None
) -> FaceEmbedder:
    """Open the embedder `backend` (auto, facenet or dlib) on `device` (auto, cpu or cuda).

    auto takes FaceNet if its weights were fetched into `models_folder` (default: where
    `./mmoment models fetch` puts them), else dlib, whose weights are installed. FaceNet's threshold
    is not measured, and its name says so: `./mmoment bench recognize` measures one. Raises
    WeightsError, DeviceError, or ValueError for an unknown name and for none.
    """
    choices = [name for name in EMBEDDERS if name != 'none']
    if backend not in choices:
        raise ValueError(f"no embedder '{backend}': choose one of {', '.join(choices)}")
    if backend != 'dlib':
        # Each embedder's modules are imported only where it is opened.
        from mmoment_vision.facenet_embedder import find_weights, open_facenet
        from mmoment_vision.torch_weights import WeightsError

        path = find_weights(models_folder)
        if path is not None:
            return open_facenet(path, device)
        if backend == 'facenet':
            raise WeightsError(
                'the weights of facenet are not here: ./mmoment models fetch gets them, '
                'or set the embedder to dlib'
            )
    from mmoment_vision.dlib_embedder import open_dlib

    return open_dlib(device)
