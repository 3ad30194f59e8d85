"""`/api/session` and its like: what is asked of session_node, what is told, and to whom."""

import pytest
from people import ANN, BEN, bearer

# --- status, renewal, check-out -----------------------------------------------------------------


def test_status_is_of_oneself_or_for_the_owner(ann, owner, session_control):
    session_control.open(BEN)
    expires_ms = session_control.opened[next(iter(session_control.opened))].expires_ms
    own = {
        'success': True,
        'isCheckedIn': True,
        'activeSessionCount': 2,
        'walletAddress': ANN,
        'expiresAt': expires_ms,
    }
    assert ann.get(f'/api/session/status/{ANN}').json() == own
    assert ann.get(f'/api/session/status/{BEN}').status_code == 403
    assert owner.get(f'/api/session/status/{ANN}').json() == own
    session_control.opened.clear()
    answer = owner.get(f'/api/session/status/{ANN}').json()
    assert (answer['isCheckedIn'], answer['expiresAt']) == (False, None)


def test_renewal_gives_a_new_token_the_way_the_old_one_came(ann, caller_of, session_control):
    answer = ann.post('/api/session/renew')
    (token,) = session_control.opened
    assert answer.json()['session_id'] is None
    assert f'={token};' in answer.headers['set-cookie']
    program = caller_of(ann.services)
    headers = {'Authorization': f'Bearer {token}'}
    answer = program.post('/api/session/renew', headers=headers)
    assert 'set-cookie' not in answer.headers
    new_token = answer.json()['session_id']
    assert new_token in session_control.opened
    assert program.get('/api/session', headers=headers).status_code == 401


@pytest.mark.parametrize('path', ['/api/session/disconnect', '/disconnect', '/api/checkout'])
def test_checking_out_ends_the_session_at_once(ann, session_control, path):
    assert ann.get('/api/session').status_code == 200
    answer = ann.post(path)
    assert answer.json() == {
        'success': True,
        'wallet_address': ANN,
        'activities_committed': None,
        'message': 'Checked out',
    }
    assert 'max-age=0' in answer.headers['set-cookie'].lower()
    assert session_control.opened == {}
    assert ann.get('/api/session').status_code == 401


def test_older_clients_check_out_with_a_body(caller, session_control):
    opened = session_control.open(ANN)
    body = {'wallet_address': ANN, 'session_id': opened.token}
    assert caller.post('/disconnect', json=body).status_code == 200
    assert caller.post('/disconnect', json=body).status_code == 401


def test_an_owner_who_is_not_checked_in_cannot_check_out(owner, session_control):
    for path in ('/api/session/disconnect', '/api/session/renew'):
        answer = owner.post(path)
        assert (answer.status_code, answer.json()['error']) == (404, 'no_session')
    assert session_control.asked == []


# --- owner --------------------------------------------------------------------------------------


def test_the_owner_sees_and_ends_sessions(owner, caller, session_control):
    ann, ben = session_control.open(ANN), session_control.open(BEN)
    records = [ann.record, ben.record]
    owner.services.sessions.hear_sessions(records, session_control.utc_ms, 'r', 1)
    assert caller.get('/api/session', headers=bearer(ann)).status_code == 200
    answer = owner.get('/api/sessions')
    assert answer.json()['count'] == 2
    assert [item['wallet_address'] for item in answer.json()['sessions']] == [ANN, BEN]
    assert ann.token not in answer.text
    assert owner.post('/api/sessions/revoke', json={'id': 's1'}).json()['sessions'] == 1
    assert caller.get('/api/session', headers=bearer(ann)).status_code == 401
    answer = owner.post('/api/sessions/revoke', json={'wallet_address': BEN})
    assert answer.json()['sessions'] == 1
    assert owner.services.sessions.live == ()


@pytest.mark.parametrize('body', [{}, {'id': 's1', 'wallet_address': ANN}, {'id': ''}])
def test_revoking_needs_to_know_whom(owner, session_control, body):
    assert owner.post('/api/sessions/revoke', json=body).status_code == 422
    assert session_control.asked == []


def test_the_owner_grants_and_takes_back(owner, session_control):
    body = {'wallet_address': ANN, 'rights': ['capture', 'stream'], 'hours': 2}
    assert owner.post('/api/grants', json=body).json()['wallet_address'] == ANN
    assert owner.post('/api/grants', json={'wallet_address': ANN, 'revoke': True}).is_success
    assert session_control.asked == [
        ('grant_rights', ANN, ['capture', 'stream'], 2.0, False),
        ('grant_rights', ANN, [], 0.0, True),
    ]
    for wrong in ({'rights': []}, {'rights': ['fly']}, {'rights': ['view'], 'hours': -1}):
        answer = owner.post('/api/grants', json={'wallet_address': ANN, **wrong})
        assert answer.status_code == 422


def test_a_session_with_the_admin_right_is_the_owner_of_everything(caller, session_control):
    boss = session_control.open(ANN, rights=('admin',))
    assert caller.get('/api/sessions', headers=bearer(boss)).status_code == 200
    answer = caller.get('/api/session', headers=bearer(boss)).json()
    assert (answer['owner'], answer['link'], answer['wallet_address']) == (True, False, ANN)
    assert caller.get('/api/health', headers=bearer(boss)).json()['detail'] is not None


# --- health -------------------------------------------------------------------------------------


def test_health_and_status_tell_how_many_are_checked_in(caller, owner, services, session_control):
    records = [session_control.open(ANN).record, session_control.open(BEN, face_known=True).record]
    services.sessions.hear_sessions(records, session_control.utc_ms, 'r', 1)
    health = caller.get('/api/health').json()
    assert health['active_sessions'] == 2
    assert health['session'] == {'running': False, 'active': 2, 'faces_known': None}
    assert owner.get('/api/health').json()['session']['faces_known'] == 1
    assert caller.get('/api/status').json()['activeSessionCount'] == 2
    assert ANN not in caller.get('/api/health').text
