"""Our cascade against facenet-pytorch's, on real pictures."""

import cv2
import numpy as np
import pytest

from mmoment_vision.face_boxes import overlaps
from mmoment_vision.mtcnn import Mtcnn, MtcnnSettings, pyramid_scales
from mmoment_vision.mtcnn_runtime import open_runtime
from mmoment_vision.mtcnn_weights import load_networks

PICTURES = ('multiface.jpg', 'obama-and-biden.jpg', 'biden-2.jpg', 'obama-partial.jpg')
SIDE_PX = 700


def mtcnn(**settings):
    return Mtcnn(load_networks(), open_runtime('cpu'), MtcnnSettings(**settings))


def read(media, name):
    picture = cv2.imread(str(media / 'faces' / name))
    scale = SIDE_PX / max(picture.shape)
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope='module')
def original():
    try:
        from bench.facenet import import_facenet

        facenet = import_facenet()
    except ImportError as error:
        pytest.skip(f'facenet-pytorch cannot be imported: {error}')
    return facenet.MTCNN(keep_all=True, min_face_size=40)


@pytest.mark.parametrize('name', PICTURES)
def test_same_faces_as_facenet_pytorch(media, original, name):
    picture = read(media, name)
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    boxes, scores, landmarks = original.detect(rgb, landmarks=True)
    ours = mtcnn(proposal_threshold=0.6).detect(picture)
    table = overlaps(np.asarray(boxes, np.float32), ours.boxes)
    assert len(ours) == len(boxes)
    assert table.max(axis=1).min() > 0.8
    matched = table.argmax(axis=1)
    assert ours.scores[matched] == pytest.approx(np.asarray(scores, float), abs=0.1)
    widths = (boxes[:, 2] - boxes[:, 0])[:, None, None].astype(float)
    apart = np.abs(ours.landmarks[matched] - landmarks.astype(float)) / widths
    assert apart.max() < 0.1


def test_fast_defaults_find_the_group(media):
    assert len(mtcnn().detect(read(media, 'multiface.jpg'))) == 6


def test_landmarks_are_eyes_nose_and_mouth_in_order(media):
    face = mtcnn().detect(read(media, 'biden-2.jpg'))
    left_of_picture, right_of_picture, nose, mouth_left, mouth_right = face.landmarks[0]
    assert left_of_picture[0] < nose[0] < right_of_picture[0]
    assert mouth_left[0] < mouth_right[0]
    assert left_of_picture[1] < nose[1] < mouth_left[1]


def test_measurement_pulls_a_misplaced_box_onto_the_face(media):
    picture = read(media, 'biden-2.jpg')
    detector = mtcnn()
    truth = detector.detect(picture).boxes
    shift = 0.12 * (truth[0, 2] - truth[0, 0])
    misplaced = truth + np.array([shift, -shift, shift, -shift], np.float32)
    measured = detector.measure(picture, misplaced)
    assert measured.scores[0] > 0.9
    assert overlaps(measured.boxes, truth)[0, 0] > overlaps(misplaced, truth)[0, 0]
    assert overlaps(measured.boxes, truth)[0, 0] > 0.8


def test_measurement_scores_an_empty_place_low(media):
    picture = read(media, 'biden-2.jpg')
    assert mtcnn().measure(picture, np.array([[5, 5, 65, 75]], np.float32)).scores[0] < 0.4


@pytest.mark.parametrize('shape', [(1, 1), (11, 400), (1080, 1920)])
def test_picture_without_a_face(shape):
    assert len(mtcnn().detect(np.full((*shape, 3), 127, np.uint8))) == 0


def test_box_across_the_edge_can_be_measured(media):
    picture = read(media, 'biden-2.jpg')
    boxes = np.array([[-50, -50, 40, 40], [690, 690, 900, 900], [-90, 5, -10, 80]], np.float32)
    assert len(mtcnn().measure(picture, boxes)) == 3


def test_smaller_faces_need_a_larger_pyramid():
    small = pyramid_scales(1080, 1920, MtcnnSettings(min_face_px=20))
    large = pyramid_scales(1080, 1920, MtcnnSettings(min_face_px=80))
    assert len(small) > len(large)
    assert small[0] == pytest.approx(0.6)
    assert pyramid_scales(30, 30, MtcnnSettings(min_face_px=40)) == []


def test_known_faces_are_passed_over(media):
    picture = read(media, 'multiface.jpg')
    detector = mtcnn()
    everybody = detector.detect(picture)
    others = detector.detect(picture, known=everybody.boxes[:4])
    assert len(others) == 2
    assert overlaps(others.boxes, everybody.boxes[4:]).max(axis=1).min() > 0.7
    assert len(detector.detect(picture, known=everybody.boxes, looks_at_known=2)) == 6
