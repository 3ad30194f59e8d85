import numpy as np
import pytest

from mmoment_vision.face_boxes import covered, empty_boxes, overlaps, squares, strongest_first

BOXES = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [2, 2, 4, 4], [20, 20, 30, 30]], np.float32)


def test_overlap_is_intersection_over_union():
    table = overlaps(BOXES, BOXES)
    assert table.diagonal() == pytest.approx(1)
    assert table[0, 1] == pytest.approx(50 / 150)
    assert table[0, 3] == 0


def test_cover_is_one_for_a_box_inside_another():
    assert covered(BOXES, BOXES)[0, 2] == pytest.approx(1)


def test_no_boxes_overlap_nothing():
    assert overlaps(empty_boxes(), BOXES).shape == (0, 4)


def test_square_keeps_the_centre_and_the_longer_side():
    square = squares(np.array([[10, 10, 20, 50]], np.float32))
    assert square.tolist() == [[-5, 10, 35, 50]]


def test_stronger_one_of_two_close_boxes_survives():
    scores = np.array([0.5, 0.9, 0.8, 0.7], np.float32)
    kept = strongest_first(overlaps(BOXES, BOXES), scores, 0.3)
    assert kept.tolist() == [1, 2, 3]
