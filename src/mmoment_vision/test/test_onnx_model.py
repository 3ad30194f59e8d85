import cv2
import numpy as np
import pytest

from mmoment_vision.mtcnn_weights import Convolution, MaxPool, Network, PRelu
from mmoment_vision.onnx_model import OnnxGraph, onnx_bytes

RANDOM = np.random.default_rng(5)


def run(layers, pixels):
    """Through the written file, as the runtime reads it."""
    model = cv2.dnn.readNetFromONNX(
        np.frombuffer(onnx_bytes(Network('test', tuple(layers), 8)), np.uint8)
    )
    model.setInput(pixels)
    return model.forward()


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def test_convolution():
    weight, bias, pixels = floats(4, 3, 3, 3), floats(4), floats(2, 3, 8, 9)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(2, 3))
    expected = np.einsum('nchwij,ocij->nohw', windows, weight) + bias[:, None, None]
    assert run([Convolution(weight, bias)], pixels) == pytest.approx(expected, abs=1e-4)


def test_rectifier_has_a_slope_per_channel():
    pixels, slope = floats(1, 3, 4, 4), np.array([0.1, 0.5, 2.0], np.float32)
    expected = np.where(pixels > 0, pixels, pixels * slope[:, None, None])
    assert run([PRelu(slope)], pixels) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(('size', 'side'), [(2, 7), (3, 8), (2, 8), (3, 11)])
def test_last_window_of_pooling_hangs_over_the_edge(size, side):
    pixels = floats(1, 2, side, side)
    count = -(-(side - size) // 2) + 1
    expected = [
        [pixels[0, 0, 2 * y : 2 * y + size, 2 * x : 2 * x + size].max() for x in range(count)]
        for y in range(count)
    ]
    assert run([MaxPool(size)], pixels)[0, 0] == pytest.approx(np.array(expected))


def run_graph(graph, result, pixels):
    model = cv2.dnn.readNetFromONNX(np.frombuffer(graph.to_bytes(result), np.uint8))
    model.setInput(pixels)
    return model.forward()


def grouped_convolution(pixels, weight, bias, stride, edges, groups):
    top, left, bottom, right = edges
    pixels = np.pad(pixels, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(pixels, weight.shape[2:], axis=(2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1]]
    parts = [
        np.einsum('nchwij,ocij->nohw', part, kernel)
        for part, kernel in zip(
            np.split(windows, groups, axis=1), np.split(weight, groups), strict=True
        )
    ]
    return np.concatenate(parts, axis=1) + bias[:, None, None]


@pytest.mark.parametrize('pictures', [1, 3])
@pytest.mark.parametrize(
    ('stride', 'edges', 'groups'),
    [((1, 1), (0, 0, 0, 0), 1), ((2, 1), (1, 0, 2, 1), 1), ((2, 2), (1, 1, 1, 1), 2)],
)
def test_convolution_with_stride_edges_and_groups(pictures, stride, edges, groups):
    pixels, weight, bias = floats(pictures, 4, 9, 8), floats(6, 4 // groups, 3, 2), floats(6)
    graph = OnnxGraph('test', ('n', 4, 9, 8))
    result = graph.convolution(graph.input, weight, bias, stride, edges, groups)
    expected = grouped_convolution(pixels, weight, bias, stride, edges, groups)
    assert run_graph(graph, result, pixels) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize('pictures', [1, 3])
def test_branches_meet_again(pictures):
    pixels, factor = floats(pictures, 3, 6, 6), floats(3, 1, 1)
    graph = OnnxGraph('test', ('n', 3, 6, 6))
    positive = graph.relu(graph.input)
    scaled = graph.product(graph.product(positive, 0.25), factor)
    joined = graph.concatenation([graph.sum(graph.input, scaled), positive])
    rectified = np.maximum(pixels, 0)
    expected = np.concatenate([pixels + rectified * 0.25 * factor, rectified], axis=1)
    assert run_graph(graph, joined, pixels) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize('pictures', [1, 3])
def test_smaller_map_is_padded_with_zeros_before_a_sum(pictures):
    pixels = floats(pictures, 3, 8, 8)
    graph = OnnxGraph('test')
    small = graph.average_pool(graph.input, 2, 2)
    result = graph.padded(small, channels=2, edges=(0, 0, 1, 2))
    means = pixels.reshape(pictures, 3, 4, 2, 4, 2).mean(axis=(3, 5))
    expected = np.pad(means, ((0, 0), (0, 2), (0, 1), (0, 2)))
    assert run_graph(graph, result, pixels) == pytest.approx(expected, abs=1e-5)


def test_pooling_with_floor_leaves_the_rest_out():
    pixels = floats(2, 3, 8, 8)
    graph = OnnxGraph('test')
    result = run_graph(graph, graph.max_pool(graph.input, 3, 2), pixels)
    assert result.shape == (2, 3, 3, 3)
    assert result[1, 2, 2, 2] == pixels[1, 2, 4:7, 4:7].max()


def test_average_counts_no_zeros_of_the_edges():
    graph = OnnxGraph('test')
    result = graph.average_pool(graph.input, 3, 1, padding=1)
    ones = np.ones((1, 3, 4, 4), np.float32)
    assert run_graph(graph, result, ones) == pytest.approx(ones)


@pytest.mark.parametrize('pictures', [1, 3])
@pytest.mark.parametrize('has_bias', [True, False])
def test_head_of_a_network(pictures, has_bias):
    pixels, weight, bias = floats(pictures, 3, 5, 4), floats(7, 3), floats(7)
    graph = OnnxGraph('test')
    means = graph.global_average(graph.input)
    result = graph.flattened(graph.dense(means, weight, bias if has_bias else None))
    expected = pixels.mean(axis=(2, 3)) @ weight.T + (bias if has_bias else 0)
    assert run_graph(graph, result, pixels) == pytest.approx(expected, abs=1e-5)


def test_flattened_keeps_the_order():
    pixels = floats(3, 2, 4, 5)
    graph = OnnxGraph('test', ('n', 2, 4, 5))
    result = run_graph(graph, graph.flattened(graph.relu(graph.input)), pixels)
    assert result == pytest.approx(np.maximum(pixels, 0).reshape(3, -1))
