"""How the footprint benchmark counts, and what is to be seen in its scene."""

import math

import numpy as np
import pytest

from bench import footprint_scene
from bench.footprint_scores import Arrived, pace, rate_of
from mmoment_vision.face_detection import open_detector

MS = 10**6


def pictures(*captured_ms):
    return [Arrived(ms * MS, ms * MS) for ms in captured_ms]


def result(captured_ms, after_ms, things=0, named=0):
    return Arrived(captured_ms * MS, (captured_ms + after_ms) * MS, things, named)


def test_a_stage_that_keeps_up():
    results = [result(0, 5, 6, 2), result(100, 5, 6, 1), result(200, 7, 5, 1), result(300, 5, 6, 0)]
    measured = pace(results, pictures(0, 100, 200, 300), 0.4)
    assert (measured.fps, measured.delivered) == (10.0, 1.0)
    assert (measured.things, measured.named) == (5.75, 1.0)
    assert (measured.p50_ms, measured.p99_ms) == (5.0, 7.0)
    assert measured.longest_gap_ms == 102.0


def test_pictures_passed_over_are_missing():
    measured = pace([result(0, 5), result(300, 5)], pictures(0, 100, 200, 300), 0.4)
    assert (measured.fps, measured.delivered) == (5.0, 0.5)
    assert measured.longest_gap_ms == 300.0


def test_results_of_other_pictures_and_second_ones_do_not_count():
    results = [result(-100, 5, 9), result(0, 5, 6), result(0, 50, 9), result(400, 5, 9)]
    measured = pace(results, pictures(0, 100), 0.2)
    assert (measured.fps, measured.delivered, measured.things) == (5.0, 0.5, 6.0)
    assert measured.p99_ms == 5.0


def test_a_result_that_comes_after_the_time_is_late_and_not_missing():
    measured = pace([result(0, 5), result(100, 400)], pictures(0, 100), 0.2)
    assert (measured.delivered, measured.p99_ms) == (1.0, 400.0)


def test_nothing_measured_is_no_figure():
    measured = pace([], pictures(0), 1.0)
    assert (measured.fps, measured.delivered) == (0.0, 0.0)
    assert math.isnan(measured.things)
    assert math.isnan(measured.p50_ms)
    assert math.isnan(measured.longest_gap_ms)
    assert math.isnan(pace([], [], 1.0).delivered)


def test_rate_of_a_counter():
    assert rate_of([(0, 10.0), (500 * MS, 12.0), (2000 * MS, 30.0)]) == 10.0
    assert math.isnan(rate_of([(0, 10.0)]))


@pytest.fixture(scope='module')
def detector():
    return open_detector('mtcnn', 'cpu')


def test_the_detectors_see_six_faces_and_two_hands_in_the_scene(media, detector, tmp_path):
    # It raises if they do not.
    footprint_scene.write_scene(media, tmp_path / 'scene.mkv')
    assert (tmp_path / 'scene.mkv').stat().st_size


def test_a_scene_without_hands_is_refused(media, detector, tmp_path):
    stage = footprint_scene.set_up(media, detector)
    heads = footprint_scene.Stage(stage.background, stage.cast[: footprint_scene.FACES])
    footprint_scene.write_clip(tmp_path / 'scene.mkv', heads.pictures())
    with pytest.raises(RuntimeError, match='6 faces and 2 hands'):
        footprint_scene.check(tmp_path / 'scene.mkv', detector)


def test_everybody_moves_and_nobody_jumps_where_the_clip_begins_anew(media, detector):
    stage = footprint_scene.set_up(media, detector)
    last = footprint_scene.PICTURES - 1
    for _, sway in stage.cast:
        places = np.array([sway.at(number) for number in range(last + 1)])
        steps = np.abs(np.diff(places, axis=0)).max(axis=0)
        assert (np.ptp(places, axis=0)[:2] > 15).all()
        assert (np.abs(places[0] - places[last]) <= steps + 1e-6).all()
