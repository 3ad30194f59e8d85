"""What every network embedder does around its network."""

import numpy as np
import pytest

from mmoment_vision.face_alignment import FaceShape
from mmoment_vision.face_embedding import OpenSet
from mmoment_vision.network_embedder import LARGEST_BATCH, EmbeddingModel, NetworkEmbedder

SIDE_PX = 20
POINTS = ((6.0, 7.0), (14.0, 7.0), (10.0, 11.0), (7.0, 15.0), (13.0, 15.0))
STEP_PX = 30


class Mean:
    """Stands for a network: the mean colour of each face; remembers the sizes of its batches."""

    name = 'test runtime, cpu'

    def __init__(self):
        self.batches = []

    def __call__(self, pixels):
        self.batches.append(pixels.shape)
        # As networks give them: with sides of length 1, and any length.
        return pixels.astype(np.float32).mean(axis=(1, 2)).reshape(-1, 3, 1, 1)


def embedder(runner, *, is_measured=True):
    decision = OpenSet(0.8, 0.05, is_measured)
    shape = FaceShape(SIDE_PX, POINTS)
    return NetworkEmbedder(EmbeddingModel('mean', 'Mean', 3, shape, decision), runner)


def row_of_faces(count):
    """A picture with patches of different colours side by side, and the points of each."""
    random = np.random.default_rng(3)
    colours = random.integers(20, 255, (count, 3))
    picture = np.repeat(colours, STEP_PX, axis=0)[None].repeat(STEP_PX, axis=0).astype(np.uint8)
    points = np.array(POINTS, np.float32)
    corners = np.array([[STEP_PX * number + 5, 5] for number in range(count)], np.float32)
    landmarks = points + corners[:, None]
    return picture, landmarks, colours.astype(np.float32)


def test_each_face_has_its_own_row_of_length_one():
    picture, landmarks, colours = row_of_faces(3)
    embeddings = embedder(Mean()).embed(picture, landmarks)
    wanted = colours / np.linalg.norm(colours, axis=1, keepdims=True)
    assert embeddings == pytest.approx(wanted, abs=1e-3)
    assert embeddings.dtype == np.float32


def test_many_faces_go_in_batches_and_stay_in_order():
    runner = Mean()
    count = 2 * LARGEST_BATCH + 3
    picture, landmarks, colours = row_of_faces(count)
    embeddings = embedder(runner).embed(picture, landmarks)
    sizes = [LARGEST_BATCH, LARGEST_BATCH, 3]
    assert runner.batches == [(size, SIDE_PX, SIDE_PX, 3) for size in sizes]
    wanted = colours / np.linalg.norm(colours, axis=1, keepdims=True)
    assert embeddings == pytest.approx(wanted, abs=1e-3)


def test_nobody_asks_the_network_nothing():
    runner = Mean()
    embeddings = embedder(runner).embed(np.zeros((40, 40, 3), np.uint8), np.empty((0, 5, 2)))
    assert embeddings.shape == (0, 3)
    assert not runner.batches


def test_a_face_without_points_is_refused_before_the_network_runs():
    runner = Mean()
    picture, landmarks, _ = row_of_faces(2)
    landmarks[1] = 0
    with pytest.raises(ValueError, match='five points'):
        embedder(runner).embed(picture, landmarks)
    assert not runner.batches


def test_name_and_model_are_told():
    made = embedder(Mean())
    assert made.name == 'Mean (test runtime, cpu)'
    assert (made.model_id, made.dimension) == ('mean', 3)


def test_name_says_where_the_threshold_was_not_measured():
    name = embedder(Mean(), is_measured=False).name
    assert name == 'Mean (test runtime, cpu; default threshold not measured)'


def test_a_threshold_counts_as_measured_only_if_said_so():
    assert not OpenSet(0.8, 0.05).is_measured
