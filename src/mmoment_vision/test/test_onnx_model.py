import cv2
import numpy as np
import pytest

from mmoment_vision.mtcnn_weights import Convolution, MaxPool, Network, PRelu
from mmoment_vision.onnx_model import onnx_bytes

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
