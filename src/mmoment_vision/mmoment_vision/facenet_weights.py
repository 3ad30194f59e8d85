"""Makes a graph of FaceNet's weights as facenet-pytorch keeps them.

The network is Inception-ResNet v1 (Szegedy et al., "Inception-v4, Inception-ResNet and the Impact
of Residual Connections on Learning", 2016) as David Sandberg trained it on VGGFace2, one embedding of
512 numbers for each face. Four exact rewritings leave nothing in it but convolutions, rectifiers,
sums and pools:

- every batch normalisation is folded into the convolution before it, the last one into the
  fully connected layer, which becomes a 1x1 convolution over the averaged map;
- the scale of each residual goes into the convolution that makes the residual;
- the input normalisation `(x - 127.5) / 128` and the change from BGR to RGB go into the first
  convolution, which has no padding, so a network eats camera pixels;
- what only training needs (dropout, the classes) is left out.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.onnx_model import FloatArray, OnnxGraph
from mmoment_vision.torch_weights import WeightsError, read_state

INPUT_PX = 160
DIMENSION = 512

# Constants of the input normalisation that the weights were trained with.
PIXEL_MEAN = 127.5
PIXEL_SCALE = 1.0 / 128.0

# Added to each variance by the batch normalisations of this network.
VARIANCE_FLOOR = 1e-3

# How much of a residual is added, by the size of the map it is made on.
SCALE_17 = 0.17
SCALE_8 = 0.10
SCALE_3 = 0.20
SCALE_LAST = 1.0

State = Mapping[str, NDArray]


def load_graph(path: Path) -> tuple[OnnxGraph, str]:
    """Graph of the weights in `path` and the name of its result, as `facenet_graph`.

    Raises WeightsError if the file is no such weights, OSError if it cannot be read.
    """
    try:
        return facenet_graph(read_state(path))
    except KeyError as error:
        raise WeightsError(f'{path} lacks {error}') from error
    except ValueError as error:
        raise WeightsError(f'{path} is not a weight file of facenet-pytorch: {error}') from error


def facenet_graph(state: State) -> tuple[OnnxGraph, str]:
    """Graph and the name of its result, (N, 512, 1, 1): embeddings that are not yet of length 1.

    It takes BGR pixels (N, 3, 160, 160), 0 to 255. Raises KeyError for weights that are missing.
    """
    network = _Network(state)
    value = network.first('conv2d_1a', stride=2)
    value = network.layer(value, 'conv2d_2a')
    value = network.layer(value, 'conv2d_2b', keeps_size=True)
    value = network.graph.max_pool(value, size=3, stride=2)
    value = network.layer(value, 'conv2d_3b')
    value = network.layer(value, 'conv2d_4a')
    value = network.layer(value, 'conv2d_4b', stride=2)
    for number in range(5):
        value = network.residual(value, f'repeat_1.{number}', (1, 2, 3), SCALE_17)
    value = network.reduction(value, 'mixed_6a', (1, 3))
    for number in range(10):
        value = network.residual(value, f'repeat_2.{number}', (1, 3), SCALE_8)
    value = network.reduction(value, 'mixed_7a', (2, 2, 3))
    for number in range(5):
        value = network.residual(value, f'repeat_3.{number}', (1, 3), SCALE_3)
    value = network.residual(value, 'block8', (1, 3), SCALE_LAST, rectified=False)
    return network.graph, network.embedding(value)


class _Network:
    """Adds the parts of the network to a graph, by the names of their weights."""

    def __init__(self, state: State) -> None:
        self.graph = OnnxGraph('facenet', ('n', 3, INPUT_PX, INPUT_PX))
        self._state = state

    def first(self, name: str, stride: int) -> str:
        """The layer that takes pixels."""
        weight, bias = self._folded(f'{name}.conv', f'{name}.bn')
        weight = weight * PIXEL_SCALE
        bias = bias - weight.sum(axis=(1, 2, 3)) * PIXEL_MEAN
        value = self._convolution(self.graph.input, weight[:, ::-1], bias, stride)
        return self.graph.relu(value)

    def layer(self, value: str, name: str, stride: int = 1, keeps_size: bool = False) -> str:
        """Convolution, normalisation, rectifier."""
        weight, bias = self._folded(f'{name}.conv', f'{name}.bn')
        return self.graph.relu(self._convolution(value, weight, bias, stride, keeps_size))

    def residual(
        self,
        value: str,
        name: str,
        branch_lengths: tuple[int, ...],
        scale: float,
        rectified: bool = True,
    ) -> str:
        """What branches of so many layers make of the map, scaled and added to it."""
        results = []
        for number, length in enumerate(branch_lengths):
            names = self._layer_names(f'{name}.branch{number}', length)
            result = value
            for layer_name in names:
                result = self.layer(result, layer_name, keeps_size=True)
            results.append(result)
        joined = self.graph.concatenation(results)
        weight = self._array(f'{name}.conv2d.weight') * scale
        bias = self._array(f'{name}.conv2d.bias') * scale
        total = self.graph.sum(self._convolution(joined, weight, bias), value)
        return self.graph.relu(total) if rectified else total

    def reduction(self, value: str, name: str, branch_lengths: tuple[int, ...]) -> str:
        """Halves the map: branches whose last layer has stride 2, beside a pool."""
        results = []
        for number, length in enumerate(branch_lengths):
            *names, last = self._layer_names(f'{name}.branch{number}', length)
            result = value
            for layer_name in names:
                result = self.layer(result, layer_name, keeps_size=True)
            results.append(self.layer(result, last, stride=2))
        pooled = self.graph.max_pool(value, size=3, stride=2)
        return self.graph.concatenation([*results, pooled])

    def embedding(self, value: str) -> str:
        """Mean of the map, through the fully connected layer and its normalisation."""
        weight, bias = self._normalised(self._array('last_linear.weight'), 'last_bn')
        mean = self.graph.global_average(value)
        return self._convolution(mean, weight[:, :, None, None], bias)

    def _layer_names(self, branch: str, length: int) -> list[str]:
        return [branch] if length == 1 else [f'{branch}.{number}' for number in range(length)]

    def _convolution(
        self,
        value: str,
        weight: NDArray,
        bias: NDArray,
        stride: int = 1,
        keeps_size: bool = False,
    ) -> str:
        rows, columns = (side // 2 if keeps_size else 0 for side in weight.shape[2:])
        return self.graph.convolution(
            value, _single(weight), _single(bias), stride, (rows, columns, rows, columns)
        )

    def _folded(self, convolution: str, normalisation: str) -> tuple[NDArray, NDArray]:
        return self._normalised(self._array(f'{convolution}.weight'), normalisation)

    def _normalised(self, weight: NDArray, name: str) -> tuple[NDArray, NDArray]:
        """Weight and bias that do what `weight` and the batch normalisation after it do."""
        variance = self._array(f'{name}.running_var')
        factor = self._array(f'{name}.weight') / np.sqrt(variance + VARIANCE_FLOOR)
        bias = self._array(f'{name}.bias') - self._array(f'{name}.running_mean') * factor
        return weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), bias

    def _array(self, name: str) -> NDArray:
        """In double precision, so that folding rounds only once."""
        return self._state[name].astype(np.float64)


def _single(array: NDArray) -> FloatArray:
    return np.ascontiguousarray(array, np.float32)
