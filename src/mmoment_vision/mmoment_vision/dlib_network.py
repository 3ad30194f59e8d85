"""dlib's face embedder as a graph that eats camera pixels.

The rewritings are exact: the input's normalisation and the change from BGR to RGB go into the
first convolution, and each affine layer into the convolution before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mmoment_vision.dlib_weights import (
    PIXEL_RANGE,
    Affine,
    AveragePool,
    Convolution,
    Dense,
    DlibNetwork,
    FloatArray,
    Layer,
    MaxPool,
    Rectifier,
    Sum,
)
from mmoment_vision.onnx_model import OnnxGraph
from mmoment_vision.torch_weights import WeightsError


@dataclass(frozen=True, slots=True)
class _Map:
    """A value of the graph, with its channels and its side: dlib's sums depend on both."""

    value: str
    channels: int
    side: int


def dlib_graph(network: DlibNetwork) -> tuple[OnnxGraph, str]:
    """The graph, and its value that is the embedding (N, 128), not of unit length.

    Raises WeightsError if the layers do not fit together.
    """
    graph = OnnxGraph('dlib', ('n', 3, network.input_px, network.input_px))
    # Where a block began is its shorter way, on which at most an average is taken.
    here = shorter = _Map(graph.input, 3, network.input_px)
    before: Layer | None = None
    for layer in _folded(network):
        match layer:
            case Convolution():
                here = _convolution(graph, here, layer)
            case Rectifier():
                here = _Map(graph.relu(here.value), here.channels, here.side)
                shorter = here if isinstance(before, Sum) else shorter
            case MaxPool(size, stride):
                pooled = graph.max_pool(here.value, size, stride)
                here = shorter = _Map(pooled, here.channels, _side(here.side, size, stride))
            case AveragePool(0):
                here = _Map(graph.global_average(here.value), here.channels, 1)
            case AveragePool(size, stride):
                pooled = graph.average_pool(shorter.value, size, stride)
                shorter = _Map(pooled, shorter.channels, _side(shorter.side, size, stride))
            case Sum():
                here = _sum(graph, here, shorter)
            case Dense(weight):
                here = _Map(graph.dense(here.value, weight), len(weight), 1)
            case _:
                raise WeightsError('a layer of the face embedder stands at an unknown place')
        before = layer
    return graph, graph.flattened(here.value)


def _folded(network: DlibNetwork) -> Iterable[Layer]:
    """The layers for BGR pixels of 0 to 255, without those that another one can take over."""
    first, *others = network.layers
    if not isinstance(first, Convolution) or first.padding:
        raise WeightsError('the first layer of the face embedder is no convolution without edges')
    waiting: Convolution | None = _on_camera_pixels(first, network.mean_colour)
    for layer in others:
        if isinstance(layer, Affine) and waiting is not None:
            yield _scaled(waiting, layer)
            waiting = None
            continue
        if waiting is not None:
            yield waiting
            waiting = None
        if isinstance(layer, Convolution):
            waiting = layer
        else:
            yield layer


def _on_camera_pixels(layer: Convolution, mean_colour: FloatArray) -> Convolution:
    weight = layer.weight / np.float32(PIXEL_RANGE)
    bias = layer.bias - np.einsum('ocij,c->o', weight, mean_colour)
    return Convolution(np.ascontiguousarray(weight[:, ::-1]), bias, layer.stride, layer.padding)


def _scaled(layer: Convolution, affine: Affine) -> Convolution:
    weight = layer.weight * affine.factor[:, None, None, None]
    bias = layer.bias * affine.factor + affine.offset
    return Convolution(weight, bias, layer.stride, layer.padding)


def _convolution(graph: OnnxGraph, source: _Map, layer: Convolution) -> _Map:
    channels, _, size, _ = layer.weight.shape
    value = graph.convolution(source.value, layer.weight, layer.bias, layer.stride, layer.padding)
    return _Map(value, channels, _side(source.side + 2 * layer.padding, size, layer.stride))


def _sum(graph: OnnxGraph, first: _Map, second: _Map) -> _Map:
    """Sum in which a smaller map has zeros at the right and bottom and as further channels."""
    channels, side = max(first.channels, second.channels), max(first.side, second.side)
    extended = []
    for part in (first, second):
        missing, edge = channels - part.channels, side - part.side
        is_whole = not missing and not edge
        value = part.value
        extended.append(value if is_whole else graph.padded(value, missing, (0, 0, edge, edge)))
    return _Map(graph.sum(*extended), channels, side)


def _side(side: int, size: int, stride: int) -> int:
    """Windows that fit in."""
    return (side - size) // stride + 1
