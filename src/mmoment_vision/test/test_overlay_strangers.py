import numpy as np
import pytest

from mmoment_vision.overlay_strangers import (
    LINGER_S,
    LONGEST_LAG_S,
    SETTLE_S,
    SETTLING,
    SILENCE_S,
    UNKNOWN,
    SeenFace,
    StrangerWatch,
)

NS = 1_000_000_000
SIZE = (640, 480)
BOX = (100.0, 100.0, 160.0, 180.0)


def stranger(box=BOX, track_id=1):
    return SeenFace(track_id, box, is_named=False)


class Film:
    """A watch that is told results at 20 Hz, until now settled."""

    def __init__(self, faces=()):
        self.watch = StrangerWatch()
        self.now_ns = 1000 * NS
        for _ in range(round(SETTLE_S * 20) + 2):
            self.result(faces)

    def result(self, faces, after_s=0.05, size=SIZE):
        self.now_ns += round(after_s * NS)
        self.watch.saw(self.now_ns, size, faces)

    def cover(self, lag_s=0.0, size=SIZE):
        return self.watch.cover(self.now_ns + round(lag_s * NS), size, self.now_ns)


def contains(outer, inner):
    return (outer[:2] <= np.array(inner[:2])).all() and (outer[2:] >= np.array(inner[2:])).all()


def test_strangers_are_covered_where_they_are_and_named_people_are_not():
    named = SeenFace(2, (300.0, 100.0, 360.0, 180.0), is_named=True)
    cover = Film([stranger(), named]).cover()
    assert cover.reason == ''
    np.testing.assert_array_equal(cover.faces, [BOX])


def test_a_name_given_or_taken_back_counts_at_once():
    film = Film([stranger()])
    film.result([SeenFace(1, BOX, is_named=True)])
    assert len(film.cover().faces) == 0
    film.result([stranger()])
    np.testing.assert_array_equal(film.cover().faces, [BOX])


def test_everything_is_covered_without_a_result():
    film = Film([stranger()])
    assert film.watch.cover(film.now_ns, SIZE, None).reason == UNKNOWN
    assert StrangerWatch().cover(film.now_ns, SIZE, film.now_ns).reason == UNKNOWN


def test_everything_is_covered_when_the_result_is_one_that_the_watch_never_saw():
    film = Film([stranger()])
    assert film.watch.cover(film.now_ns, SIZE, film.now_ns - 1).reason == UNKNOWN


def test_everything_is_covered_when_the_result_is_too_old():
    film = Film([stranger()])
    assert film.cover(LONGEST_LAG_S - 0.01).reason == ''
    assert film.cover(LONGEST_LAG_S + 0.01).reason == UNKNOWN


def test_everything_is_covered_when_the_picture_has_another_size_than_the_result():
    film = Film([stranger()])
    assert film.cover(size=(1280, 720)).reason == UNKNOWN


def test_everything_is_covered_until_a_search_can_be_over():
    film = Film()
    film.watch.clear()
    reasons = []
    for _ in range(30):
        film.result([])
        reasons.append(film.cover().reason)
    assert reasons == [SETTLING] * round(SETTLE_S * 20) + [''] * (30 - round(SETTLE_S * 20))


@pytest.mark.parametrize(
    'change', [{'after_s': SILENCE_S + 0.1}, {'after_s': -5.0}, {'size': (480, 640)}]
)
def test_after_a_silence_a_jump_of_time_or_another_size_the_search_begins_anew(change):
    film = Film([stranger()])
    film.result([], **change)
    size = change.get('size', SIZE)
    assert film.cover(size=size).reason == SETTLING
    for _ in range(round(SETTLE_S * 20)):
        film.result([], size=size)
    cover = film.cover(size=size)
    assert cover.reason == ''
    assert len(cover.faces) == 0


def test_boxes_that_lag_behind_are_enlarged_the_more_the_older_they_are():
    film = Film([stranger()])
    sides = []
    for lag_s in (0.0, 0.05, 0.2):
        (box,) = film.cover(lag_s).faces
        assert contains(box, BOX)
        sides.append(box[2] - box[0])
    assert sides == sorted(set(sides))


def test_a_face_that_moves_is_covered_where_it_was_and_where_it_goes():
    film = Film([stranger()])
    for step in range(1, 4):
        film.result([stranger((100.0 + 20 * step, 100.0, 160.0 + 20 * step, 180.0))])
    (box,) = film.cover(0.1).faces
    # 20 pixels in 0.05 s: 40 further after 0.1 s.
    assert contains(box, (160.0, 100.0, 220.0, 180.0))
    assert contains(box, (200.0, 100.0, 260.0, 180.0))
    assert not contains(box, (120.0, 100.0, 160.0, 180.0))


def test_a_face_that_is_lost_stays_covered_for_a_while():
    film = Film([stranger()])
    for _ in range(round(LINGER_S * 20) - 1):
        film.result([])
        (box,) = film.cover().faces
        assert contains(box, BOX)
        assert box[2] - box[0] < 1.7 * 60
    for _ in range(3):
        film.result([])
    assert len(film.cover().faces) == 0


def test_a_face_that_is_lost_among_others_stays_covered():
    other = stranger((300.0, 100.0, 360.0, 180.0), track_id=2)
    film = Film([stranger(), other])
    film.result([other])
    cover = film.cover()
    assert len(cover.faces) == 2
    assert any(contains(box, BOX) for box in cover.faces)


def test_a_face_found_again_is_covered_once_where_it_is_now():
    film = Film([stranger()])
    film.result([])
    film.result([stranger((120.0, 100.0, 180.0, 180.0))])
    np.testing.assert_array_equal(film.cover().faces, [(120, 100, 180, 180)])


def test_two_faces_of_one_number_are_both_covered():
    other = stranger((300.0, 100.0, 360.0, 180.0))
    assert len(Film([stranger(), other]).cover().faces) == 2


def test_a_later_result_does_not_uncover_an_earlier_picture():
    film = Film([stranger()])
    picture_ns = film.now_ns
    film.result([])
    np.testing.assert_array_equal(film.watch.cover(picture_ns, SIZE, picture_ns).faces, [BOX])


def test_a_box_that_is_no_number_covers_everything():
    film = Film([stranger((np.nan, 100.0, 160.0, 180.0))])
    assert film.cover().reason == UNKNOWN


def test_memory_does_not_grow():
    film = Film([stranger()])
    for _ in range(500):
        film.result([stranger()])
    assert len(film.watch._results) < 60
