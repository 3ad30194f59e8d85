import cv2
import numpy as np
import pytest

from mmoment_vision import mtcnn_weights
from mmoment_vision.face_boxes import overlaps
from mmoment_vision.face_detection import HaarDetector, detect_in_part, open_detector
from mmoment_vision.mtcnn_weights import WeightsError


@pytest.fixture
def group(media):
    picture = cv2.imread(str(media / 'faces' / 'multiface.jpg'))
    return cv2.resize(picture, (800, 420), interpolation=cv2.INTER_AREA)


def test_haar_finds_the_faces_of_a_group(group):
    haar, mtcnn = open_detector('haar').detect(group), open_detector('mtcnn', 'cpu').detect(group)
    assert overlaps(mtcnn.boxes, haar.boxes).max(axis=1).min() > 0.5
    assert ((haar.scores > 0) & (haar.scores <= 1)).all()
    assert not haar.landmarks.any()


def test_haar_respects_the_smallest_face(group):
    assert len(HaarDetector(min_face_px=300).detect(group)) == 0


def test_region_is_searched_alone_and_in_coordinates_of_the_whole(group):
    detector = open_detector('mtcnn', 'cpu')
    whole = detector.detect(group)
    middle = np.array([250, 0, 800, 420], np.float32)
    part = detect_in_part(detector, group[:, 250:], middle)
    assert 0 < len(part) < len(whole)
    assert overlaps(part.boxes, whole.boxes).max(axis=1).min() > 0.7
    assert (part.landmarks[:, :, 0] > 250).all()


def test_auto_prefers_mtcnn():
    assert open_detector('auto', 'cpu').name.startswith('mtcnn')


def test_auto_falls_back_to_haar_without_weights(monkeypatch):
    monkeypatch.setattr(mtcnn_weights.importlib.util, 'find_spec', lambda name: None)
    assert open_detector('auto', 'cpu').name.startswith('haar')


def test_mtcnn_without_weights_says_what_to_install(monkeypatch):
    monkeypatch.setattr(mtcnn_weights.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(WeightsError, match='pip install --no-deps facenet-pytorch'):
        open_detector('mtcnn', 'cpu')


def test_unknown_backend_lists_the_choices():
    with pytest.raises(ValueError, match='auto, mtcnn, haar'):
        open_detector('dlib')
