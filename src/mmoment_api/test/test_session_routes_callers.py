"""Who calls: by which token, and what that keeps alive."""

import json

import pytest
from people import ANN, BEN, SIGNED, bearer

from mmoment_api.person_sessions import UNKNOWN_AT_MOST


def test_a_token_comes_as_bearer_cookie_or_in_the_body(caller, session_control):
    opened = session_control.open(ANN)
    body = {'wallet_address': ANN, 'session_id': opened.token}
    assert caller.get('/api/session', headers=bearer(opened)).status_code == 200
    assert caller.post('/detect_gesture', json=body).status_code == 200
    assert caller.post('/detect_gesture', json={**body, 'wallet_address': BEN}).status_code == 401
    assert caller.post('/detect_gesture', json={'session_id': opened.token}).status_code == 401
    assert caller.post('/detect_gesture', json=[opened.token]).status_code == 401
    caller.checked_in(opened)
    assert caller.get('/api/session').status_code == 200


def test_a_dead_cookie_hides_no_token_in_the_body(caller, session_control):
    old, opened = session_control.open(BEN), session_control.open(ANN)
    caller.checked_in(old)
    del session_control.opened[old.token]
    body = {'wallet_address': ANN, 'session_id': opened.token}
    assert caller.post('/detect_gesture', json=body).status_code == 200
    assert caller.post('/detect_gesture', json={**body, 'wallet_address': BEN}).status_code == 401


def test_who_guesses_tokens_is_told_to_wait_but_can_check_in(caller, session_control):
    def guess(number):
        headers = {'Authorization': f'Bearer {number:043d}'}
        return caller.get('/api/session', headers=headers)

    for number in range(UNKNOWN_AT_MOST):
        assert guess(number).status_code == 401
    answer = guess(UNKNOWN_AT_MOST)
    assert (answer.status_code, answer.json()['error']) == (429, 'too_many_failures')
    assert int(answer.headers['Retry-After']) == 60
    token = caller.post('/api/session/connect', json=SIGNED).json()['session_id']
    headers = {'Authorization': f'Bearer {token}'}
    assert caller.get('/api/session', headers=headers).status_code == 200


@pytest.mark.parametrize(
    ('method', 'path', 'is_action'),
    [
        ('GET', '/api/session', False),
        ('GET', '/api/health', False),
        ('GET', '/api/gesture/current', False),
        ('POST', '/detect_gesture', True),
        ('POST', '/api/visualization/face', True),
    ],
)
def test_what_a_page_asks_for_by_itself_is_no_action(ann, session_control, method, path, is_action):
    ann(method, path, **({'json': {'enabled': True}} if method == 'POST' else {}))
    assert {question[-1] for question in session_control.asked_for('get_session')} == {is_action}


def test_a_token_in_the_address_opens_nothing(caller, session_control):
    opened = session_control.open(ANN)
    answer = caller.get(
        '/api/gesture/current',
        params={'wallet_address': ANN, 'session_id': opened.token, 'token': opened.token},
    )
    assert answer.status_code == 401


def test_a_large_body_is_not_read_to_find_out_who_sends_it(caller, services, session_control):
    opened = session_control.open(ANN)
    body = {'wallet_address': ANN, 'session_id': opened.token, 'image': 'A' * 70_000}
    assert caller.post('/api/face/recognize', json=body).status_code == 401
    assert services.control.looked_at == []


def test_who_am_i(caller, owner, session_control):
    assert caller.get('/api/session').status_code == 401
    assert owner.get('/api/session').json() == {
        'success': True,
        'owner': True,
        'link': True,
        'wallet_address': None,
        'rights': ['admin', 'capture', 'enroll', 'recognize', 'record', 'stream', 'view'],
        'session': None,
    }
    opened = session_control.open(ANN, display_name='Ann')
    answer = caller.get('/api/session', headers=bearer(opened)).json()
    assert (answer['owner'], answer['rights']) == (False, ['enroll', 'recognize', 'view'])
    assert answer['session'] == {
        'id': 's1',
        'wallet_address': ANN,
        'display_name': 'Ann',
        'rights': ['enroll', 'recognize', 'view'],
        'source': 'siws',
        'created_at': opened.record.created_ms,
        'expires_at': opened.record.expires_ms,
        'last_seen_at': opened.record.last_seen_ms,
        'face_known': False,
    }
    assert opened.token not in json.dumps(answer)


def test_the_owner_of_the_link_may_be_checked_in_as_well(owner, services, session_control):
    opened = session_control.open(ANN)
    owner.cookie += f'; {services.settings.person_cookie_name}={opened.token}'
    answer = owner.get('/api/session').json()
    assert (answer['owner'], answer['wallet_address']) == (True, ANN)
    assert owner.post('/api/session/disconnect').status_code == 200
    answer = owner.get('/api/session').json()
    assert (answer['owner'], answer['wallet_address']) == (True, None)


def test_the_owners_link_works_without_session_node(owner, services, session_control):
    opened = session_control.open(ANN)
    owner.cookie += f'; {services.settings.person_cookie_name}={opened.token}'
    session_control.is_away = True
    answer = owner.get('/api/session')
    assert (answer.status_code, answer.json()['wallet_address']) == (200, None)
    assert owner.get('/test-page').status_code == 200
    assert owner.post('/api/face/enroll', json={'wallet_address': BEN}).status_code == 200
    assert owner.post('/api/session/disconnect').json()['part'] == 'session_node'


def test_a_session_that_is_over_is_told_so(ann, session_control):
    session_control.opened.clear()
    answer = ann.get('/api/session')
    assert (answer.status_code, answer.json()['error']) == (401, 'not_signed_in')


def test_public_answers_do_not_wait_for_session_node(ann, session_control):
    session_control.is_away = True
    assert ann.get('/api/health').status_code == 200
