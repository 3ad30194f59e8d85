from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmoment_vision.dlib_network import dlib_graph
from mmoment_vision.dlib_weights import Rectifier, find_weights, read_network
from mmoment_vision.graph_runtime import OpenCvGraph, TorchGraph
from mmoment_vision.torch_weights import WeightsError


@pytest.fixture(scope='module')
def network():
    return read_network(find_weights())


@pytest.fixture(scope='module')
def graph(network):
    return dlib_graph(network)


def chips(picture, count):
    """Parts of a picture at several sizes, as the network takes them."""
    shortest = min(picture.shape[:2])
    sides = np.linspace(shortest // 4, shortest, count).astype(int)
    parts = [picture[-side:, (shortest - side) // 2 :][:side, :side] for side in sides]
    return np.stack([cv2.resize(part, (150, 150)) for part in parts])


def by_dlib(pixels):
    dlib = pytest.importorskip('dlib')
    model = dlib.face_recognition_model_v1(str(find_weights()))
    pictures = [np.ascontiguousarray(picture[..., ::-1]) for picture in pixels]
    return np.array([model.compute_face_descriptor(picture) for picture in pictures])


def test_descriptors_are_dlibs(graph, media):
    paths = [media / 'faces' / f'{name}.jpg' for name in ('obama-1', 'biden-2', 'multiface')]
    pixels = np.concatenate([chips(cv2.imread(str(path)), 3) for path in paths])
    assert np.abs(OpenCvGraph(*graph)(pixels) - by_dlib(pixels)).max() <= 1e-4


def test_descriptors_of_noise_are_dlibs(graph):
    pixels = np.random.default_rng(2).integers(0, 255, (2, 150, 150, 3)).astype(np.uint8)
    assert np.abs(OpenCvGraph(*graph)(pixels) - by_dlib(pixels)).max() <= 1e-4


def test_runtimes_agree(graph):
    pytest.importorskip('torch')
    pixels = np.random.default_rng(3).integers(0, 255, (2, 150, 150, 3)).astype(np.uint8)
    assert OpenCvGraph(*graph)(pixels) == pytest.approx(TorchGraph(*graph, 'cpu')(pixels), abs=1e-4)


def test_affine_layers_are_folded_away(graph):
    operators = {operation.operator for operation in graph[0].operations}
    assert operators == {
        *('Conv', 'Relu', 'MaxPool', 'AveragePool', 'Pad', 'Add', 'GlobalAveragePool', 'Flatten')
    }


def test_layers_in_an_unknown_order_are_refused(network):
    wrong = replace(network, layers=(Rectifier(), *network.layers))
    with pytest.raises(WeightsError, match='no convolution without edges'):
        dlib_graph(wrong)
    doubled = (network.layers[0], network.layers[1], network.layers[1], *network.layers[2:])
    with pytest.raises(WeightsError, match='unknown place'):
        dlib_graph(replace(network, layers=doubled))
