"""The demo shows a face that can be found and that moves."""

import cv2
import numpy as np
import pytest

from mmoment_camera import demo_source
from mmoment_camera.demo_source import DemoPainter, DemoSource, load_portrait
from mmoment_camera.errors import SourceUnusable
from mmoment_camera.source import SourceSettings


@pytest.fixture(scope='module')
def portrait():
    picture = load_portrait()
    if picture is None:
        pytest.skip('scikit-image, which carries the portrait, is not installed')
    return picture


def find_faces(picture):
    finder = cv2.CascadeClassifier(cv2.data.haarcascades + 'haarcascade_frontalface_default.xml')
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return finder.detectMultiScale(grey, 1.1, 5, minSize=(60, 60))


def test_the_face_is_found_wherever_it_moves(portrait):
    painter = DemoPainter(portrait, 1280, 720)
    centres = []
    for second in range(0, 60, 6):
        faces = find_faces(painter.paint(second))
        assert len(faces) == 1
        left, top, width, height = faces[0]
        centres.append((left + width / 2, top + height / 2))
    assert np.ptp([x for x, _ in centres]) > 200
    assert np.ptp([y for _, y in centres]) > 50


def test_it_moves_smoothly(portrait):
    painter = DemoPainter(portrait, 1280, 720)
    for step in range(300):
        before, after = painter.placement(step / 30), painter.placement((step + 1) / 30)
        assert np.abs(after[:, 2] - before[:, 2]).max() < 15


@pytest.mark.parametrize('size', [(320, 240), (1080, 1920), (1920, 1080), (64, 48)])
def test_the_card_stays_within_any_picture(portrait, size):
    painter = DemoPainter(portrait, *size)
    for step in range(100):
        picture = painter.paint(step * 0.7)
        assert picture.shape == (size[1], size[0], 3)


def test_a_missing_portrait_says_what_to_install(monkeypatch):
    monkeypatch.setattr(demo_source, 'find_portrait', lambda: None)
    with pytest.raises(SourceUnusable, match='pip install'):
        DemoSource(SourceSettings()).open()
