"""The whole graph on a clip with a face that is made here, so that every clone proves it."""

from itertools import islice

import cv2
import numpy as np
import pytest

from mmoment_interfaces.msg import FaceArray
from tests.graph import Graph, Listener
from tests.overlay_pictures import assert_drawn_round_the_face
from tests.painted_clip import HEIGHT, WIDTH, write_painted_clip

pytestmark = pytest.mark.graph

# As people name files: every one of these characters means something to YAML
NAME = "it's #1: [the] {best}.mkv"


@pytest.fixture(scope='module')
def graph(tmp_path_factory):
    clip = tmp_path_factory.mktemp('clips') / NAME
    write_painted_clip(clip)
    with Graph(str(clip)) as graph:
        graph.wait_until_ready()
        graph.sign_in()
        yield graph


@pytest.fixture
def listener(graph):
    with Listener(graph) as listener:
        yield listener


def test_the_face_is_found_once_and_followed(listener):
    faces = listener.subscribe(FaceArray, 'faces')
    found = faces.wait_for(lambda message: message.faces)
    assert (found.width, found.height) == (WIDTH, HEIGHT)
    assert len(found.faces) == 1
    face = found.faces[0]
    # Head and shoulders on a card of 52 to 72 % of the picture: the head is about half of that
    assert 0.15 * HEIGHT < face.height < 0.5 * HEIGHT
    assert 0 < face.x < face.x + face.width < WIDTH
    assert 0 < face.y < face.y + face.height < HEIGHT
    later = faces.wait_for(lambda message: message.sequence > found.sequence + 10)
    assert [one.track_id for one in later.faces] == [face.track_id]


def test_the_overlay_is_drawn_round_the_face(listener):
    assert_drawn_round_the_face(listener)


def test_the_live_view_is_jpeg_that_moves(graph):
    files = list(islice(graph.pictures('overlay=1'), 12))
    assert all(one.startswith(b'\xff\xd8') and one.endswith(b'\xff\xd9') for one in files)
    pictures = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in files]
    assert {picture.shape for picture in pictures} == {(HEIGHT, WIDTH, 3)}
    assert len(set(files)) > 6
