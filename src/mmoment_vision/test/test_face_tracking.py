"""Real faces on known paths."""

from itertools import count

import numpy as np
import pytest
from face_scenes import HEIGHT, RATE_HZ, WIDTH, anna, ben, detector, found, scene

from mmoment_vision.face_boxes import overlaps
from mmoment_vision.face_tracking import FaceTracker, TrackingSettings

__all__ = ['anna', 'ben', 'detector']  # fixtures

SIDE = 150


class Film:
    """Feeds a tracker with pictures; detections on every n-th picture arrive some pictures late."""

    def __init__(self, detector, every=10, late=3, settings=None, measure=True):
        self.detector = detector
        self.every, self.late = every, late
        self.tracker = FaceTracker(
            settings or TrackingSettings(), detector.measure if measure else None
        )
        self.number = 0
        self.pending = []

    def show(self, *placed):
        """One more picture; returns its true boxes and the faces that were reported."""
        picture, truth = scene(*placed)
        self.tracker.advance(picture, self.number, self.number / RATE_HZ)
        if self.number % self.every == 0:
            self.pending.append((self.number, self.detector.detect(picture)))
        if self.pending and self.pending[0][0] + self.late <= self.number:
            sequence, faces = self.pending.pop(0)
            self.tracker.correct(faces, sequence)
        self.number += 1
        return truth, self.tracker.faces()


def boxes_of(faces):
    return np.array([face.box for face in faces], np.float32).reshape(-1, 4)


PATHS = {
    'across': lambda t: (150 + 420 * t, 270, SIDE),
    'fast': lambda t: (120 + 900 * t, 250, SIDE),
    'towards': lambda t: (480, 270, 110 * 2.0 ** (t / 0.6)),
    'round': lambda t: (480 + 160 * np.cos(5 * t), 270 + 110 * np.sin(5 * t), SIDE),
}


@pytest.mark.parametrize('path', PATHS)
def test_boxes_stay_on_a_moving_face(detector, anna, path):
    film = Film(detector, every=10, late=4)
    seen = []
    for i in range(24):
        truth, faces = film.show((anna, *PATHS[path](i / RATE_HZ)))
        if i >= 5:
            assert len(faces) == 1, f'picture {i}'
            seen.append(overlaps(truth, boxes_of(faces))[0, 0])
    assert min(seen) > 0.7
    assert film.tracker.faces()[0].track_id == 1


@pytest.mark.parametrize('path', ['across', 'round'])
def test_motion_alone_carries_a_box_between_detections(detector, anna, path):
    film = Film(detector, every=6, late=2, measure=False)
    seen = []
    for i in range(30):
        truth, faces = film.show((anna, *PATHS[path](i / RATE_HZ)))
        if i >= 9:
            assert [face.track_id for face in faces] == [1], f'picture {i}'
            seen.append(overlaps(truth, boxes_of(faces))[0, 0])
    assert min(seen) > 0.7


def test_landmarks_move_with_the_face(detector, anna):
    film = Film(detector, every=100, late=1)
    for i in range(12):
        _, faces = film.show((anna, 200 + 12 * i, 270, SIDE))
        if i == 2:
            first = faces[0].landmarks
    assert faces[0].landmarks - first == pytest.approx(np.tile([9 * 12.0, 0], (5, 1)), abs=6)


def test_late_detection_is_rolled_forward_to_the_present(detector, anna):
    film = Film(detector, every=100, late=8)
    for i in range(10):
        truth, faces = film.show((anna, 200 + 14 * i, 270, SIDE))
        assert bool(faces) == (i >= 8)
    assert overlaps(truth, boxes_of(faces))[0, 0] > 0.75


def test_detection_of_a_forgotten_picture_is_refused(detector, anna):
    film = Film(detector)
    film.show((anna, 200, 270, SIDE))
    assert not film.tracker.correct(found([[100, 100, 200, 200]]), sequence=-5)
    assert film.tracker.faces() == []


def test_one_false_detection_shows_nothing(detector, anna):
    film = Film(detector, every=1000)
    film.show()
    film.show()
    film.tracker.correct(found([[600, 200, 690, 320]]), sequence=0)
    assert film.tracker.faces() == []
    assert all(film.show()[1] == [] for _ in range(5))


def test_without_measurement_a_second_detection_confirms():
    settings = TrackingSettings()
    tracker = FaceTracker(settings)
    picture = scene()[0]
    for number in range(4):
        tracker.advance(picture, number, number / RATE_HZ)
        tracker.correct(found([[100, 100, 200, 220]]), sequence=number)
        assert len(tracker.faces()) == int(number >= 1)


def test_crossing_faces_keep_their_ids(detector, anna, ben):
    film = Film(detector, every=4, late=2)
    before, after = None, None
    for i in range(44):
        far, near = (anna, 230 + 12 * i, 250, 130), (ben, 746 - 12 * i, 290, 170)
        truth, faces = film.show(far, near)
        assert len({face.track_id for face in faces}) == len(faces)
        if i in (8, 43):
            table = overlaps(truth, boxes_of(faces))
            assert table.shape == (2, 2)
            assert table.max(axis=1).min() > 0.6
            ids = [faces[column].track_id for column in table.argmax(axis=1)]
            before, after = (ids, after) if i == 8 else (before, ids)
    assert before == after


def test_never_two_boxes_on_one_face(detector, anna):
    film = Film(detector, every=3, late=2)
    for i in range(20):
        _, faces = film.show((anna, 300 + 10 * i, 270, SIDE))
        assert len(faces) <= 1


def test_leaving_and_coming_back_is_a_new_track(detector, anna):
    film = Film(detector, every=5, late=2)
    ids = set()
    for i in range(20):
        _, faces = film.show((anna, WIDTH - 150 + 14 * i, 270, SIDE))
        ids |= {face.track_id for face in faces}
    assert faces == []
    for _ in range(6):
        _, faces = film.show()
        assert faces == []
    for i in range(15):
        _, faces = film.show((anna, WIDTH - 60 - 10 * i, 270, SIDE))
    assert ids == {1}
    assert [face.track_id for face in faces] == [2]


def test_a_vanished_face_is_not_shown_for_long(detector, anna):
    settings = TrackingSettings(show_unconfirmed_s=0.2)
    film = Film(detector, settings=settings)
    for _ in range(8):
        _, faces = film.show((anna, 400, 270, SIDE))
    assert faces
    shown = [len(film.show()[1]) for _ in range(12)]
    assert shown[-1] == 0
    assert sum(shown) <= 0.2 * RATE_HZ + 1


def test_face_hidden_for_a_moment_keeps_its_id(detector, anna):
    film = Film(detector, every=3, late=1)
    for _ in range(6):
        film.show((anna, 400, 270, SIDE))
    for _ in range(8):
        film.show()
    for _ in range(8):
        _, faces = film.show((anna, 405, 270, SIDE))
    assert [face.track_id for face in faces] == [1]


def test_cut_to_another_scene_ends_the_tracks(detector, anna):
    film = Film(detector, every=3, late=1)
    for _ in range(8):
        film.show((anna, 250, 200, SIDE))
    for i in range(8):
        truth, faces = film.show((anna, 700, 350, 1.3 * SIDE))
        if i >= 5:
            assert overlaps(truth, boxes_of(faces)).max() > 0.7
            assert [face.track_id for face in faces] == [2]


def test_change_of_the_picture_size_ends_the_tracks(detector, anna):
    film = Film(detector)
    for _ in range(6):
        _, faces = film.show((anna, 250, 200, SIDE))
    assert faces
    film.tracker.advance(np.zeros((HEIGHT // 2, WIDTH // 2, 3), np.uint8), 100, 0.25)
    assert film.tracker.faces() == []


def test_long_pause_ends_the_tracks(detector, anna):
    film = Film(detector)
    for _ in range(6):
        film.show((anna, 250, 200, SIDE))
    film.tracker.advance(scene((anna, 250, 200, SIDE))[0], 100, 60.0)
    assert film.tracker.faces() == []


def test_track_denied_by_detections_is_not_shown_where_they_looked(detector, anna):
    settings = TrackingSettings(most_denials=2)
    here, elsewhere = np.array([0, 0, WIDTH, HEIGHT]), np.array([600, 0, WIDTH, HEIGHT])
    for searched, is_shown in ((here, False), (elsewhere, True)):
        film = Film(detector, every=5, late=0, settings=settings)
        for _ in range(9):
            film.show((anna, 300, 270, SIDE))
        assert film.tracker.faces()
        for _ in range(2):
            film.tracker.correct(found([]), film.number - 1, searched.astype(np.float32))
        assert bool(film.tracker.faces()) == is_shown


def test_ages_are_told(detector, anna):
    film = Film(detector, every=5, late=0)
    for _ in range(16):
        _, faces = film.show((anna, 400, 270, SIDE))
    assert faces[0].age_s == pytest.approx(15 / RATE_HZ, abs=1.5 / RATE_HZ)
    assert faces[0].detected_now
    assert faces[0].undetected_s == 0


@pytest.mark.parametrize('measure', [None, lambda picture, boxes: found(boxes, score=0.1)])
def test_late_detection_counts_for_its_own_picture(measure):
    tracker = FaceTracker(TrackingSettings(), measure)
    picture = scene()[0]
    for number in range(6):
        tracker.advance(picture, number, number / RATE_HZ)
        if number >= 3:
            tracker.correct(found([[100, 100, 200, 220]]), sequence=number - 2)
    (face,) = tracker.faces()
    assert not face.detected_now
    assert face.undetected_s == pytest.approx(2 / RATE_HZ)
    assert face.age_s == pytest.approx(4 / RATE_HZ)
    tracker.correct(found([[100, 100, 200, 220]]), sequence=5)
    (face,) = tracker.faces()
    assert face.detected_now
    assert face.undetected_s == 0


def test_late_detection_does_not_make_a_track_older():
    scores = iter([0.9, 0.9, 0.9, 0.1])
    tracker = FaceTracker(TrackingSettings(), lambda _, boxes: found(boxes, score=next(scores)))
    picture = scene()[0]
    for number in range(5):
        tracker.advance(picture, number, number / RATE_HZ)
        if number in (0, 4):
            tracker.correct(found([[100, 100, 200, 220]]), sequence=0)
    (face,) = tracker.faces()
    assert face.undetected_s == pytest.approx(1 / RATE_HZ)


def test_faces_are_followed_at_the_lowest_rate(detector, anna):
    tracker = FaceTracker(TrackingSettings(), detector.measure)
    picture, truth = scene((anna, 400, 270, SIDE))
    for number in range(4):
        tracker.advance(picture, number, 2.0 * number)
        if number:
            tracker.correct(detector.detect(picture), sequence=number - 1)
            (face,) = tracker.faces()
            assert face.track_id == 1
            assert face.detected_now
            assert overlaps(truth, boxes_of([face]))[0, 0] > 0.7


def test_trackers_that_share_their_ids_use_each_once():
    ids = count(5)
    picture = scene()[0]
    for expected in (5, 6):
        tracker = FaceTracker(TrackingSettings(), ids=ids)
        for number in range(2):
            tracker.advance(picture, number, number / RATE_HZ)
            tracker.correct(found([[100, 100, 200, 220]]), sequence=number)
        assert [face.track_id for face in tracker.faces()] == [expected]


def test_more_faces_than_can_be_measured_take_turns(detector, anna):
    places = [(anna, 90 + 150 * (i % 6), 130 + 250 * (i // 6), 130) for i in range(8)]
    film = Film(detector, every=6, late=1, settings=TrackingSettings(most_measured=3))
    for i in range(18):
        _, faces = film.show(*places)
        if i > 8:
            assert len(faces) == 8
    assert sum(face.detected_now for face in faces) <= 3
    assert max(face.undetected_s for face in faces) <= 3 / RATE_HZ
