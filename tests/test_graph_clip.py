"""The whole graph on a clip of one person signing: faces, hands, overlay, live view, health."""

from itertools import islice

import cv2
import numpy as np
import pytest

from mmoment_interfaces.msg import FaceArray, HandArray, StageStatus
from tests.graph import PATIENCE_S, Graph, Listener, wait_until
from tests.overlay_pictures import assert_drawn_round_the_face

pytestmark = pytest.mark.graph

CLIP = 'clips/yes.mkv'
WIDTH, HEIGHT = 640, 480


@pytest.fixture(scope='module')
def graph(media):
    clip = media / CLIP
    if not clip.is_file():
        pytest.skip(f'no clip at {clip}')
    with Graph(str(clip)) as graph:
        graph.wait_until_ready()
        graph.sign_in()
        yield graph


@pytest.fixture
def listener(graph):
    with Listener(graph) as listener:
        yield listener


def test_a_face_is_found_and_followed(listener):
    faces = listener.subscribe(FaceArray, 'faces')
    found = faces.wait_for(lambda message: message.faces)
    assert (found.width, found.height) == (WIDTH, HEIGHT)
    face = max(found.faces, key=lambda one: one.width * one.height)
    assert 40 < face.width < WIDTH
    assert 40 < face.height < HEIGHT
    assert 0 < face.x + face.width / 2 < WIDTH
    assert 0 < face.y + face.height / 2 < HEIGHT
    later = faces.wait_for(lambda message: message.sequence > found.sequence + 30)
    assert face.track_id in [one.track_id for one in later.faces]


def test_hands_are_found(listener):
    hands = listener.subscribe(HandArray, 'hands')

    def is_whole(message):
        # A hand at the edge of the picture may have landmarks outside of it
        return any(
            all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in hand.landmarks)
            for hand in message.hands
        )

    found = hands.wait_for(is_whole)
    hand = found.hands[0]
    assert (found.width, found.height) == (WIDTH, HEIGHT)
    assert 20 < max(hand.width, hand.height) < HEIGHT
    assert hand.handedness in (hand.LEFT, hand.RIGHT)


def test_the_overlay_is_drawn_round_the_face(listener):
    assert_drawn_round_the_face(listener)


def test_the_live_view_is_jpeg_of_the_right_size_and_moves(graph):
    files = list(islice(graph.pictures('overlay=1'), 12))
    pictures = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in files]
    assert {picture.shape for picture in pictures} == {(HEIGHT, WIDTH, 3)}
    assert len(set(files)) > 6


def test_health_is_ok_and_every_stage_keeps_up(graph, listener):
    wait_until(lambda: graph.get('/api/health')['status'] == 'ok', 'health ok')
    parts = graph.get('/api/health')['parts']
    assert {'camera_node', 'face_node', 'gesture_node', 'overlay_node'} <= set(parts)
    stages = listener.subscribe(StageStatus, 'stage_status')
    for name in ('face_node', 'gesture_node', 'overlay_node'):
        status = stages.wait_for(lambda message, name=name: message.stage == name, PATIENCE_S)
        assert status.fps > 0
