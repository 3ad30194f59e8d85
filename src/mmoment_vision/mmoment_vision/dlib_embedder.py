"""dlib's face embedder: 128 numbers, weights installed with a package, nothing to download.

dlib compares its descriptors by their distance. They share a large part, which has nothing to do
with whom they show: two persons' descriptors enclose a cosine of 0.84. Here this part is taken
away, and the cosine of what is left tells persons apart. Distances stay what they were.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.dlib_network import dlib_graph
from mmoment_vision.dlib_weights import find_weights, read_network
from mmoment_vision.face_alignment import FaceShape
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_embedding import OpenSet
from mmoment_vision.graph_runtime import GraphRunner, open_graph
from mmoment_vision.network_embedder import EmbeddingModel, NetworkEmbedder
from mmoment_vision.onnx_model import FloatArray

# Where MTCNN's points lie in the pictures that the network was trained with (dlib's face chips of
# 150 pixels with a padding of 0.25): the median over 51 faces of the test media, found by dlib's
# detector and five-point predictor as well, made symmetric. Shifted by 3 pixels, or 5 % smaller,
# more pairs of one person fell below the nearest pair of two; 5 % larger, about as many. With
# dlib's own points, which are another 9 MB of model, 1 % fewer did, and a face half out of the
# picture was recognised, which here is not.
FACE_SHAPE = FaceShape(
    150, ((48.2, 46.7), (102.8, 46.7), (75.5, 79.0), (52.0, 104.5), (99.5, 104.5))
)

# The shared part is what the network says of pictures that show nothing: blotches of about a
# tenth of the picture, over which its answer is averaged. It was as good as the mean of other
# persons' faces, and needs none. Legacy generator, because NumPy promises its numbers for ever.
BLOTCH_PICTURES = 16
BLOTCH_SIZE_PX = 12.0
BLOTCH_CONTRAST = 60.0
BLOTCH_BRIGHTNESS = 120.0
BLOTCH_SEED = 1

# Measured over pictures and clips of the test media (`./mmoment bench recognize`): 11 people and a
# crowd of strangers. 62,688 pairs of single views of two people came up to 0.764, and strangers
# up to 0.756 against templates of five views. Nearest to each other are two men before the same
# camera; dlib's own rule, a distance of 0.6, takes most of their views for one person. At 0.8
# nobody was taken for somebody else; 8 % of the pairs of one person's single views were missed, but
# no view of a person enrolled with five (0.827 and more). At 0.76, 3 pairs of two passed and 1.8 %
# were missed. That nobody is mistaken for another follows partly from the choice: it is 0.03 above
# the strongest pair, rounded up. Chosen without either of the two men it would be 0.71, and 1.5 %
# of his pairs with others would pass; without anybody else it stays 0.8. Twelve persons without an
# error are few: they bound the share of people who are mistaken for another to 22 % only.
DECISION = OpenSet(threshold=0.8, margin=0.05, is_measured=True)

# On one core 8 ms for one face and 6.3 ms for each of 4 or 8; dlib itself 75 ms, whatever the
# number. OpenCV's 8-bit network took 8.4 and 8.0 ms, and half precision is for ARM only: neither
# is used.
MODEL = EmbeddingModel(
    model_id='dlib-resnet-2017',
    title='dlib',
    dimension=128,
    face_shape=FACE_SHAPE,
    decision=DECISION,
)


class DlibRunner:
    """The network, less the part that all descriptors share."""

    def __init__(self, runner: GraphRunner) -> None:
        self.name = runner.name
        self._runner = runner
        self._shared = runner(blotches(FACE_SHAPE.side_px)).mean(axis=0)

    def __call__(self, pixels: NDArray[np.uint8]) -> FloatArray:
        return self._runner(pixels) - self._shared


def blotches(side_px: int) -> Picture:
    """Pictures (N, side_px, side_px, 3) that show nothing; always the same."""
    random = np.random.RandomState(BLOTCH_SEED)
    pictures = np.empty((BLOTCH_PICTURES, side_px, side_px, 3), np.uint8)
    for picture in pictures:
        noise = random.standard_normal(picture.shape).astype(np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), BLOTCH_SIZE_PX)
        noise *= BLOTCH_CONTRAST / noise.std()
        picture[:] = np.clip(noise + BLOTCH_BRIGHTNESS, 0, 255)
    return pictures


def open_dlib(device: str = 'auto') -> NetworkEmbedder:
    """Open dlib's embedder on `device`: auto, cpu or cuda.

    Raises WeightsError if the weights are not installed or damaged, DeviceError or ValueError for
    a device that cannot be used.
    """
    runner = open_graph(*dlib_graph(read_network(find_weights())), device)
    return NetworkEmbedder(MODEL, DlibRunner(runner))
