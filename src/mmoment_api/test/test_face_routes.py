"""`/api/face`: what is asked for, what is answered, and what never is."""

import asyncio
import base64
import contextlib
import json
import time
from dataclasses import replace

import pytest

from mmoment_api.face_requests import PICTURE_REQUESTS_AT_MOST, FoundFace, FoundFaces, face_id
from mmoment_api.graph_state import DiagnosticState, StageState
from mmoment_api.session_control import WithdrawnConsent, refused_by_session
from mmoment_chain.consent_texts import VERSIONS

ANN = 'So11111111111111111111111111111111111111112'
BEN = 'Vote111111111111111111111111111111111111111'
JPEG = b'\xff\xd8\xff\xe0' + b'rest'
PICTURE = base64.b64encode(JPEG).decode()
AGREED = {'consent_version': VERSIONS[0]}
FACES = (
    FoundFace(1.0, 2.0, 30.0, 40.0, 0.9, track_id=7, identity=ANN, similarity=0.8),
    FoundFace(5.0, 6.0, 20.0, 25.0, 0.7, track_id=8, identity=BEN, similarity=0.6),
    FoundFace(9.0, 9.0, 10.0, 10.0, 0.5),
)


@pytest.fixture
def ann(caller, session_control):
    """Somebody whose session has all rights that people have."""
    return caller.checked_in(session_control.open(ANN))


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


@pytest.mark.parametrize(
    'arguments', [{'params': {'wallet_address': ANN}}, {'json': {'wallet_address': ANN}}]
)
def test_the_owner_has_a_face_forgotten(owner, services, session_control, arguments):
    answer = owner('DELETE', '/api/face', **arguments)
    assert answer.json() == {
        'success': True,
        'wallet_address': ANN,
        'face_forgotten': True,
        'templates': 1,
        'consents': 2,
        'message': 'Forgotten',
    }
    assert session_control.asked == [('forget_template', '', ANN)]
    # session_node has it wiped, and knows that it is.
    assert services.control.forgotten == []


def test_who_is_not_forgotten_yet_is_told(owner, session_control):
    session_control.withdrawn = WithdrawnConsent(0, 0, False, 'Soon')
    answer = owner('DELETE', '/api/face', json={'wallet_address': ANN}).json()
    assert (answer['face_forgotten'], answer['templates'], answer['message']) == (False, 0, 'Soon')


def test_without_session_node_the_owner_has_it_wiped_from_memory(owner, services, session_control):
    session_control.is_away = True
    answer = owner('DELETE', '/api/face', json={'wallet_address': ANN}).json()
    assert (answer['face_forgotten'], answer['templates'], answer['consents']) == (True, None, None)
    assert 'session_node is not running' in answer['message']
    assert services.control.forgotten == [ANN]
    services.control.is_away = True
    answer = owner('DELETE', '/api/face', json={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['part']) == (503, 'face_node')


def test_what_session_node_refuses_is_not_taken_for_its_absence(owner, services, session_control):
    session_control.refusal = refused_by_session('not_kept', 'The disk is full')
    answer = owner('DELETE', '/api/face', json={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['error']) == (503, 'not_kept')
    assert services.control.forgotten == []


def test_people_withdraw_their_own_consent_whatever_their_rights(caller, services, session_control):
    opened = session_control.open(ANN, rights=())
    person = caller.checked_in(opened)
    assert person('DELETE', '/api/face', json={'wallet_address': ANN}).status_code == 200
    assert session_control.asked_for('forget_template') == [('forget_template', opened.token, '')]
    # What was remembered of the session may say that the face is known.
    asked = len(session_control.asked_for('get_session'))
    assert person.get('/api/session').status_code == 200
    assert len(session_control.asked_for('get_session')) > asked
    # Whoever was asked a moment ago is known still: nobody but the owner gets half an answer.
    session_control.is_away = True
    answer = person('DELETE', '/api/face', json={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['part']) == (503, 'session_node')
    assert services.control.forgotten == []


@pytest.mark.parametrize('arguments', [{}, {'params': {'wallet_address': 'x'}}, {'json': {}}])
def test_forgetting_needs_to_know_whom(owner, session_control, arguments):
    answer = owner('DELETE', '/api/face', **arguments)
    assert (answer.status_code, answer.json()['field']) == (422, 'wallet_address')
    assert not session_control.asked


def test_people_speak_for_themselves_only(ann, services):
    services.control.found = FoundFaces(True, '', f'{BEN} is there', 'm', 640, 480, FACES)
    for wallet, status in ((ANN, 200), (BEN, 403)):
        answer = ann.post('/api/face/enroll', json={'wallet_address': wallet, **AGREED})
        assert answer.status_code == status
    assert ann('DELETE', '/api/face', json={'wallet_address': BEN}).status_code == 403
    assert [wish.identity for wish in services.control.wishes] == [ANN]
    assert not services.sessions.control.asked_for('forget_template')
    answer = ann.post('/api/face/recognize')
    assert [face['identity'] for face in answer.json()['faces']] == [ANN, None, None]
    assert BEN not in answer.text
    assert '0.6' not in answer.text


@pytest.mark.parametrize('body', [{}, {'consent_version': ''}, {'consent_version': 'another'}])
def test_people_are_not_enrolled_without_having_agreed(
    ann, caller_of, services, session_control, body
):
    admin = caller_of(services).checked_in(session_control.open(BEN, rights=('admin',)))
    beside_link = caller_of(services).signed_in()
    beside_link.cookie += f'; {ann.cookie}'
    for caller, wallet in ((ann, ANN), (admin, BEN), (beside_link, ANN)):
        for named in ({}, {'wallet_address': wallet}):
            answer = caller.post('/api/face/enroll', json={**named, **body})
            assert (answer.status_code, answer.json()['error']) == (422, 'no_consent')
            assert answer.json()['field'] == 'consent_version'
            assert answer.json()['versions'] == list(VERSIONS)
    assert not services.control.wishes
    assert beside_link.post('/api/face/enroll', json={'wallet_address': BEN}).status_code == 200


@pytest.mark.parametrize('version', VERSIONS)
def test_each_text_of_the_camera_will_do_and_is_recorded(ann, services, session_control, version):
    answer = ann.post('/api/face/enroll', json={'consent_version': version})
    assert answer.status_code == 200
    assert [wish.identity for wish in services.control.wishes] == [ANN]
    (token,) = session_control.opened
    assert session_control.asked_for('give_consent') == [('give_consent', token, version)]


def test_where_the_consent_cannot_be_recorded_nobody_is_learnt(ann, services, session_control):
    assert ann.get('/api/session').status_code == 200
    session_control.refusal = refused_by_session('not_kept', 'The disk is full')
    answer = ann.post('/api/face/enroll', json=AGREED)
    assert (answer.status_code, answer.json()['error']) == (503, 'not_kept')
    assert not services.control.wishes


def test_the_owner_answers_for_the_consent_of_others(owner, services, session_control):
    assert owner.post('/api/face/enroll', json={'wallet_address': BEN}).status_code == 200
    assert [wish.identity for wish in services.control.wishes] == [BEN]
    assert not session_control.asked_for('give_consent')


@pytest.mark.parametrize('given', [{'image': PICTURE}, {'pictures': [PICTURE]}])
@pytest.mark.parametrize(
    ('setting', 'status', 'liveness'),
    [
        ({}, 403, False),
        ({'session_enrolment': 'live'}, 403, False),
        ({'session_enrolment': 'live_with_liveness'}, 403, True),
        ({'session_enrolment': 'any'}, 200, False),
    ],
)
def test_what_people_are_enrolled_from(
    caller_of, make_services, session_control, given, setting, status, liveness
):
    services = make_services(**setting)
    person = caller_of(services).checked_in(session_control.open(ANN))
    answer = person.post('/enroll_face', json={**AGREED, **given})
    assert answer.status_code == status
    if status == 403:
        assert (answer.json()['error'], answer.json()['field']) == ('not_enabled', 'pictures')
        assert not services.control.wishes
    del services.control.wishes[:]
    for asked in (False, True):
        body = {**AGREED, 'liveness': asked}
        assert person.post('/api/face/enroll', json=body).status_code == 200
    assert [wish.with_liveness for wish in services.control.wishes] == [liveness, True]
    owner = caller_of(services).signed_in()
    body = {'wallet_address': BEN, **given}
    assert owner.post('/api/face/enroll', json=body).status_code == 200
    assert services.control.wishes[-1].with_liveness is False


def test_who_leaves_meanwhile_is_not_known_afterwards(ann, services, session_control):
    (record,) = session_control.opened.values()
    control = services.control
    learn = control.enroll

    async def learn_and_leave(wish):
        outcome = await learn(wish)
        services.sessions.hear_change(record.session_id, ANN, is_over=True)
        return outcome

    control.enroll = learn_and_leave
    answer = ann.post('/api/face/enroll', json=AGREED)
    assert (answer.status_code, answer.json()['reason']) == (401, 'session_over')
    assert control.forgotten == [ANN]


def test_who_left_while_the_pictures_were_on_the_way_is_not_learnt(
    caller, services, session_control
):
    # Live when asked for, and over behind that.
    ann = caller.checked_in(session_control.open(ANN, expires_ms=session_control.utc_ms))
    answer = ann.post('/api/face/enroll', json=AGREED)
    assert (answer.status_code, answer.json()['reason']) == (401, 'session_over')
    assert services.control.wishes == []


def test_nobody_but_the_owner_turns_the_blur_off(ann, services):
    answer = ann.post('/api/visualization/privacy', json={'enabled': False})
    assert (answer.status_code, answer.json()['right']) == (403, 'owner')
    assert services.control.switches['blur_strangers'] is True


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


# --- with a real server -----------------------------------------------------------------------


def ask(served, method, path, body=None):
    """Send a request on a connection of its own, which is returned."""
    content = json.dumps(body or {}).encode()
    connection = served.connect()
    connection.sendall(
        f'{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {served.cookie}\r\n'
        f'Content-Type: application/json\r\nContent-Length: {len(content)}\r\n'
        f'Connection: close\r\n\r\n'.encode()
        + content
    )
    return connection


def answer_of(connection):
    """Status and JSON of the answer."""
    data = b''
    while chunk := connection.recv(65536):
        data += chunk
    connection.close()
    head, _, body = data.partition(b'\r\n\r\n')
    return int(head.split()[1]), json.loads(body)


@pytest.fixture
def enrolling(served, services):
    """A connection whose enrolment goes on."""
    control = services.control
    control.enrolment_may_end = asyncio.Event()
    connection = ask(served, 'POST', '/api/face/enroll', {'wallet_address': ANN})
    served.until(lambda: control.wishes)
    yield connection
    connection.close()
    served.until(lambda: control.given_up)


def test_a_client_that_leaves_ends_its_enrolment(served, services, enrolling):
    time.sleep(0.1)
    assert not services.control.given_up
    enrolling.close()
    served.until(lambda: services.control.given_up)
    services.control.enrolment_may_end.set()
    status, answer = answer_of(ask(served, 'POST', '/api/face/enroll', {'wallet_address': BEN}))
    assert (status, answer['wallet_address']) == (200, BEN)


def test_a_second_enrolment_has_to_wait(served, services, enrolling):
    status, answer = answer_of(ask(served, 'POST', '/api/face/enroll', {'wallet_address': BEN}))
    assert (status, answer['error']) == (409, 'enrolment_running')
    assert not services.control.given_up


def test_an_enrolment_is_cancelled(served, services, enrolling):
    assert answer_of(ask(served, 'POST', '/api/face/enroll/cancel')) == (
        200,
        {'success': True, 'cancelled': True},
    )
    status, answer = answer_of(enrolling)
    assert (status, answer['error']) == (409, 'enrolment_cancelled')
    assert [wish.identity for wish in services.control.given_up] == [ANN]


@pytest.mark.parametrize(
    ('method', 'path'), [('DELETE', '/api/face'), ('POST', '/api/person/forget')]
)
def test_who_is_forgotten_meanwhile_is_not_learnt(served, services, enrolling, method, path):
    assert answer_of(ask(served, method, path, {'wallet_address': BEN}))[0] == 200
    assert not services.control.given_up
    assert answer_of(ask(served, method, path, {'wallet_address': ANN}))[0] == 200
    status, answer = answer_of(enrolling)
    assert (status, answer['error']) == (409, 'enrolment_cancelled')
    assert [wish.identity for wish in services.control.given_up] == [ANN]


def test_without_an_enrolment_there_is_nothing_to_cancel(owner):
    assert owner.post('/api/face/enroll/cancel').json()['cancelled'] is False


def test_the_server_ends_in_the_middle_of_an_enrolment(served_by, services):
    services.control.enrolment_may_end = asyncio.Event()
    served = served_by(services)
    connection = ask(served, 'POST', '/api/face/enroll', {'wallet_address': ANN})
    served.until(lambda: services.control.wishes)
    began_s = time.monotonic()
    served.server.stop()
    assert time.monotonic() - began_s < 4.0
    assert services.control.given_up
    connection.close()
