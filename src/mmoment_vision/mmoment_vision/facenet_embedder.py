"""FaceNet as a face embedder: its weights are fetched by `./mmoment models fetch`, never by a node."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision import model_store
from mmoment_vision.face_alignment import FaceShape
from mmoment_vision.face_embedding import FaceEmbedder, OpenSet
from mmoment_vision.facenet_weights import DIMENSION, INPUT_PX, load_graph
from mmoment_vision.graph_runtime import GraphRunner, open_graph
from mmoment_vision.network_embedder import EmbeddingModel, NetworkEmbedder
from mmoment_vision.onnx_model import FloatArray
from mmoment_vision.torch_weights import WeightsError

# The network learned from boxes of MTCNN that were stretched to squares, whatever their shape. So
# a face is cut out upright, as high as SIDE_PX and as wide as INPUT_PX, and pressed to a square:
# 160/208 is the width of a box in parts of its height, median of 66 upright frontal faces in the
# test media (13 in pictures, 49 of the crowd clip, one for each of four clips of two signers).
SIDE_PX = 208

# Where the five points lie in those boxes, medians of the same faces, mirrored and averaged; the
# box fills 146/160 of the picture, as in facenet-pytorch's own evaluation on Labeled Faces in the
# Wild (a margin of 14 pixels, accuracy 0.994). Such a picture and the box with its margin share
# 0.87 of the area that they cover together (median over all 200 faces).
FACE_SHAPE = FaceShape(
    SIDE_PX, ((69.6, 84.7), (138.4, 84.7), (104.0, 122.6), (75.4, 157.4), (132.6, 157.4))
)

# Not measured here, because these weights could not be had where this was written. A cosine distance
# of 0.30 is what the DeepFace library decides by for FaceNet with 512 numbers; the stricter of its
# values, as its distance of 1.04 between embeddings of length 1 is a cosine of 0.46. Whoever has
# the weights can measure: `./mmoment bench recognize` gives `threshold_by_rule`, which is to be set
# as `similarity_threshold`.
DECISION = OpenSet(threshold=0.70, margin=0.05, is_measured=False)

# On one core OpenCV took 37 ms for one face and 30 ms for each of 4 or 8; torch 53 ms and 37 ms
# with facenet-pytorch's module, 50 ms and 38 ms with this graph. Half precision and 8 bits were left
# alone: with random weights nobody can tell what they lose.
FACENET = EmbeddingModel(
    'facenet-vggface2-2018', 'FaceNet (VGGFace2)', DIMENSION, FACE_SHAPE, DECISION
)


class _Pressed:
    """Runner that takes upright faces, as `FACE_SHAPE` aligns them, and gives the network squares."""

    def __init__(self, runner: GraphRunner) -> None:
        self.name = runner.name
        self._runner = runner

    def __call__(self, pixels: NDArray[np.uint8]) -> FloatArray:
        edge = (SIDE_PX - INPUT_PX) // 2
        faces = np.empty((len(pixels), INPUT_PX, INPUT_PX, 3), np.uint8)
        for face, upright in zip(faces, pixels[:, :, edge : edge + INPUT_PX], strict=True):
            cv2.resize(upright, (INPUT_PX, INPUT_PX), face, interpolation=cv2.INTER_AREA)
        return self._runner(faces)


def find_weights(models_folder: Path | None = None) -> Path | None:
    """The fetched weights, if they are there; `models_folder` instead of where they usually lie."""
    return model_store.find(model_store.FACENET, models_folder)


def open_facenet(path: Path, device: str = 'auto') -> FaceEmbedder:
    """Open the weights in `path` on `device` (auto, cpu or cuda), after a look at all of the file.

    Raises WeightsError if it is damaged or cannot be read, DeviceError, or ValueError for an
    unknown device.
    """
    try:
        wrong = model_store.fault(model_store.FACENET, path)
        if wrong is not None:
            raise WeightsError(f'{path} is damaged ({wrong}): ./mmoment models fetch replaces it')
        graph, result = load_graph(path)
    except OSError as error:
        raise WeightsError(
            f'{path} cannot be read ({error.strerror}): see who owns it, or ./mmoment models fetch'
        ) from error
    return NetworkEmbedder(FACENET, _Pressed(open_graph(graph, result, device)))
