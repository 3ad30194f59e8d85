import threading

import numpy as np
import pytest
from face_scenes import RATE_HZ, anna, ben, detector, found, scene

from mmoment_vision.face_boxes import overlaps
from mmoment_vision.face_pipeline import FacePipeline, SearchSettings
from mmoment_vision.face_tracking import TrackingSettings

__all__ = ['anna', 'ben', 'detector']  # fixtures

WAIT_S = 10.0


class HeldDetector:
    """Holds every detection until `go` is set; reports what it was given."""

    name = 'held'
    measure = None

    def __init__(self, result=None):
        self.go = threading.Event()
        self.begun = threading.Event()
        self.given = []
        self.result = result if result is not None else found([])

    def detect(self, picture, known=None, looks_at_known=0):
        self.given.append(picture)
        self.begun.set()
        assert self.go.wait(WAIT_S)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def pipelines():
    opened = []

    def open_pipeline(detector, whole=0.1, near=0.08):
        opened.append(
            (FacePipeline(detector, SearchSettings(whole, near), TrackingSettings()), detector)
        )
        return opened[-1][0]

    yield open_pipeline
    for pipeline, its_detector in opened:
        if isinstance(its_detector, HeldDetector):
            its_detector.go.set()
        pipeline.close()


def test_faces_are_followed_through_a_film(pipelines, detector, anna):
    pipeline = pipelines(detector, whole=0.2, near=9.0)
    for i in range(24):
        picture, truth = scene((anna, 200 + 15 * i, 270, 150))
        faces = pipeline.process(picture, i + 1, i / RATE_HZ)
        pipeline.wait(WAIT_S)
        if i >= 2:
            assert overlaps(truth, np.array([face.box for face in faces]))[0, 0] > 0.7
    assert 3 <= pipeline.detections <= 5


def test_pictures_do_not_wait_for_the_detector(pipelines):
    detector = HeldDetector()
    pipeline = pipelines(detector)
    for i in range(20):
        assert pipeline.process(scene()[0], i + 1, i / RATE_HZ) == []
    assert len(detector.given) == 1


def test_detector_gets_its_own_copy(pipelines):
    detector = HeldDetector(found([[100, 100, 180, 200]]))
    pipeline = pipelines(detector)
    picture = scene()[0]
    pipeline.process(picture, 1, 0.0)
    assert detector.begun.wait(WAIT_S)
    before = picture.copy()
    picture[:] = 0
    assert np.array_equal(detector.given[0], before)


def test_still_scene_costs_no_detection(pipelines):
    detector = HeldDetector()
    detector.measure = lambda picture, boxes: found(boxes)
    detector.go.set()
    pipeline = pipelines(detector)
    for i in range(30):
        pipeline.process(scene()[0], i + 1, i / RATE_HZ)
        pipeline.wait(WAIT_S)
    assert len(detector.given) == 1


def test_detector_without_measurement_is_asked_again_in_a_still_scene(pipelines):
    detector = HeldDetector(found([[300, 200, 400, 320]]))
    detector.go.set()
    pipeline = pipelines(detector)
    for i in range(30):
        faces = pipeline.process(scene()[0], i + 1, i / RATE_HZ)
        pipeline.wait(WAIT_S)
    assert [face.track_id for face in faces] == [1]


def test_new_face_beside_a_known_one_is_found_between_whole_searches(
    pipelines, detector, anna, ben
):
    pipeline = pipelines(detector, whole=9.0, near=0.05)
    for i in range(12):
        both = [(anna, 300, 270, 150), (ben, 392, 270, 150)]
        picture, truth = scene(*both[: 1 if i < 6 else 2])
        faces = pipeline.process(picture, i + 1, i / RATE_HZ)
        pipeline.wait(WAIT_S)
    assert len(faces) == 2
    boxes = np.array([face.box for face in faces])
    assert overlaps(truth, boxes).max(axis=1).min() > 0.7


def test_fault_of_the_detector_comes_out(pipelines):
    detector = HeldDetector(RuntimeError('model broke'))
    detector.go.set()
    pipeline = pipelines(detector)
    pipeline.process(scene()[0], 1, 0.0)
    pipeline.wait(WAIT_S)
    with pytest.raises(RuntimeError, match='model broke'):
        pipeline.process(scene()[0], 2, 0.1)


def test_result_from_before_a_new_stream_is_not_used(pipelines, detector, anna):
    pipeline = pipelines(detector)
    picture, _ = scene((anna, 300, 270, 150))
    for i in range(8):
        faces = pipeline.process(picture, 100 + i, i / RATE_HZ)
        pipeline.wait(WAIT_S)
    assert [face.track_id for face in faces] == [1]
    # The writer was restarted: its pictures are numbered from 1 again, and show an empty room.
    for i in range(4):
        assert pipeline.process(scene()[0], 1 + i, (8 + i) / RATE_HZ) == []
        pipeline.wait(WAIT_S)
    for i in range(8):
        faces = pipeline.process(picture, 10 + i, (12 + i) / RATE_HZ)
        pipeline.wait(WAIT_S)
    assert [face.track_id for face in faces] == [2]


def test_reset_forgets_the_search_that_is_going_on(pipelines):
    detector = HeldDetector(found([[300, 200, 400, 320]]))
    pipeline = pipelines(detector)
    pipeline.process(scene()[0], 1, 0.0)
    assert detector.begun.wait(WAIT_S)
    pipeline.reset()
    detector.go.set()
    assert pipeline.wait(WAIT_S)
    pipeline.process(scene()[0], 2, 0.1)
    assert pipeline.detections == 0
    pipeline.wait(WAIT_S)
    pipeline.process(scene()[0], 3, 0.2)
    assert pipeline.detections == 1


def test_detection_too_late_is_counted(pipelines):
    detector = HeldDetector()
    pipeline = pipelines(detector)
    for i in range(60):
        pipeline.process(scene()[0], i + 1, i / RATE_HZ)
    detector.go.set()
    pipeline.wait(WAIT_S)
    pipeline.process(scene()[0], 100, 60 / RATE_HZ)
    assert (pipeline.detections, pipeline.late_detections) == (1, 1)
