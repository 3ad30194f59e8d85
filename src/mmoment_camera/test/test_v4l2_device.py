"""Which pixel format is chosen, and which devices there are."""

import pytest

from mmoment_camera.errors import SourceError
from mmoment_camera.v4l2_device import choose_pixel_format, list_devices, query


@pytest.mark.parametrize(
    ('rates', 'size', 'fps', 'chosen'),
    [
        ({'YUYV': 30.0, 'MJPG': 30.0}, (640, 480), 30.0, 'YUYV'),
        ({'YUYV': 10.0, 'MJPG': 30.0}, (1280, 720), 30.0, 'MJPG'),
        ({'YUYV': 10.0, 'MJPG': 30.0}, (1280, 720), 10.0, 'YUYV'),
        ({'MJPG': 29.97, 'YUYV': 5.0}, (1280, 720), 30.0, 'MJPG'),
        ({'YUYV': 10.0, 'MJPG': 15.0}, (1280, 720), 30.0, 'MJPG'),
        ({'YUYV': 10.0}, (1280, 720), 30.0, 'YUYV'),
        ({'YUYV': 0.0, 'MJPG': 30.0}, (1920, 1080), 60.0, 'MJPG'),
        ({'YUYV': None, 'MJPG': None}, (640, 480), 30.0, 'YUYV'),
        ({'YUYV': None, 'MJPG': None}, (1280, 720), 30.0, 'MJPG'),
        ({'MJPG': None}, (640, 480), 30.0, 'MJPG'),
        ({'H264': 30.0, 'GREY': 30.0}, (640, 480), 30.0, ''),
        ({}, (640, 480), 30.0, ''),
    ],
)
def test_format_for_size_and_rate(rates, size, fps, chosen):
    assert choose_pixel_format(rates, *size, fps) == chosen


def test_devices_are_listed_by_number(tmp_path):
    for name in ('video10', 'video2', 'video0', 'video-x', 'vcs1'):
        (tmp_path / name).touch()
    assert [path.rsplit('/', 1)[1] for path in list_devices(tmp_path)] == [
        'video0',
        'video2',
        'video10',
    ]


def test_what_is_no_camera_is_told(tmp_path):
    with pytest.raises(SourceError, match='plug the camera in'):
        query(str(tmp_path / 'video0'), 640, 480)
    (tmp_path / 'video1').touch()
    with pytest.raises(SourceError, match='no camera'):
        query(str(tmp_path / 'video1'), 640, 480)
