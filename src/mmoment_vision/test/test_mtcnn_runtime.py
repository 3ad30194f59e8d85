import subprocess
import sys

import numpy as np
import pytest

from mmoment_vision.mtcnn_runtime import DeviceError, OpenCvRuntime, TorchRuntime, open_runtime
from mmoment_vision.mtcnn_weights import load_networks


@pytest.mark.parametrize('name', ['proposal', 'refinement', 'output'])
def test_runtimes_agree(name):
    pytest.importorskip('torch')
    network = getattr(load_networks(), name)
    side = network.input_px
    pixels = np.random.default_rng(1).integers(0, 255, (3, side, side, 3)).astype(np.uint8)
    by_opencv = OpenCvRuntime().runner(network)(pixels)
    by_torch = TorchRuntime('cpu').runner(network)(pixels)
    assert by_opencv.shape == by_torch.shape
    assert by_opencv == pytest.approx(by_torch, abs=2e-3)


def test_unknown_device_lists_the_choices():
    with pytest.raises(ValueError, match='auto, cpu, cuda'):
        open_runtime('gpu')


def test_missing_cuda_says_what_to_do():
    torch = pytest.importorskip('torch')
    if torch.cuda.is_available():
        pytest.skip('this machine has a CUDA device')
    with pytest.raises(DeviceError, match='set device to cpu or auto'):
        open_runtime('cuda')


def test_torch_stays_out_of_the_process_on_a_cpu():
    program = (
        'import sys; from mmoment_vision.face_detection import open_detector;'
        "open_detector('mtcnn', 'cpu'); print([m for m in sys.modules if m.startswith('torch')])"
    )
    answer = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == '[]'
