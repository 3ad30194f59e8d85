"""How the recognition benchmark counts."""

import numpy as np
import pytest

from bench.recognize import name_views, views_to_enrol
from bench.recognize_faces import CROWD, SeenFace
from bench.recognize_scores import Pairs, all_pairs
from mmoment_vision.face_embedding import OpenSet

NOTHING = np.zeros((1, 1, 3), np.uint8)


def pairs(same, other):
    return Pairs(np.array(same, np.float32), np.array(other, np.float32))


def views(*persons_and_sources):
    points = np.zeros((5, 2), np.float32)
    return [
        SeenFace(person, source, NOTHING, points, 0.9) for person, source in persons_and_sources
    ]


def test_rates_at_a_threshold():
    measured = pairs([0.9, 0.8, 0.5, 0.4], [0.6, 0.1])
    assert measured.fmr(0.6) == 0.5
    assert measured.fnmr(0.6) == 0.5
    assert measured.accuracy(0.6) == pytest.approx(3 / 6)
    assert measured.fmr(0.61) == 0.0


def test_a_perfect_model_makes_no_errors():
    measured = pairs([0.8, 0.9], [0.1, 0.2, 0.3])
    assert measured.auc() == 1.0
    assert measured.eer() == 0.0
    assert measured.fnmr_at(0.0) == 0.0


def test_a_guessing_model_is_half_right():
    values = np.linspace(0, 1, 400)
    measured = pairs(values, values)
    assert measured.auc() == pytest.approx(0.5)
    assert measured.eer() == pytest.approx(0.5, abs=0.01)


def test_a_lower_threshold_is_paid_by_false_matches():
    measured = pairs([0.95, 0.85, 0.75], [0.9, 0.8, 0.7, 0.1])
    assert measured.fnmr_at(0.0) == pytest.approx(2 / 3)
    assert measured.fnmr_at(0.25) == pytest.approx(1 / 3)
    assert measured.fnmr_at(0.5) == 0.0


def test_pairs_that_say_nothing_are_left_out():
    faces = views(('a', 'one'), ('a', 'one'), ('a', 'two'), (CROWD, 'three'), (CROWD, 'four'))
    measured = all_pairs(faces, np.eye(5, dtype=np.float32))
    # Not: the two views of one source, nor the two of the crowd.
    assert len(measured.same) == 2
    assert len(measured.other) == 6


class Decided:
    """What `name_views` needs of an embedder."""

    model_id, dimension, decision = 'test', 3, OpenSet(0.8, 0.05)


def named(embedding_of_stranger):
    signer, other = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]
    faces = views(
        *[('signer-1', clip) for clip in ('yes', 'no')],
        *[('signer-2', clip) for clip in ('milk', 'thanks')],
        (CROWD, 'crowd'),
    )
    rows = [signer, signer, other, other, embedding_of_stranger]
    return name_views(Decided(), faces, np.array(rows, np.float32))


def test_enrolled_are_named_and_strangers_are_not():
    naming = named([0.0, 0.0, 1.0])
    assert (naming.named, naming.views, naming.wrong) == (4, 4, 0)


def test_a_stranger_with_a_name_counts_as_wrong():
    # Taken for the first signer in the two galleries that hold him.
    assert named([0.95, 0.1, 0.0]).wrong == 2


def test_views_to_enrol_are_good_and_spread():
    faces = views(*[('signer-1', 'yes')] * 20, ('signer-2', 'milk'))
    faces[0] = SeenFace('signer-1', 'yes', NOTHING, np.zeros((5, 2), np.float32), 0.0)
    chosen = views_to_enrol(faces, 'yes')
    assert chosen == [1, 5, 9, 13, 17]
