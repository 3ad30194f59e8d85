import subprocess
import sys

import pytest

from mmoment_vision.face_embedding import EMBEDDERS, open_embedder
from mmoment_vision.mtcnn_runtime import DeviceError
from mmoment_vision.torch_weights import WeightsError


def test_auto_is_dlib_where_nothing_was_fetched(tmp_path):
    embedder = open_embedder('auto', 'cpu', tmp_path)
    assert embedder.model_id == 'dlib-resnet-2017'
    assert embedder.name == 'dlib (OpenCV, cpu)'
    assert embedder.dimension == 128
    assert embedder.decision.is_measured


def test_auto_is_facenet_where_its_weights_lie(tmp_path):
    from mmoment_vision.model_store import FACENET, path_of

    path_of(FACENET, tmp_path).write_bytes(b'not whole')
    # Damaged weights are a fault to be told: with dlib instead, nobody enrolled would be known.
    with pytest.raises(WeightsError, match='is damaged'):
        open_embedder('auto', 'cpu', tmp_path)


def test_facenet_without_weights_says_what_to_do(tmp_path):
    with pytest.raises(WeightsError, match=r'\./mmoment models fetch'):
        open_embedder('facenet', 'cpu', tmp_path)


@pytest.mark.parametrize('backend', ['arcface', 'none', ''])
def test_unknown_embedder_lists_the_choices(backend):
    with pytest.raises(ValueError, match='auto, facenet, dlib'):
        open_embedder(backend)


def test_unknown_device_lists_the_choices():
    with pytest.raises(ValueError, match='auto, cpu, cuda'):
        open_embedder('dlib', 'gpu')


def test_missing_cuda_says_what_to_do():
    torch = pytest.importorskip('torch')
    if torch.cuda.is_available():
        pytest.skip('this machine has a CUDA device')
    with pytest.raises(DeviceError, match='set device to cpu or auto'):
        open_embedder('dlib', 'cuda')


def test_none_is_a_choice_of_the_node():
    assert EMBEDDERS == ('auto', 'facenet', 'dlib', 'none')


def test_neither_dlib_nor_torch_comes_into_the_process(tmp_path):
    program = (
        'import sys; from pathlib import Path; from mmoment_vision.face_embedding import open_embedder;'
        "open_embedder('auto', 'cpu', Path(sys.argv[1]));"
        "unwanted = ('torch', 'dlib', '_dlib_pybind11', 'face_recognition_models', 'facenet_pytorch');"
        'print([name for name in unwanted if name in sys.modules])'
    )
    answer = subprocess.run(
        [sys.executable, '-c', program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == '[]'
