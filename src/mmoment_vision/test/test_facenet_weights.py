"""Our graph against facenet-pytorch's module, by way of a file that torch wrote."""

import numpy as np
import pytest

from mmoment_vision.facenet_weights import facenet_graph, load_graph
from mmoment_vision.graph_runtime import OpenCvGraph, TorchGraph
from mmoment_vision.torch_weights import WeightsError


@pytest.fixture(scope='module')
def reference():
    pytest.importorskip('torch')
    return pytest.importorskip('facenet_reference')


@pytest.fixture(scope='module')
def model(reference):
    return reference.random_facenet()


@pytest.fixture(scope='module')
def graph(model, tmp_path_factory):
    import torch

    path = tmp_path_factory.mktemp('weights') / 'facenet.pt'
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)
    yield load_graph(path)
    # A hundred megabytes are not left behind.
    path.unlink()


def unit(values):
    rows = values.reshape(len(values), -1)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize('count', [1, 4])
@pytest.mark.parametrize('runtime', ['opencv', 'torch'])
def test_embeddings_are_those_of_facenet_pytorch(reference, model, graph, runtime, count):
    run = OpenCvGraph(*graph) if runtime == 'opencv' else TorchGraph(*graph, 'cpu')
    pixels = reference.pictures(count, seed=2)

    ours, theirs = unit(run(pixels)), reference.embeddings(model, pixels)

    assert ours.shape == (count, 512)
    assert (ours * theirs).sum(axis=1).min() >= 0.9999
    assert np.abs(ours - theirs).max() <= 1e-4


def test_reference_tells_pictures_apart(reference, model):
    """Else the comparison above would hold for almost any network."""
    found = reference.embeddings(model, reference.pictures(4, seed=2))
    others = found @ found.T - np.eye(4)
    assert others.max() < 0.95


def test_classes_of_the_training_are_not_needed(model):
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    state['logits.weight'] = np.zeros((3, 512), np.float32)
    graph, _ = facenet_graph(state)
    assert not any(len(array) == 3 for array in graph.constants.values())


def test_weights_of_another_network_are_refused(tmp_path):
    torch = pytest.importorskip('torch')
    path = tmp_path / 'other.pt'
    torch.save({'features.weight': torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r'other\.pt lacks .conv2d_1a\.conv\.weight'):
        load_graph(path)


def test_file_that_holds_no_weights_is_refused(tmp_path):
    path = tmp_path / 'text.pt'
    path.write_text('not found')
    with pytest.raises(WeightsError, match=r'text\.pt is not a weight file'):
        load_graph(path)
