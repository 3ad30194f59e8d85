"""Calibrations are kept whole, scaled rightly, and refused where they do not fit."""

import os

import pytest

from mmoment_camera.camera_info_store import (
    Calibration,
    default_path,
    load_calibration,
    save_calibration,
)
from mmoment_camera.errors import CalibrationError

CALIBRATION = Calibration(
    width_px=640,
    height_px=480,
    camera_matrix=(500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0),
    distortion=(0.1, -0.2, 0.0, 0.001, 0.0),
    rectification_matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    projection_matrix=(500.0, 0.0, 320.0, 1.5, 0.0, 510.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    camera_name='gate',
)
# As the calibration tools of ROS lay it out.
FOREIGN = """
image_width: 1280
image_height: 720
camera_name: narrow
camera_matrix: {rows: 3, cols: 3, data: [900, 0, 640, 0, 900, 360, 0, 0, 1]}
distortion_model: rational_polynomial
distortion_coefficients:
  rows: 1
  cols: 8
  data: [1, 2, 3, 4, 5, 6, 7, 8]
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [900, 0, 640, 0, 0, 900, 360, 0, 0, 0, 1, 0]}
"""


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / 'deep' / 'camera.yaml'
    save_calibration(path, CALIBRATION)
    assert load_calibration(path) == CALIBRATION
    assert os.listdir(path.parent) == ['camera.yaml']


def test_tools_of_others_may_read_it(tmp_path):
    path = tmp_path / 'new' / 'camera.yaml'
    save_calibration(path, CALIBRATION)
    assert path.stat().st_mode & 0o777 == 0o644


def test_files_of_other_tools_are_read(tmp_path):
    path = tmp_path / 'camera.yaml'
    path.write_text(FOREIGN)
    calibration = load_calibration(path)
    assert calibration.distortion == (1, 2, 3, 4, 5, 6, 7, 8)
    assert calibration.camera_matrix[4] == 900


def test_scaling_moves_focus_and_centre_only():
    scaled = CALIBRATION.scaled_to(1280, 960)
    assert scaled.camera_matrix == (1000.0, 0.0, 640.0, 0.0, 1020.0, 480.0, 0.0, 0.0, 1.0)
    assert scaled.projection_matrix[:8] == (1000.0, 0.0, 640.0, 3.0, 0.0, 1020.0, 480.0, 0.0)
    assert scaled.distortion == CALIBRATION.distortion
    assert scaled.scaled_to(640, 480) == CALIBRATION


def test_another_shape_is_refused():
    with pytest.raises(CalibrationError, match='calibrate at this size'):
        CALIBRATION.scaled_to(1280, 720)


@pytest.mark.parametrize(
    'content',
    ['', 'a: [', 'image_width: 5', FOREIGN.replace('900, 0, 640', '900, 0'), '- 1', '\x00'],
)
def test_what_is_no_calibration_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / 'camera.yaml'
    path.write_text(content)
    with pytest.raises(CalibrationError, match=r'camera\.yaml'):
        load_calibration(path)


def test_infinite_numbers_are_refused(tmp_path):
    path = tmp_path / 'camera.yaml'
    path.write_text(FOREIGN.replace('[1, 2,', '[.nan, 2,'))
    with pytest.raises(CalibrationError, match='finite'):
        load_calibration(path)


def test_an_absent_file_is_something_else(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_calibration(tmp_path / 'absent.yaml')


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'camera.yaml'
    save_calibration(path, CALIBRATION)

    def no_room(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', no_room)
    with pytest.raises(CalibrationError, match='No space left'):
        save_calibration(path, CALIBRATION.scaled_to(1280, 960))
    assert load_calibration(path) == CALIBRATION
    assert os.listdir(tmp_path) == ['camera.yaml']


def test_each_namespace_has_its_own_file():
    environment = {'ROS_HOME': '/home/x/.ros'}
    assert str(default_path('/gym/left', environment)).endswith('.ros/camera_info/gym.left.yaml')
    assert default_path('/', environment).name == 'camera.yaml'
