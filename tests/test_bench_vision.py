"""How the vision benchmark counts."""

import math

import numpy as np
import pytest

from bench.vision_live import LiveRun, passes
from bench.vision_reference import Reference
from bench.vision_scores import Scores, score

FACE = [100, 100, 150, 160]
ELSEWHERE = [500, 100, 550, 160]
SMALL = [300, 300, 330, 335]


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def counted(ours, wanted):
    scores = Scores()
    score({7: boxes(*ours)}, Reference({7: boxes(*wanted)}), scores)
    return scores.recall, scores.precision


def test_right_and_wrong_boxes():
    assert counted([FACE], [FACE]) == (1.0, 1.0)
    assert counted([FACE, ELSEWHERE], [FACE]) == (1.0, 0.5)
    assert counted([ELSEWHERE], [FACE]) == (0.0, 0.0)
    assert counted([FACE], [FACE, ELSEWHERE]) == (0.5, 1.0)


def test_nothing_scored_is_not_perfect():
    recall, precision = counted([], [FACE, ELSEWHERE])
    assert recall == 0.0
    assert math.isnan(precision)
    recall, precision = counted([FACE], [])
    assert math.isnan(recall)
    assert precision == 0.0


def test_one_face_makes_one_box_right():
    beside, lower = [104, 100, 154, 160], [100, 106, 150, 166]
    assert counted([FACE, beside, lower], [FACE]) == (1.0, pytest.approx(1 / 3))
    assert counted([FACE], [FACE, beside]) == (0.5, 1.0)
    # The better pair first, whatever the order.
    assert counted([beside, FACE], [FACE, lower]) == (1.0, 1.0)


def test_small_faces_count_for_neither():
    assert counted([FACE, SMALL], [FACE]) == (1.0, 1.0)
    assert counted([FACE], [FACE, SMALL]) == (1.0, 1.0)


def test_face_near_the_limit_may_be_matched_by_a_smaller_box():
    limit, below = [0, 0, 32, 41], [0, 0, 30, 38]
    assert counted([below, ELSEWHERE], [limit, ELSEWHERE]) == (1.0, 1.0)
    assert counted([limit, ELSEWHERE], [below, ELSEWHERE]) == (1.0, 1.0)


def test_picture_without_result_misses_its_faces():
    scores = Scores()
    score({}, Reference({7: boxes(FACE), 8: boxes(FACE)}), scores)
    assert (scores.recall, scores.pictures) == (0.0, 2)


def test_only_whole_passes_are_kept():
    numbers = [2, 3, 0, 1, 2, 3, 0, 2, 3, 0, 1]
    run = LiveRun(results=[(number, boxes()) for number in numbers])
    assert [sorted(one) for one in passes(run, 4)] == [[0, 1, 2, 3], [0, 2, 3]]


def test_no_whole_pass_is_no_result():
    run = LiveRun(results=[(number, boxes()) for number in (2, 3, 0, 1, 2)])
    with pytest.raises(RuntimeError, match='5 results, and no whole pass'):
        passes(run, 4)
