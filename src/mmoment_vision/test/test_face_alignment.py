import cv2
import numpy as np
import pytest

from mmoment_vision.face_alignment import FaceShape, aligned, aligned_faces, similarities

SHAPE = FaceShape(120, ((40, 45), (80, 45), (60, 66), (44, 88), (76, 88)))
WANTED = np.array(SHAPE.points, np.float32)


def moved(points, degrees, scale, shift):
    """Points turned, scaled and shifted."""
    turn = np.radians(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (points @ matrix.T + shift).astype(np.float32)


def mapped(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def dotted_picture(points, size, radius):
    """White picture with a dot of its own grey at each point."""
    picture = np.full((size, size, 3), 255, np.uint8)
    for number, point in enumerate(points):
        centre = tuple(round(value * 16) for value in point.tolist())
        cv2.circle(picture, centre, radius * 16, (40 * number,) * 3, -1, cv2.LINE_AA, 4)
    return picture


@pytest.mark.parametrize('degrees', [0, 25, -70, 180])
@pytest.mark.parametrize('scale', [0.3, 1.0, 4.0])
def test_turned_and_scaled_points_come_to_their_places(degrees, scale):
    landmarks = moved(WANTED, degrees, scale, (310, 190))
    matrix = similarities(landmarks[None], SHAPE)[0]
    assert mapped(matrix, landmarks) == pytest.approx(WANTED, abs=1e-3)


def test_squared_distances_are_smallest():
    random = np.random.default_rng(3)
    landmarks = moved(WANTED, 12, 1.7, (50, 20)) + random.normal(0, 3, (5, 2)).astype(np.float32)
    best = similarities(landmarks[None], SHAPE)[0]
    error = np.square(mapped(best, landmarks) - WANTED).sum()
    for degrees, scale, shift in [(1, 1, 0), (-1, 1, 0), (0, 1.02, 0), (0, 0.98, 0), (0, 1, 0.5)]:
        other = moved(mapped(best, landmarks) - WANTED.mean(0), degrees, scale, shift)
        assert np.square(other + WANTED.mean(0) - WANTED).sum() > error


def test_a_mirrored_face_is_not_mirrored_back():
    mirrored = WANTED * [-1, 1]
    matrix = similarities(mirrored[None].astype(np.float32), SHAPE)[0]
    assert np.linalg.det(matrix[:, :2]) > 0


# Larger ones are shrunk first: by 2, 3 and 7.
@pytest.mark.parametrize('scale', [0.5, 1.0, 1.9, 2.5, 3.1, 7.6])
def test_dots_of_a_picture_come_to_their_places(scale):
    landmarks = moved(WANTED, 20, scale, (250 * scale / 2, 60 * scale / 2))
    picture = dotted_picture(landmarks, round(400 * max(scale, 1)), max(2, round(5 * scale)))
    face = aligned(picture, landmarks, SHAPE)
    assert face.shape == (120, 120, 3)
    for number, (x, y) in enumerate(SHAPE.points):
        part = 255.0 - face[y - 12 : y + 13, x - 12 : x + 13, 0]
        rows, columns = np.mgrid[-12:13, -12:13]
        middle = (rows * part).sum() / part.sum(), (columns * part).sum() / part.sum()
        assert middle == pytest.approx((0, 0), abs=0.15)
        assert face[y, x, 0] == pytest.approx(40 * number, abs=12)


def test_fine_grain_of_a_large_face_becomes_its_mean():
    picture = np.zeros((1200, 1200, 3), np.uint8)
    picture[::2, ::2] = picture[1::2, 1::2] = 200
    face = aligned(picture, moved(WANTED, 0, 8, (50, 50)), SHAPE)
    assert face.min() > 90
    assert face.max() < 110


@pytest.mark.parametrize('scale', [1.0, 3.0])
def test_the_edge_of_the_picture_goes_on(scale):
    picture = np.full((300, 300, 3), 90, np.uint8)
    assert (aligned(picture, moved(WANTED, 0, scale, (-60, -40)), SHAPE) == 90).all()


def test_a_face_out_of_the_picture_is_no_fault():
    picture = np.full((50, 50, 3), 90, np.uint8)
    face = aligned(picture, moved(WANTED, 0, 3.0, (5000, 5000)), SHAPE)
    assert face.shape == (120, 120, 3)


def test_several_faces_are_as_each_alone():
    picture = np.random.default_rng(1).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    landmarks = np.stack([moved(WANTED, 5, 1, (10, 20)), moved(WANTED, -30, 2.2, (60, 110))])
    faces = aligned_faces(picture, landmarks, SHAPE)
    assert (faces[1] == aligned(picture, landmarks[1], SHAPE)).all()
    assert (faces[0] == aligned(picture, landmarks[0], SHAPE)).all()
    assert aligned_faces(picture, landmarks[:0], SHAPE).shape == (0, 120, 120, 3)


@pytest.mark.parametrize(
    'landmarks',
    [np.zeros((5, 2)), np.full((5, 2), 70.0), np.full((5, 2), np.nan), WANTED * [np.inf, 1]],
)
def test_points_without_a_face_are_refused(landmarks):
    picture = np.zeros((100, 100, 3), np.uint8)
    with pytest.raises(ValueError, match='the detector gave none'):
        aligned(picture, landmarks.astype(np.float32), SHAPE)
