"""`/api/face`: what is asked for, what is answered, and what never is."""

import base64
import contextlib
from dataclasses import replace

import pytest
from fake_pictures import JPEG, PICTURE
from people import ANN, BEN, FACES

from mmoment_api.face_requests import PICTURE_REQUESTS_AT_MOST, FoundFaces, face_id
from mmoment_api.graph_state import DiagnosticState, StageState


def test_a_face_is_learned_from_the_live_picture(owner, services):
    body = {'wallet_address': ANN, 'liveness': True, 'timeout_s': 20, 'session_id': 'old'}
    answer = owner.post('/api/face/enroll', json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        'success': True,
        'wallet_address': ANN,
        'face_id': face_id('model-1', ANN),
        'quality': {'score': 0.8, 'rating': 'good', 'reasons': ['blurred']},
        'model': 'model-1',
        'views': 5,
        'liveness_passed': True,
        'record_id': None,
        'envelope': None,
        'message': 'Known from now on',
    }
    (wish,) = services.control.wishes
    assert (wish.identity, wish.pictures, wish.with_liveness, wish.timeout_s) == (
        ANN,
        (),
        True,
        20.0,
    )


def test_or_from_given_pictures_by_either_name(owner, services):
    url = f'data:image/jpeg;base64,{PICTURE}'
    body = {'wallet_address': ANN, 'pictures': [PICTURE, url], 'image': PICTURE}
    assert owner.post('/enroll_face', json=body).status_code == 200
    assert [(item.format, item.data) for item in services.control.wishes[0].pictures] == [
        ('jpeg', JPEG)
    ] * 3


@pytest.mark.parametrize(
    ('changes', 'status', 'field'),
    [
        ({'wallet_address': None}, 422, 'wallet_address'),
        ({'wallet_address': ANN[:-1]}, 422, 'wallet_address'),
        ({'wallet_address': ANN.replace('S', '0')}, 422, 'wallet_address'),
        ({'timeout_s': -1}, 422, 'timeout_s'),
        ({'timeout_s': 1e9}, 422, 'timeout_s'),
        ({'pictures': [PICTURE] * 11}, 422, 'pictures'),
        ({'pictures': [PICTURE] * 10, 'image': PICTURE}, 422, 'pictures'),
        ({'pictures': [PICTURE, '?']}, 422, 'pictures.1'),
        ({'image': 'A' * (11 * 2**20)}, 413, 'image'),
        ({'image': base64.b64encode(b'GIF89a').decode()}, 415, 'image'),
    ],
)
def test_what_is_wrong_is_named(owner, services, changes, status, field):
    answer = owner.post('/api/face/enroll', json={'wallet_address': ANN, **changes})
    assert (answer.status_code, answer.json()['field']) == (status, field)
    assert not services.control.wishes


def test_bodies_of_other_kinds_are_refused(owner):
    for path in ('/api/face/enroll', '/api/face/recognize', '/api/face/detect'):
        picture = owner.post(path, content=JPEG, headers={'Content-Type': 'image/jpeg'})
        assert (picture.status_code, picture.json()['error']) == (415, 'wrong_type')
        broken = owner.post(path, content='{', headers={'Content-Type': 'application/json'})
        assert (broken.status_code, broken.json()['error']) == (400, 'malformed')


@pytest.mark.parametrize(
    ('code', 'status', 'told'),
    [
        ('more_than_one_face', 422, 'more_than_one_face'),
        ('busy', 409, 'busy'),
        ('no_picture', 503, 'no_picture'),
        ('', 503, 'part_not_running'),
    ],
)
def test_a_refusal_has_its_code_and_reasons(owner, services, code, status, told):
    control = services.control
    control.outcome = replace(
        control.outcome, success=False, error_code=code, message='Why', reasons=('dark', 'small')
    )
    answer = owner.post('/api/face/enroll', json={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['error']) == (status, told)
    assert 'face_id' not in answer.json()
    if code:
        assert answer.json()['message'] == 'Why'
        assert answer.json()['reasons'] == ['dark', 'small']


def test_a_missing_part_is_named(owner, services):
    services.control.is_away = True
    for method, path in (
        ('POST', '/api/face/enroll'),
        ('POST', '/api/face/recognize'),
        ('POST', '/api/face/detect'),
    ):
        answer = owner(method, path, json={'wallet_address': ANN})
        assert (answer.status_code, answer.json()['error']) == (503, 'part_not_running')
        assert answer.json()['part'] == 'face_node'


def test_recognition_of_the_live_and_of_a_given_picture(owner, services):
    services.control.found = FoundFaces(True, '', '3 faces seen', 'model-1', 640, 480, FACES)
    answer = owner.post('/api/face/recognize').json()
    assert answer['message'] == '3 faces seen'
    assert (answer['model'], answer['width'], answer['height']) == ('model-1', 640, 480)
    assert answer['faces'][0] == {
        'box': {'x': 1.0, 'y': 2.0, 'width': 30.0, 'height': 40.0},
        'score': 0.9,
        'track_id': 7,
        'identity': ANN,
        'similarity': 0.8,
    }
    assert answer['faces'][2]['identity'] is None
    assert answer['faces'][2]['similarity'] is None
    assert answer['faces'][2]['track_id'] is None
    for name in ('image', 'picture'):
        assert owner.post('/recognize_face', json={name: PICTURE}).status_code == 200
    live, *given = services.control.looked_at
    assert live is None
    assert [picture.data for picture in given] == [JPEG, JPEG]


def test_detection_tells_no_names(owner, services):
    services.control.found = FoundFaces(True, '', f'{ANN} is there', 'm', 640, 480, FACES)
    answer = owner.post('/api/face/detect', json={'picture': PICTURE})
    assert [set(face) for face in answer.json()['faces']] == [{'box', 'score', 'track_id'}] * 3
    assert ANN not in answer.text
    assert BEN not in answer.text


def test_a_refused_picture_is_told(owner, services):
    services.control.found = FoundFaces(False, 'unreadable_picture', 'Damaged', '', 0, 0)
    for path in ('/api/face/recognize', '/api/face/detect'):
        answer = owner.post(path, json={'picture': PICTURE})
        assert (answer.status_code, answer.json()['error']) == (422, 'unreadable_picture')


def test_only_so_many_pictures_at_once(owner, services):
    with contextlib.ExitStack() as stack:
        for _ in range(PICTURE_REQUESTS_AT_MOST):
            stack.enter_context(services.picture_gate.entered())
        answer = owner.post('/api/face/recognize')
    assert (answer.status_code, answer.json()['error']) == (429, 'too_many_requests')
    assert answer.headers['Retry-After'] == '1'
    assert owner.post('/api/face/recognize').status_code == 200


def test_vision_in_health(services, caller, owner, clock):
    values = {'model_id': 'model-1', 'people': '2'}
    services.state.hear_stage(StageState(1000.0, 'face_node', 'mtcnn', 30.0, 9.0, 9.0, 1, 2, 3))
    services.state.hear_diagnostic(
        DiagnosticState(1000.0, 'face_node', 'recognition', 'ok', '', values)
    )
    told = owner.get('/api/health').json()['vision']['faces']
    assert (told['model_id'], told['people'], told['dropped']) == ('model-1', 2, 2)
    owner.cookie = None
    told = owner.get('/api/health').json()['vision']['faces']
    assert (told['model_id'], told['people'], told['dropped']) == ('model-1', None, None)
    assert owner.get('/api/camera/info').json()['capabilities']['face_recognition'] is True
