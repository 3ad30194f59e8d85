import numpy as np
import pytest

from mmoment_vision.face_boxes import empty_boxes
from mmoment_vision.face_doubt import beside, has_jumped, touching


def boxes(*lefts, width=100.0):
    return np.array([[left, 100, left + width, 220] for left in lefts], np.float32)


def test_faces_touch_shortly_before_they_overlap():
    assert touching(boxes(0, 120, 400)).tolist() == [True, True, False]
    assert touching(boxes(0, 140, 400)).tolist() == [False, False, False]
    assert touching(boxes(0)).tolist() == [False]
    assert touching(empty_boxes()).tolist() == []


def test_who_stands_where_a_face_vanished_is_beside_it():
    assert beside(boxes(0, 300), boxes(60)).tolist() == [True, False]
    assert beside(boxes(0, 300), boxes(80)).tolist() == [False, False]
    assert beside(boxes(0, 300), empty_boxes()).tolist() == [False, False]


def test_a_small_face_behind_a_large_one_counts_as_well():
    assert beside(boxes(0, width=300), boxes(100, width=60)).tolist() == [True]


@pytest.mark.parametrize(
    ('moved_px', 'elapsed_s', 'jumps'),
    [(30, 1 / 30, False), (45, 1 / 30, True), (45, 0.2, False), (90, 0.2, False), (120, 0.2, True)],
)
def test_a_jump_is_more_than_anybody_moves_in_that_time(moved_px, elapsed_s, jumps):
    before, after = boxes(200)[0], boxes(200 + moved_px)[0]
    assert has_jumped(before, after, elapsed_s) is jumps
    assert has_jumped(after, before, elapsed_s) is jumps


def test_a_box_that_grows_at_once_has_jumped_to_another_face():
    assert has_jumped(boxes(200)[0], boxes(165, width=170)[0], 1 / 30)
    assert not has_jumped(boxes(200)[0], boxes(190, width=120)[0], 1 / 30)
