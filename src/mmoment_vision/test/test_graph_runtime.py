import numpy as np
import pytest

from mmoment_vision.graph_runtime import OpenCvGraph, TorchGraph, open_graph
from mmoment_vision.mtcnn_runtime import DeviceError
from mmoment_vision.onnx_model import OnnxGraph

RANDOM = np.random.default_rng(8)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def graph_of_every_operation():
    """Small, with each operation that a graph can have."""
    graph = OnnxGraph('every', ('n', 3, 16, 16))
    first = graph.convolution(graph.input, floats(4, 3, 3, 3) / 255, floats(4), 2, (1, 1, 1, 1))
    grouped = graph.convolution(first, floats(4, 2, 3, 1), None, 1, (1, 0, 1, 0), groups=2)
    bent = graph.prelu(grouped, np.array([0.1, 0.2, 0.3, 0.4], np.float32))
    joined = graph.sum(graph.relu(first), graph.product(bent, 0.3))
    largest = graph.max_pool(joined, 3, 2, padding=1)
    hanging = graph.max_pool(joined, 3, 2, hangs_over=True)
    means = graph.average_pool(joined, 3, 2, padding=1)
    extended = graph.padded(graph.average_pool(joined, 4, 2), channels=1, edges=(0, 0, 1, 1))
    together = graph.concatenation([largest, hanging, means, extended])
    head = graph.dense(graph.global_average(together), floats(6, 17), floats(6))
    return graph, graph.flattened(head)


@pytest.mark.parametrize('pictures', [1, 3])
def test_runtimes_agree(pictures):
    pytest.importorskip('torch')
    graph, result = graph_of_every_operation()
    pixels = RANDOM.integers(0, 255, (pictures, 16, 16, 3)).astype(np.uint8)
    by_opencv = OpenCvGraph(graph, result)(pixels)
    by_torch = TorchGraph(graph, result, 'cpu')(pixels)
    assert by_opencv.shape == (pictures, 6)
    assert by_opencv == pytest.approx(by_torch, abs=1e-4)


def test_number_of_pictures_may_change():
    runner = OpenCvGraph(*graph_of_every_operation())
    pixels = RANDOM.integers(0, 255, (4, 16, 16, 3)).astype(np.uint8)
    together = runner(pixels)
    assert runner(pixels[:1]) == pytest.approx(together[:1], abs=1e-4)
    assert runner(pixels[1:]) == pytest.approx(together[1:], abs=1e-4)


def test_results_are_kept_when_it_runs_again():
    runner = OpenCvGraph(*graph_of_every_operation())
    pixels = RANDOM.integers(0, 255, (2, 16, 16, 3)).astype(np.uint8)
    first = runner(pixels[:1])
    kept = first.copy()
    runner(pixels[1:])
    assert (first == kept).all()


def test_devices_are_those_of_the_detector():
    graph, result = graph_of_every_operation()
    assert open_graph(graph, result, 'cpu').name == 'OpenCV, cpu'
    with pytest.raises(ValueError, match='auto, cpu, cuda'):
        open_graph(graph, result, 'gpu')


def test_missing_cuda_says_what_to_do():
    torch = pytest.importorskip('torch')
    if torch.cuda.is_available():
        pytest.skip('this machine has a CUDA device')
    with pytest.raises(DeviceError, match='set device to cpu or auto'):
        open_graph(*graph_of_every_operation(), 'cuda')
