import numpy as np

from mmoment_vision.face_motion import flow_picture
from mmoment_vision.face_search import (
    FULL_SEARCH_S,
    REGION_STEP_PX,
    SearchArea,
    neighbourhood,
)


def room(spot=None):
    picture = np.full((1080, 1920, 3), 90, np.uint8)
    if spot is not None:
        x, y = spot
        picture[y : y + 80, x : x + 60] = 200
    return flow_picture(picture)


def test_first_picture_is_searched_whole():
    assert SearchArea().next(room(), 0.0).tolist() == [0, 0, 1920, 1080]


def test_still_scene_is_not_searched():
    area = SearchArea()
    area.next(room(), 0.0)
    assert area.next(room(), 0.2) is None


def test_only_the_surroundings_of_a_change_are_searched():
    area = SearchArea()
    area.next(room(), 0.0)
    left, top, right, bottom = area.next(room((1000, 500)), 0.2)
    assert left < 1000 - 60
    assert top < 500 - 60
    assert right > 1060 + 60
    assert bottom > 580 + 60
    assert (right - left) * (bottom - top) < 0.1 * 1920 * 1080


def test_a_single_noisy_pixel_is_no_change():
    area = SearchArea()
    area.next(room(), 0.0)
    noisy = room()
    noisy.grey[100, 100] = 255
    assert area.next(noisy, 0.2) is None


def test_everything_is_searched_from_time_to_time():
    area = SearchArea()
    area.next(room(), 0.0)
    assert area.next(room(), FULL_SEARCH_S + 0.1).tolist() == [0, 0, 1920, 1080]


def boxes(*corners):
    return np.array([[x, y, x + 100, y + 100] for x, y in corners], np.float32)


def test_neighbourhood_surrounds_the_face():
    left, top, right, bottom = neighbourhood(boxes((900, 500)), 0, 1920, 1080)
    assert 900 - 75 - REGION_STEP_PX < left <= 900 - 75
    assert 500 - 75 - REGION_STEP_PX < top <= 500 - 75
    assert 1075 <= right < 1075 + REGION_STEP_PX
    assert 675 <= bottom < 675 + REGION_STEP_PX


def test_neighbourhood_takes_in_faces_near_by():
    region = neighbourhood(boxes((900, 500), (1100, 520)), 0, 1920, 1080)
    assert region[2] >= 1200 + 75


def test_faces_far_apart_take_turns():
    places = boxes((10, 10), (1800, 950))
    first, second = (neighbourhood(places, turn, 1920, 1080) for turn in (0, 1))
    assert first[2] < 1000 < second[0]
    for region in (first, second):
        left, top, right, bottom = region
        assert left >= 0
        assert top >= 0
        assert right <= 1920
        assert bottom <= 1080
