import cv2
import numpy as np
import pytest
from head_model import FLAT_FACE, HEAD, projected

from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_pose import (
    eye_distance,
    has_landmarks,
    head_pose,
    nose_shift,
    turn_degrees,
    upright,
)

FRONTAL = ('biden-1.jpg', 'biden-2.jpg', 'obama-1.jpg', 'obama-2.jpg')


@pytest.fixture(scope='module')
def detector():
    return open_detector('mtcnn', 'cpu')


def largest(detector, picture):
    faces = detector.detect(picture)
    return faces.landmarks[np.argmax(faces.boxes[:, 2] - faces.boxes[:, 0])]


def angles(landmarks):
    pose = head_pose(landmarks)
    return np.array([pose.yaw, pose.pitch, pose.roll])


@pytest.mark.parametrize('yaw', [-60, -30, -10, 0, 10, 30, 60])
@pytest.mark.parametrize('pitch', [-20, 0, 20])
@pytest.mark.parametrize('roll', [-30, 0, 30])
def test_known_turns_of_an_average_head_seen_from_afar(yaw, pitch, roll):
    found = angles(projected(HEAD, yaw, pitch, roll, distance=1000))
    assert np.abs(found - [yaw, pitch, roll]).max() < 1.0


def test_perspective_of_a_near_camera_costs_little():
    # 8 eye distances: half a metre
    for yaw in (-30, 0, 30):
        assert abs(angles(projected(HEAD, yaw, 0, 0, distance=8))[0] - yaw) < 4


def test_heads_that_are_not_average_are_off_by_some_degrees():
    random = np.random.default_rng(5)
    errors = []
    for _ in range(200):
        head = HEAD.copy()
        head[2, 1:] *= random.normal(1, [0.08, 0.15])
        head[3:, :2] *= random.normal(1, [0.12, 0.08])
        truth = [random.uniform(-40, 40), random.uniform(-20, 20), random.uniform(-20, 20)]
        points = projected(head, *truth, distance=20) + random.normal(0, 0.6, (5, 2))
        errors.append(angles(points) - truth)
    yaw, pitch, roll = np.sqrt(np.mean(np.square(errors), axis=0))
    assert yaw < 5
    assert pitch < 10
    assert roll < 4


def test_place_and_size_do_not_matter():
    points = projected(HEAD, 25, 10, 5)
    assert np.allclose(angles(points), angles(points * 7 + [300, -40]), atol=0.01)


def test_without_points_there_is_no_pose():
    assert not has_landmarks(np.zeros((5, 2), np.float32))
    with pytest.raises(ValueError, match='five points'):
        head_pose(np.zeros((5, 2), np.float32))


def test_upright_takes_out_place_size_and_roll():
    level = upright(projected(HEAD, 20, 5, 0))
    assert np.allclose(level[:2], [[-0.5, 0], [0.5, 0]])
    moved = projected(HEAD, 20, 5, 40) * 3 + 200
    assert np.allclose(upright(moved), level, atol=1e-3)
    assert eye_distance(moved) == pytest.approx(
        3 * eye_distance(projected(HEAD, 20, 5, 0)), rel=0.01
    )


@pytest.mark.parametrize(('yaw', 'pitch'), [(30, 0), (-30, 0), (0, 15), (0, -15), (20, 10)])
def test_nose_shift_tells_the_turn_of_a_real_head(yaw, pitch):
    shift = nose_shift(upright(projected(HEAD, 0, 0, 0)), projected(HEAD, yaw, pitch, 12))
    to_left, upwards = turn_degrees(shift)
    assert abs(to_left - yaw) < 4
    assert abs(upwards - pitch) < 4


@pytest.mark.parametrize('distance', [5, 8, 20])
@pytest.mark.parametrize(('yaw', 'pitch'), [(25, 0), (-60, 0), (0, 25), (0, -40), (30, 20)])
def test_nose_of_a_flat_picture_stays_where_it_is(distance, yaw, pitch):
    reference = upright(projected(FLAT_FACE, 0, 0, 0, distance))
    tilted = projected(FLAT_FACE, yaw, pitch, 30, distance) * 1.7 + 50
    assert np.abs(nose_shift(reference, tilted)).max() < 0.04


@pytest.mark.parametrize('name', FRONTAL)
def test_real_frontal_faces(media, detector, name):
    yaw, pitch, roll = angles(largest(detector, cv2.imread(str(media / 'faces' / name))))
    assert abs(yaw) < 20
    assert abs(pitch) < 20
    assert abs(roll) < 20


@pytest.mark.parametrize('name', FRONTAL)
def test_mirrored_picture_is_turned_the_other_way(media, detector, name):
    picture = cv2.imread(str(media / 'faces' / name))
    seen = angles(largest(detector, picture))
    mirrored = angles(largest(detector, np.ascontiguousarray(picture[:, ::-1])))
    assert np.abs(mirrored - seen * [-1, 1, -1]).max() < 6


def test_turned_picture_has_another_roll_and_the_same_yaw(media, detector):
    picture = cv2.imread(str(media / 'faces' / 'biden-2.jpg'))
    seen = angles(largest(detector, picture))
    middle = (picture.shape[1] / 2, picture.shape[0] / 2)
    # OpenCV turns anticlockwise: to the person's right shoulder.
    turn = cv2.getRotationMatrix2D(middle, 20, 1.0)
    turned = angles(largest(detector, cv2.warpAffine(picture, turn, picture.shape[1::-1])))
    yaw, _, roll = turned - seen
    assert abs(yaw) < 5
    assert abs(roll + 20) < 5
