"""The whole graph and two people: learnt, named, blurred, forgotten, by REST as a person does it."""

import base64
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import cv2
import numpy as np
import pytest

from mmoment_interfaces.msg import EnrollmentStatus, FaceArray
from tests.graph import LATCHED, START_PATIENCE_S, Graph, Listener, wait_until
from tests.people_clip import HEIGHT, WIDTH, write_people_clip

pytestmark = pytest.mark.graph

WALLET = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
PATIENCE_S = 30.0
NOTICED_WITHIN_S = 15.0


@pytest.fixture(scope='module')
def graph(media, tmp_path_factory):
    clip = tmp_path_factory.mktemp('clip') / 'two.mkv'
    faces = media / 'faces'
    write_people_clip(clip, faces / 'obama-3.jpg', faces / 'biden-2.jpg')
    with Graph(str(clip)) as graph:
        graph.wait_until_ready()
        graph.sign_in()
        wait_until(lambda: graph.get('/api/health')['parts']['face_node'] == 'ok', 'face_node')
        yield graph


@pytest.fixture
def faces(graph):
    with Listener(graph) as listener:
        yield listener.subscribe(FaceArray, 'faces')


@pytest.fixture
def enrolled(graph, media):
    def picture(name):
        return base64.b64encode((media / 'faces' / name).read_bytes()).decode()

    status, answer = graph.send(
        'POST',
        '/api/face/enroll',
        wallet_address=WALLET,
        pictures=[picture('obama-1.jpg'), picture('obama-2.jpg')],
    )
    assert status == 200, answer
    yield answer
    graph.send('DELETE', '/api/face', wallet_address=WALLET)


def is_left(face):
    return face.x + face.width / 2 < WIDTH / 2


def detail(graph, query, box):
    """Fine detail of a face in the live view: variance of its second derivative."""
    jpeg = list(islice(graph.pictures(query), 3))[-1]
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (HEIGHT, WIDTH)
    x, y, width, height = (int(value) for value in box)
    face = picture[y + height // 5 : y + height * 4 // 5, x + width // 5 : x + width * 4 // 5]
    return float(cv2.Laplacian(face, cv2.CV_32F).var())


def boxes(faces):
    """Boxes of the left and the right person."""
    message = faces.wait_for(lambda message: len(message.faces) == 2, PATIENCE_S)
    left, right = sorted(message.faces, key=lambda face: face.x)
    return [(face.x, face.y, face.width, face.height) for face in (left, right)]


def test_who_is_enrolled_is_named_and_the_stranger_beside_is_not(graph, faces, enrolled):
    assert enrolled['success']
    assert enrolled['quality']['score'] > 0.4
    assert 'embedding' not in str(enrolled)
    named = faces.wait_for(lambda message: any(one.identity for one in message.faces), PATIENCE_S)
    assert [face.identity for face in named.faces if is_left(face)] == [WALLET]
    later = named.sequence + 30
    faces.wait_for(lambda message: message.sequence > later, PATIENCE_S)
    assert not [
        face
        for message in faces.messages
        for face in message.faces
        if face.identity and not is_left(face)
    ]
    vision = graph.get('/api/health')['vision']
    assert vision['faces']['model_id']


def test_a_picture_of_two_people_is_no_enrolment(graph, media):
    photo = (media / 'faces' / 'obama-and-biden.jpg').read_bytes()
    status, answer = graph.send(
        'POST',
        '/api/face/enroll',
        wallet_address=WALLET,
        pictures=[base64.b64encode(photo).decode()],
    )
    assert (status, answer['error']) == (422, 'several_faces')
    assert 'More than one face' in answer['message']


def test_strangers_are_blurred_in_all_that_is_shown_and_who_is_named_is_not(graph, faces, enrolled):
    faces.wait_for(lambda message: any(one.identity for one in message.faces), PATIENCE_S)
    places = boxes(faces)
    for query in ('overlay=0', 'overlay=1'):
        sharp = [detail(graph, query, box) for box in places]
        assert graph.send('POST', '/api/visualization/privacy', enabled=True)[0] == 200
        try:
            wait_until(
                lambda query=query, sharp=sharp: (
                    detail(graph, query, places[1]) < 0.2 * sharp[1]
                    and detail(graph, query, places[0]) > 0.5 * sharp[0]
                ),
                f'only the stranger is blurred with {query}',
            )
            # Who is forgotten is a stranger.
            if query == 'overlay=1':
                graph.send('DELETE', '/api/face', wallet_address=WALLET)
                wait_until(
                    lambda query=query, sharp=sharp: (
                        detail(graph, query, places[0]) < 0.2 * sharp[0]
                    ),
                    'who was forgotten is blurred',
                )
        finally:
            graph.send('POST', '/api/visualization/privacy', enabled=False)


def test_a_killed_overlay_node_comes_back_with_strangers_blurred(graph, faces):
    places = boxes(faces)
    sharp = [detail(graph, 'overlay=0', box) for box in places]
    assert graph.send('POST', '/api/visualization/privacy', enabled=True)[0] == 200
    try:
        before = graph.pids['overlay_node']
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: graph.pids['overlay_node'] != before, 'overlay_node started again')
        seen = [
            cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
            for jpeg in islice(graph.pictures('overlay=0'), 45)
        ]
        for picture in seen:
            x, y, width, height = (int(value) for value in places[1])
            face = picture[
                y + height // 5 : y + height * 4 // 5, x + width // 5 : x + width * 4 // 5
            ]
            assert cv2.Laplacian(face, cv2.CV_32F).var() < 0.3 * sharp[1]
    finally:
        graph.send('POST', '/api/visualization/privacy', enabled=False)


def test_without_a_face_node_nothing_is_shown_sharp(graph, faces):
    places = boxes(faces)
    sharp = [detail(graph, 'overlay=0', box) for box in places]
    assert graph.send('POST', '/api/visualization/privacy', enabled=True)[0] == 200
    # Stopped, not killed: it would be back within a second.
    os.kill(graph.pids['face_node'], signal.SIGSTOP)
    try:
        wait_until(
            lambda: all(
                detail(graph, 'overlay=0', box) < 0.2 * before
                for box, before in zip(places, sharp, strict=True)
            ),
            'the whole picture is blurred',
        )
    finally:
        os.kill(graph.pids['face_node'], signal.SIGCONT)
        graph.send('POST', '/api/visualization/privacy', enabled=False)


def test_a_face_node_killed_during_an_enrolment_is_told_and_the_next_one_works(graph, media):
    with Listener(graph) as listener, ThreadPoolExecutor(1) as pool:
        statuses = listener.subscribe(EnrollmentStatus, 'enrollment', LATCHED)
        # Two faces are in the picture: it does not end by itself.
        asked = pool.submit(graph.send, 'POST', '/api/face/enroll', wallet_address=WALLET)
        statuses.wait_for(lambda status: status.active, PATIENCE_S)
        before = graph.pids['face_node']
        os.kill(before, signal.SIGKILL)
        began_s = time.monotonic()
        status, answer = asked.result(PATIENCE_S)
        assert (status, answer['error']) == (503, 'part_not_running')
        # Long before the middleware notices that the process is gone.
        assert time.monotonic() - began_s < NOTICED_WITHIN_S
        statuses.wait_for(lambda status: not status.active, PATIENCE_S)
    wait_until(lambda: graph.get('/api/health')['parts']['face_node'] == 'ok', 'face_node')
    photo = (media / 'faces' / 'obama-1.jpg').read_bytes()
    status, answer = graph.send(
        'POST',
        '/api/face/enroll',
        wallet_address=WALLET,
        pictures=[base64.b64encode(photo).decode()],
    )
    assert status == 200, answer
    graph.send('DELETE', '/api/face', wallet_address=WALLET)


def test_a_killed_face_node_has_forgotten_everybody(graph, faces, enrolled):
    faces.wait_for(lambda message: any(one.identity for one in message.faces), PATIENCE_S)
    before = graph.pids['face_node']
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: graph.pids['face_node'] != before, 'face_node started again')
    faces.clear()
    first = faces.wait_for(lambda message: len(message.faces) == 2, START_PATIENCE_S)
    faces.wait_for(lambda message: message.sequence > first.sequence + 30, PATIENCE_S)
    assert not [face for message in faces.messages for face in message.faces if face.identity]
