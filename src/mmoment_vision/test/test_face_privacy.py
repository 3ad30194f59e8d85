import cv2
import numpy as np
import pytest

from mmoment_vision.face_boxes import overlaps
from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_privacy import blur_faces, blur_picture, head_boxes
from mmoment_vision.mtcnn import MtcnnSettings

FACE = (120.0, 100.0, 180.0, 180.0)


def noise(height=300, width=400):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def blurred(faces, picture=None):
    """The picture with the heads of `faces` blurred, and which pixels that changed."""
    picture = noise() if picture is None else picture
    before = picture.copy()
    blur_faces(picture, np.array(faces, np.float32))
    return picture, (picture != before).any(axis=2)


def fine_detail(part):
    """Mean step from a pixel to the next one, grey levels."""
    return float(np.abs(np.diff(part.astype(int), axis=1)).mean())


def test_the_whole_box_of_the_face_is_covered_with_hair_ears_and_chin():
    _, changed = blurred([FACE])
    # A few pixels of noise stay as they were by chance.
    assert changed[100:180, 120:180].mean() > 0.98
    left, top, right, bottom = head_boxes(np.array([FACE]))[0].astype(int)
    assert (left, top) < (120 - 15, 100 - 30)
    assert right > 180 + 15
    assert bottom > 180 + 15
    assert changed[top + 2 : top + 6, 145:155].mean() > 0.9
    assert changed[135:145, left + 2 : left + 6].mean() > 0.9


def test_what_is_not_near_the_head_stays_as_it_was():
    _, changed = blurred([FACE])
    left, top, right, bottom = head_boxes(np.array([FACE]))[0]
    rows, columns = np.nonzero(changed)
    assert left - 1 <= columns.min() <= columns.max() <= right + 1
    assert top - 1 <= rows.min() <= rows.max() <= bottom + 1


def test_detail_is_gone_whatever_the_size_of_the_face():
    for face in ((20, 20, 32, 36), FACE, (60, 60, 300, 280)):
        picture, _ = blurred([face])
        left, top, right, bottom = np.array(face, int)
        before = fine_detail(noise()[top:bottom, left:right])
        # The finest thing that is left is a third of the face.
        limit = before * 3 / (right - left)
        assert fine_detail(picture[top:bottom, left:right]) < limit


def test_two_faces_that_differ_in_detail_only_look_the_same_afterwards():
    rows, columns = np.mgrid[:300, :400]
    pictures = [np.full((300, 400, 3), 110, np.uint8) for _ in range(2)]
    pictures[0][(rows // 2 + columns // 2) % 2 == 0] = 130
    pictures[1][(rows // 2) % 2 == 0] = 130
    after = [blurred([FACE], picture)[0][100:180, 120:180] for picture in pictures]
    np.testing.assert_array_equal(after[0], after[1])


@pytest.mark.parametrize(
    'face',
    [
        (-30, -40, 30, 40),
        (380, 280, 440, 340),
        (-500, -500, 900, 900),
        (395, 120, 470, 200),
    ],
)
def test_heads_over_the_edge_are_covered_as_far_as_they_are_in_the_picture(face):
    _, changed = blurred([face])
    left, top, right, bottom = np.clip(np.array(face), 0, (400, 300, 400, 300))
    assert changed[top:bottom, left:right].mean() > 0.98


def test_boxes_without_an_area_or_outside_the_picture_change_nothing():
    _, changed = blurred([(50, 50, 50, 50), (500, 500, 560, 560), (90, 90, 80, 80)])
    assert not changed.any()
    assert not blurred(np.empty((0, 4)))[1].any()


def test_a_box_that_is_none_is_refused_before_anything_is_left_uncovered():
    with pytest.raises(ValueError, match='no number'):
        blurred([FACE, (np.nan, 0, 10, 10)])


def test_the_whole_picture_keeps_no_detail():
    picture = noise()
    blur_picture(picture)
    assert fine_detail(picture) < fine_detail(noise()) / 100
    assert len(np.unique(picture[::40, ::40].reshape(-1, 3), axis=0)) > 1


def test_a_slice_of_a_larger_picture_is_blurred_in_place():
    large = noise(600, 800)
    before = large.copy()
    part = large[100:400, 200:600]
    blur_faces(part, np.array([FACE], np.float32))
    assert (large[200:280, 320:380] != before[200:280, 320:380]).any(axis=2).mean() > 0.98
    np.testing.assert_array_equal(large[:, :200], before[:, :200])


PORTRAITS = ('obama-1.jpg', 'obama-2.jpg', 'biden-1.jpg', 'biden-2.jpg', 'two-people.jpg')


@pytest.fixture(scope='module')
def portraits(media):
    """Pictures of people, as (picture, its faces)."""
    detector = open_detector('auto', 'cpu', MtcnnSettings(min_face_px=60.0))
    pictures = [cv2.imread(str(media / 'faces' / name)) for name in PORTRAITS]
    found = [(picture, detector.detect(picture)) for picture in pictures]
    assert all(len(faces) for _, faces in found)
    return detector, found


def test_a_detector_finds_no_face_where_one_was_blurred(portraits):
    detector, found = portraits
    for picture, faces in found:
        hidden = picture.copy()
        blur_faces(hidden, faces.boxes)
        left = detector.detect(hidden)
        assert not (overlaps(left.boxes, faces.boxes) > 0.2).any()


def test_an_embedder_does_not_recognise_who_was_blurred(portraits):
    embedding = pytest.importorskip('mmoment_vision.face_embedding')
    embedder = embedding.open_embedder('dlib', 'cpu')
    for picture, faces in portraits[1]:
        hidden, whole = picture.copy(), picture.copy()
        blur_faces(hidden, faces.boxes)
        blur_picture(whole)
        before = embedder.embed(picture, faces.landmarks)
        for after in (hidden, whole):
            # As if the attacker knew exactly where eyes, nose and mouth were.
            similarity = (before * embedder.embed(after, faces.landmarks)).sum(axis=1)
            assert similarity.max() < embedder.decision.threshold / 2
