"""How the vision benchmark counts."""

import numpy as np

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
    assert counted([], [FACE, ELSEWHERE]) == (0.0, 1.0)
    assert counted([FACE], [FACE, ELSEWHERE]) == (0.5, 1.0)


def test_small_faces_count_for_neither():
    assert counted([FACE, SMALL], [FACE]) == (1.0, 1.0)
    assert counted([FACE], [FACE, SMALL]) == (1.0, 1.0)


def test_face_near_the_limit_may_be_matched_by_a_smaller_box():
    assert counted([[0, 0, 30, 38]], [[0, 0, 32, 41]]) == (1.0, 1.0)


def test_picture_without_result_misses_its_faces():
    scores = Scores()
    score({}, Reference({7: boxes(FACE), 8: boxes(FACE)}), scores)
    assert (scores.recall, scores.pictures) == (0.0, 2)


def test_only_whole_passes_are_kept():
    numbers = [2, 3, 0, 1, 2, 3, 0, 2, 3, 0, 1]
    run = LiveRun(results=[(number, boxes()) for number in numbers])
    assert [sorted(one) for one in passes(run, 4)] == [[0, 1, 2, 3], [0, 2, 3]]
