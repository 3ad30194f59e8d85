import os
from dataclasses import replace
from hashlib import sha256

import cv2
import numpy as np
import pytest

from mmoment_vision import model_store
from mmoment_vision.face_alignment import similarities
from mmoment_vision.face_detection import open_detector
from mmoment_vision.facenet_embedder import (
    FACE_SHAPE,
    INPUT_PX,
    SIDE_PX,
    find_weights,
    open_facenet,
)
from mmoment_vision.mtcnn_runtime import DeviceError
from mmoment_vision.torch_weights import WeightsError

POINTS = np.array([FACE_SHAPE.points], np.float32)


@pytest.fixture(scope='module')
def reference():
    pytest.importorskip('torch')
    return pytest.importorskip('facenet_reference')


@pytest.fixture(scope='module')
def model(reference):
    return reference.random_facenet()


@pytest.fixture(scope='module')
def weights(model, tmp_path_factory):
    """Made-up weights, for which the table of models is changed."""
    import torch

    path = tmp_path_factory.mktemp('weights') / model_store.FACENET.file_name
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)
    with pytest.MonkeyPatch.context() as patch:
        size_bytes, digest = path.stat().st_size, sha256(path.read_bytes()).hexdigest()
        made_up = replace(model_store.FACENET, size_bytes=size_bytes, sha256=digest)
        patch.setattr(model_store, 'FACENET', made_up)
        yield path
    path.unlink()


@pytest.fixture(scope='module')
def embedder(weights):
    return open_facenet(weights, 'cpu')


def test_embedder_says_what_it_is(embedder):
    assert embedder.model_id == 'facenet-vggface2-2018'
    assert embedder.dimension == 512
    assert embedder.name == 'FaceNet (VGGFace2) (OpenCV, cpu; default threshold not measured)'
    assert 0.5 < embedder.decision.threshold < 1
    assert not embedder.decision.is_measured


def test_face_in_place_is_pressed_to_a_square_and_embedded(embedder, reference, model):
    picture = reference.pictures(1, seed=3, side=SIDE_PX)[0]
    edge = (SIDE_PX - INPUT_PX) // 2
    cut = picture[:, edge : edge + INPUT_PX]
    square = cv2.resize(cut, (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA)
    expected = reference.embeddings(model, square[None])
    assert embedder.embed(picture, POINTS) == pytest.approx(expected, abs=1e-4)


def test_turned_and_larger_face_gives_nearly_the_same(embedder, reference):
    picture = cv2.GaussianBlur(reference.pictures(1, seed=3, side=SIDE_PX)[0], (0, 0), 3)
    turn = cv2.getRotationMatrix2D((100, 100), 25, 1.7)
    turn[:, 2] += 120, 140
    turned = cv2.warpAffine(picture, turn, (480, 480), borderMode=cv2.BORDER_REPLICATE)
    points = (POINTS[0] @ turn[:, :2].T + turn[:, 2]).astype(np.float32)[None]
    upright, found = embedder.embed(picture, POINTS), embedder.embed(turned, points)
    elsewhere = embedder.embed(turned, points + np.float32(90))
    assert (upright * found).sum() > 0.98
    assert (upright * elsewhere).sum() < 0.95


def test_every_face_of_a_large_batch_has_its_row_of_length_1(embedder, reference):
    picture = reference.pictures(1, seed=4, side=480)[0]
    shifts = np.arange(10, dtype=np.float32)[:, None, None] * 20
    found = embedder.embed(picture, POINTS + shifts)
    assert found.shape == (10, 512)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    alone = embedder.embed(picture, POINTS + shifts[9:])
    assert found[9] == pytest.approx(alone[0], abs=1e-4)


def test_no_face_gives_no_row(embedder):
    assert embedder.embed(np.zeros((9, 9, 3), np.uint8), POINTS[:0]).shape == (0, 512)


def test_weights_are_found_in_the_folder_of_models(tmp_path, monkeypatch):
    monkeypatch.setenv('MMOMENT_MODELS', str(tmp_path))
    assert find_weights() is None
    path = tmp_path / '20180402-114759-vggface2.pt'
    path.touch()
    assert find_weights() == path
    assert find_weights(tmp_path / 'other') is None


def test_damaged_weights_say_how_to_get_whole_ones(tmp_path):
    path = tmp_path / 'facenet.pt'
    path.write_bytes(b'half of it')
    with pytest.raises(WeightsError, match=r'10 bytes instead of .*: ./mmoment models fetch'):
        open_facenet(path, 'cpu')


def test_weights_of_right_size_with_one_wrong_byte_are_refused(weights):
    with weights.open('r+b') as file:
        file.seek(50_000_000)
        byte = file.read(1)
        file.seek(50_000_000)
        file.write(bytes([byte[0] ^ 1]))
    try:
        with pytest.raises(WeightsError, match=r'damaged \(SHA-256 '):
            open_facenet(weights, 'cpu')
    finally:
        with weights.open('r+b') as file:
            file.seek(50_000_000)
            file.write(byte)


def test_weights_that_went_away_are_told(tmp_path):
    with pytest.raises(WeightsError, match=r'cannot be read \(No such file'):
        open_facenet(tmp_path / 'none.pt', 'cpu')


def test_missing_cuda_is_told(weights):
    torch = pytest.importorskip('torch')
    if torch.cuda.is_available() or os.path.exists('/dev/nvidia0'):
        pytest.skip('this machine has a CUDA device')
    with pytest.raises(DeviceError, match='set device to cpu or auto'):
        open_facenet(weights, 'cuda')


def test_faces_are_framed_as_the_network_learned_them(media):
    """Against the box with a margin of 14 pixels that facenet-pytorch cuts out."""
    detector = open_detector('mtcnn', 'cpu')
    shares = []
    for path in sorted((media / 'faces').glob('*.jpg')):
        found = detector.detect(cv2.imread(str(path)))
        matrices = similarities(found.landmarks, FACE_SHAPE)
        for box, matrix in zip(found.boxes, matrices, strict=True):
            inverse = cv2.invertAffineTransform(matrix)
            middle = inverse @ [SIDE_PX / 2, SIDE_PX / 2, 1]
            size = np.hypot(*inverse[:, 0]) * np.array([INPUT_PX, SIDE_PX])
            ours = np.concatenate([middle - size / 2, middle + size / 2])
            margin = (box[2:] - box[:2]) * 14 / 146 / 2
            theirs = np.concatenate([box[:2] - margin, box[2:] + margin])
            shares.append(shared(ours, theirs))
    assert len(shares) >= 13
    assert np.median(shares) > 0.8


def shared(first, second):
    """Intersection over union."""
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    common = np.maximum(sides, 0).prod()
    return common / ((first[2:] - first[:2]).prod() + (second[2:] - second[:2]).prod() - common)
