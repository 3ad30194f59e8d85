"""The whole graph on a clip of one person signing: faces, hands, overlay, live view, health."""

from collections import OrderedDict
from itertools import islice

import cv2
import numpy as np
import pytest

from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_interfaces.msg import FaceArray, HandArray, StageStatus
from tests.graph import PATIENCE_S, Graph, Listener, wait_until

pytestmark = pytest.mark.graph

CLIP = 'clips/yes.mkv'
WIDTH, HEIGHT = 640, 480
# Lines of the overlay are drawn on the edge of a box, or a few pixels beside it
EDGE_PX = 4
# A pixel is called changed from here on: both rings hold the same bytes where nothing is drawn
CHANGED = 24


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
    faces = listener.subscribe(FaceArray, 'faces')
    clean: OrderedDict[int, np.ndarray] = OrderedDict()
    pairs = []

    def on_clean(frame):
        clean[frame.monotonic_ns] = frame.copy()
        while len(clean) > 60:
            clean.popitem(last=False)

    def on_annotated(frame):
        before = clean.get(frame.monotonic_ns)
        if before is not None:
            pairs.append((frame.monotonic_ns, before, frame.copy()))

    subscribers = [
        FrameSubscriber(listener.node, 'frames', on_clean),
        FrameSubscriber(listener.node, 'overlay/frames', on_annotated),
    ]

    def with_faces():
        boxes = {message.monotonic_ns: message.faces for message in list(faces.messages)}
        return [(before, after, boxes[at]) for at, before, after in list(pairs) if boxes.get(at)]

    try:
        wait_until(lambda: len(with_faces()) > 20, 'annotated pictures with faces')
    finally:
        for subscriber in subscribers:
            subscriber.close()
    shares = [
        changed_share_on_edge(before, after, found[0]) for before, after, found in with_faces()
    ]
    # The box drawn may be of the picture before: the person signs, the head hardly moves
    assert np.median(shares) > 0.3
    untouched = [np.mean(difference(before, after) < CHANGED) for _, before, after in pairs]
    assert np.median(untouched) > 0.7


def difference(before, after):
    """Greatest difference of the three colours, per pixel."""
    return cv2.absdiff(before, after).max(axis=2)


def changed_share_on_edge(before, after, face):
    """Share of the rows and columns of a face box near whose edge something was drawn."""
    left, top = max(0, int(face.x)), max(0, int(face.y))
    right = min(WIDTH - 1, int(face.x + face.width))
    bottom = min(HEIGHT - 1, int(face.y + face.height))
    changed = difference(before, after) >= CHANGED
    rows = slice(top, bottom)
    columns = slice(left, right)
    strips = [
        changed[rows, max(0, left - EDGE_PX) : left + EDGE_PX + 1].any(axis=1),
        changed[rows, right - EDGE_PX : right + EDGE_PX + 1].any(axis=1),
        changed[max(0, top - EDGE_PX) : top + EDGE_PX + 1, columns].any(axis=0),
        changed[bottom - EDGE_PX : bottom + EDGE_PX + 1, columns].any(axis=0),
    ]
    return float(np.concatenate(strips).mean())


def test_the_live_view_is_jpeg_of_the_right_size_and_moves(graph):
    files = list(islice(graph.pictures('/mjpeg-stream?overlay=1'), 12))
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
