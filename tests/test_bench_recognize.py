"""How the recognition benchmark counts."""

import math

import numpy as np
import pytest

from bench.recognize import name_views
from bench.recognize_faces import CROWD, SeenFace, views_to_enrol
from bench.recognize_scores import (
    Pairs,
    all_pairs,
    each_held_out,
    fmr_held_out,
    fnmr_held_out,
    mistaken_persons,
    threshold_by_rule,
    upper_bound,
)
from bench.recognize_sizes import Probe, galleries_for, nearest, shrunk, size_figures, spoilt
from mmoment_vision.face_boxes import FoundFaces
from mmoment_vision.face_embedding import OpenSet
from mmoment_vision.face_gallery import Match

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


def test_the_rule_adds_a_guard_and_rounds_up():
    assert threshold_by_rule(pairs([0.9], [0.1, 0.764])) == 0.8
    assert threshold_by_rule(pairs([0.9], [0.1, 0.5])) == 0.53


LOOK_ALIKES = views(('a', 'one'), ('a', 'two'), ('b', 'one'), ('c', 'three'))
# Two look-alikes enclose a cosine of 0.9, the third person one of 0.
LOOK_ALIKE_ROWS = np.array([[1, 0, 0], [1, 0, 0], [0.9, 0.19**0.5, 0], [0, 0, 1]], np.float32)


def test_a_threshold_of_all_makes_no_errors_and_one_of_the_others_does():
    everything = all_pairs(LOOK_ALIKES, LOOK_ALIKE_ROWS)
    assert everything.fmr(threshold_by_rule(everything)) == 0.0
    each = each_held_out(LOOK_ALIKES, LOOK_ALIKE_ROWS)
    assert [one.person for one in each] == ['a', 'b', 'c']
    # Without one of the look-alikes nobody comes near anybody; without c, those two do.
    assert [one.threshold for one in each] == [0.03, 0.03, 0.93]
    assert [one.is_mistaken for one in each] == [True, True, False]
    # Of a: two pairs of four. Of b: two of three. Of c: none of three.
    assert fmr_held_out(each) == pytest.approx(4 / 10)
    assert fnmr_held_out(each) == 0.0


def test_pairs_of_one_held_out_person_can_be_missed():
    rows = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0, 0.8], [0, 0, 1]], np.float32)
    each = each_held_out(LOOK_ALIKES, rows)
    assert each[0].threshold == 0.83
    assert fnmr_held_out(each) == 1.0


def test_both_of_a_false_pair_are_mistaken():
    assert mistaken_persons(LOOK_ALIKES, LOOK_ALIKE_ROWS, 0.8) == ['a', 'b']
    assert mistaken_persons(LOOK_ALIKES, LOOK_ALIKE_ROWS, 0.95) == []


def test_bound_on_errors_counts_trials():
    # The rule of three; and exact values as in tables of the binomial distribution.
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)
    assert upper_bound(0, 12) == pytest.approx(1 - 0.05 ** (1 / 12), abs=1e-9)
    assert upper_bound(1, 10) == pytest.approx(0.394, abs=1e-3)
    assert upper_bound(10, 10) == 1.0


def test_who_is_probed_is_learnt_from_elsewhere_only():
    faces = views(('a', 'one.jpg'), ('a', 'two.jpg'), ('b', 'one.jpg'), (CROWD, 'crowd'))
    rows = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1], [0, 1, 0]], np.float32)
    galleries = galleries_for(Decided(), faces, rows, 'a', 'one.jpg')
    assert galleries.with_person is not None
    assert sorted(galleries.with_person.identities()) == ['a', 'b']
    assert galleries.with_person.search(rows[1:2])[0].similarity == pytest.approx(1.0, abs=1e-3)
    assert galleries.with_person.search(rows[:1])[0].similarity == pytest.approx(0.8, abs=0.01)
    assert galleries.without.identities() == ['b']


def test_who_is_shown_once_can_only_be_a_stranger():
    faces = views(('a', 'one.jpg'), ('b', 'two.jpg'), (CROWD, 'crowd'))
    for person, source in (('b', 'two.jpg'), (CROWD, 'crowd')):
        galleries = galleries_for(Decided(), faces, np.eye(3, dtype=np.float32), person, source)
        assert galleries.with_person is None
        assert person not in galleries.without.identities()
        assert 'a' in galleries.without.identities()


def test_shrunk_views_have_their_eyes_so_far_apart():
    points = np.array([[40, 50], [80, 50], [60, 70], [45, 90], [75, 90]], np.float32)
    face = SeenFace('a', 'one.jpg', np.zeros((200, 120, 3), np.uint8), points, 0.9)
    picture, middle = shrunk(face, 16)
    assert picture.shape == (80, 48, 3)
    assert middle == pytest.approx([24, 20])


def found_at(*middles):
    landmarks = np.array([[[x - 5, y], [x + 5, y], [x, y], [x, y], [x, y]] for x, y in middles])
    count = len(middles)
    return FoundFaces(
        np.zeros((count, 4), np.float32),
        np.ones(count, np.float32),
        landmarks.reshape(-1, 5, 2).astype(np.float32),
    )


def test_only_a_face_at_the_place_counts_as_found():
    middle = np.array([24.0, 20.0])
    assert nearest(found_at(), middle, 8) is None
    assert nearest(found_at((40, 20)), middle, 8) is None
    one = nearest(found_at((40, 20), (25, 20)), middle, 8)
    assert one is not None
    assert one.landmarks[0, :2].mean(axis=0) == pytest.approx([25, 20])


def match(name):
    return Match(name, 0.9, name, 0.1)


def test_shares_at_a_size():
    probes = [
        Probe('a', 24, False, True, match('a'), match('')),
        Probe('a', 24, False, True, match('a'), match('b')),  # taken for b as a stranger
        Probe('a', 24, False, True, match('b'), match('')),  # taken for b though enrolled
        Probe('a', 24, False, True),  # not found
        Probe('c', 24, False, False, None, match('')),
        Probe('a', 24, True, True, match(''), match('')),
    ]
    figures = size_figures(probes)
    assert figures['found_eyes_24px'] == pytest.approx(4 / 5)
    assert figures['named_eyes_24px'] == pytest.approx(2 / 4)
    assert figures['wrong_eyes_24px'] == pytest.approx(2 / 5)
    assert figures['named_eyes_24px_spoilt'] == 0.0
    assert math.isnan(figures['named_eyes_12px'])


def test_spoilt_views_are_noisy_and_keep_their_light():
    picture = np.full((60, 60, 3), 120, np.uint8)
    noisy = spoilt(picture, np.random.default_rng(1))
    assert noisy.mean() == pytest.approx(120, abs=1)
    assert noisy.std() == pytest.approx(4, abs=0.3)
