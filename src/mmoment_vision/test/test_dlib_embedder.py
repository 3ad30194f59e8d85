import cv2
import numpy as np
import pytest

from mmoment_vision.dlib_embedder import FACE_SHAPE, MODEL, blotches, open_dlib
from mmoment_vision.face_detection import open_detector


@pytest.fixture(scope='module')
def embedder():
    return open_dlib('cpu')


@pytest.fixture(scope='module')
def detector():
    return open_detector('mtcnn', 'cpu')


@pytest.fixture
def people(media, detector, embedder):
    """Embeddings by name of the picture, the person on the left first."""

    def embedded(name):
        picture = cv2.imread(str(media / 'faces' / f'{name}.jpg'))
        found = detector.detect(picture)
        found = found.chosen(found.scores > 0.9)
        found = found.chosen(np.argsort(found.boxes[:, 0]))
        return embedder.embed(picture, found.landmarks)

    return embedded


def test_same_person_is_nearer_than_others(people, embedder):
    names = ('obama-1', 'obama-2', 'obama-3', 'biden-1', 'biden-2')
    faces = np.concatenate([people(name)[:1] for name in names])
    likeness = faces @ faces.T
    persons = np.array([name.partition('-')[0] for name in names])
    same = persons[:, None] == persons[None]
    assert likeness[same].min() > embedder.decision.threshold
    assert likeness[~same].max() < embedder.decision.threshold - embedder.decision.margin


def test_a_group_of_strangers_is_told_apart(people, embedder):
    faces = people('multiface')
    likeness = faces @ faces.T
    assert len(faces) == 6
    assert likeness[~np.eye(6, dtype=bool)].max() < embedder.decision.threshold


def test_descriptors_share_no_large_part(people):
    # They would enclose cosines of 0.8 and more otherwise, whoever they belong to.
    faces = people('multiface')
    assert (faces @ faces.T)[~np.eye(6, dtype=bool)].mean() < 0.5


def test_embeddings_have_length_one_and_their_order(embedder):
    picture = np.random.default_rng(4).integers(0, 255, (400, 600, 3)).astype(np.uint8)
    points = np.array(FACE_SHAPE.points, np.float32)
    landmarks = np.stack([points + np.array([30, 20]) * number for number in range(10)])
    landmarks = landmarks.astype(np.float32)
    embeddings = embedder.embed(picture, landmarks)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (10, MODEL.dimension)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    alone = embedder.embed(picture, landmarks[9:])
    assert embeddings[9] == pytest.approx(alone[0], abs=1e-5)


def test_nobody_has_no_embedding(embedder):
    picture = np.zeros((40, 40, 3), np.uint8)
    assert embedder.embed(picture, np.empty((0, 5, 2), np.float32)).shape == (0, 128)


def test_face_without_points_is_refused(embedder):
    with pytest.raises(ValueError, match='five points'):
        embedder.embed(np.zeros((40, 40, 3), np.uint8), np.zeros((1, 5, 2), np.float32))


def test_pictures_of_nothing_are_always_the_same():
    # Templates of one machine are compared on another: these numbers must never change.
    pictures = blotches(150)
    assert pictures.shape == (16, 150, 150, 3)
    assert pictures.mean() == pytest.approx(121.85, abs=0.01)
    assert pictures[3, 70, 20:25, 1].astype(int) == pytest.approx([124, 129, 133, 137, 141], abs=1)
