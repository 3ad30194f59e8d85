"""`/api/session` and its like: what is asked of session_node, what is told, and to whom."""

import base64
import json

import pytest

from mmoment_api.errors import ApiError
from mmoment_api.person_sessions import UNKNOWN_AT_MOST
from mmoment_api.session_control import ErasedPerson, GivenTemplate, refused_by_session
from mmoment_chain.consent_texts import VERSIONS

ANN = 'So11111111111111111111111111111111111111112'
BEN = 'Vote111111111111111111111111111111111111111'
SIGNED = {'wallet_address': ANN, 'message': 'text', 'signature': 'signed'}
AGREED = {'consent_version': VERSIONS[0]}
BYTES = base64.b64encode(b'sealed').decode()
TEMPLATE = {
    'record_id': 'r1',
    'model_id': 'model-1',
    'envelope': BYTES,
    'custody': 'user',
    'consent_version': '1',
}


@pytest.fixture
def ann(caller, session_control):
    return caller.checked_in(session_control.open(ANN))


def bearer(opened):
    return {'Authorization': f'Bearer {opened.token}'}


# --- challenge ----------------------------------------------------------------------------------


def test_a_challenge_is_for_the_page_that_asks(caller, session_control):
    answer = caller.get('/api/session/challenge', params={'wallet_address': ANN, '_t': '1'})
    assert answer.json() == {
        'success': True,
        'wallet_address': ANN,
        'message': f'127.0.0.1:5002 wants {ANN} to sign',
        'nonce': 'nonce',
        'memo_transaction': None,
        'issued_at': session_control.utc_ms,
        'expires_at': session_control.utc_ms + 300_000,
    }
    assert session_control.asked == [
        ('create_challenge', ANN, '127.0.0.1:5002', '127.0.0.1', False)
    ]
    memo = caller.get('/api/session/challenge', params={'wallet_address': ANN, 'memo': '1'})
    assert memo.json()['memo_transaction'] == 'bWVtbw=='


def test_pages_of_allowed_sites_sign_for_their_own_name(caller_of, make_services, session_control):
    caller = caller_of(make_services(allowed_origins=('https://app.example.org',)))
    for origin, domain in (
        ('https://app.example.org', 'app.example.org'),
        ('https://other.example.org', '127.0.0.1:5002'),
    ):
        caller.get(
            '/api/session/challenge',
            params={'wallet_address': ANN},
            headers={'Origin': origin},
        )
        assert session_control.asked[-1][2] == domain


def test_asking_too_often_is_told_with_when_to_try_again(caller, session_control):
    session_control.refusal = refused_by_session('too_many', 'Wait', 2.2)
    answer = caller.get('/api/session/challenge', params={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['error']) == (429, 'too_many')
    assert answer.headers['Retry-After'] == '3'


@pytest.mark.parametrize('wallet', ['', 'x', ANN[:-1], ANN + '1'])
def test_a_challenge_needs_a_wallet(caller, session_control, wallet):
    answer = caller.get('/api/session/challenge', params={'wallet_address': wallet})
    assert (answer.status_code, answer.json()['field']) == (422, 'wallet_address')
    assert session_control.asked == []


# --- check-in -----------------------------------------------------------------------------------


@pytest.mark.parametrize('path', ['/api/session/connect', '/connect', '/api/checkin'])
def test_a_signed_challenge_checks_in(caller, session_control, path):
    body = {**SIGNED, 'display_name': 'Ann', 'wrapped_key': BYTES, 'unknown': 1}
    answer = caller.post(path, json=body)
    ((token, record),) = session_control.opened.items()
    assert answer.json() == {
        'success': True,
        'session_id': token,
        'id': 's1',
        'wallet_address': ANN,
        'display_name': 'Ann',
        'rights': ['enroll', 'recognize', 'view'],
        'created_at': record.created_ms,
        'expires_at': record.expires_ms,
        'camera_pda': None,
        'camera_url': 'http://127.0.0.1:5002',
        'message': 'Checked in',
    }
    assert 'set-cookie' not in answer.headers
    (_, wish) = session_control.asked[0]
    assert (wish.message, wish.signature, wish.wrapped_key) == ('text', 'signed', b'sealed')
    assert wish.source == '127.0.0.1'
    who = caller.get('/api/session', headers={'Authorization': f'Bearer {token}'})
    assert who.json()['wallet_address'] == ANN


def test_pages_keep_the_token_in_a_cookie_that_no_script_reads(caller, services, session_control):
    answer = caller.post('/api/session/connect', json={**SIGNED, 'cookie': True})
    (token,) = session_control.opened
    assert answer.json()['session_id'] is None
    assert token not in answer.text
    name, _, rest = answer.headers['set-cookie'].partition('=')
    assert name == services.settings.person_cookie_name != services.settings.cookie_name
    assert rest.startswith(f'{token};')
    assert {'httponly', 'samesite=strict'} <= {part.strip().lower() for part in rest.split(';')}
    assert 'secure' not in rest.lower()


def test_a_browser_that_checks_in_again_ends_the_session_it_had(caller, session_control):
    before = session_control.open(ANN)
    ann = caller.checked_in(before)
    assert ann.get('/api/session').json()['session']['id'] == 's1'
    assert ann.post('/api/session/connect', json=SIGNED).status_code == 200
    assert before.token in session_control.opened
    assert ann.post('/api/session/connect', json={**SIGNED, 'cookie': True}).status_code == 200
    assert [wish.replaces for _, wish in session_control.asked_for('check_in')] == [
        '',
        before.token,
    ]
    # At once: what was remembered of it is asked for anew.
    assert ann.get('/api/session').status_code == 401


@pytest.mark.parametrize('cookie', ['x', '"', 43 * '.'])
def test_a_cookie_that_is_no_token_replaces_nothing(caller, services, session_control, cookie):
    caller.cookie = f'{services.settings.person_cookie_name}={cookie}'
    answer = caller.post('/api/session/connect', json={**SIGNED, 'cookie': True})
    assert answer.status_code == 200
    assert [wish.replaces for _, wish in session_control.asked_for('check_in')] == ['']


def test_a_hardware_wallet_sends_a_transaction(caller, session_control):
    body = {'wallet_address': ANN, 'transaction': 'signed'}
    assert caller.post('/api/session/connect', json=body).status_code == 200
    (_, wish) = session_control.asked[0]
    assert (wish.memo_transaction, wish.message, wish.signature) == ('signed', '', '')


@pytest.mark.parametrize('timestamp', [1_700_000_000_123, '1700000000123'])
def test_what_older_clients_sign_is_passed_on_as_they_signed_it(caller, session_control, timestamp):
    body = {
        'wallet_address': ANN,
        'request_timestamp': timestamp,
        'request_nonce': 'abc',
        'request_signature': 'signed',
    }
    assert caller.post('/api/checkin', json=body).status_code == 200
    (_, wish) = session_control.asked[0]
    assert (wish.message, wish.signature) == (f'{ANN}|1700000000123|abc', 'signed')


@pytest.mark.parametrize(
    ('code', 'status'),
    [
        ('bad_signature', 401),
        ('used_nonce', 401),
        ('wrong_camera', 401),
        ('malformed', 422),
        ('not_enabled', 403),
        ('too_many', 429),
        ('too_many_sessions', 503),
        ('', 503),
    ],
)
def test_refusals_have_their_own_code(caller, session_control, code, status):
    session_control.refusal = refused_by_session(code, 'Why')
    answer = caller.post('/api/session/connect', json=SIGNED)
    assert (answer.status_code, answer.json()['error']) == (status, code or 'part_not_running')
    assert session_control.opened == {}


@pytest.mark.parametrize(
    ('changes', 'field'),
    [
        ({'wallet_address': None}, 'wallet_address'),
        ({'wallet_address': '0' * 44}, 'wallet_address'),
        ({'message': 'x' * 5000}, 'message'),
        ({'wrapped_key': '?'}, 'wrapped_key'),
        ({'display_name': 'x' * 65}, 'display_name'),
        ({'request_timestamp': True}, 'request_timestamp'),
    ],
)
def test_what_is_wrong_is_named(caller, session_control, changes, field):
    answer = caller.post('/api/session/connect', json={**SIGNED, **changes})
    assert (answer.status_code, answer.json()['field']) == (422, field)
    assert session_control.asked == []


# --- who calls ----------------------------------------------------------------------------------


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


# --- faces --------------------------------------------------------------------------------------


def test_a_session_enrols_its_own_wallet(ann, services):
    key = base64.b64encode(b'k' * 32).decode()
    control = services.control
    control.outcome = control.outcome.__class__(
        **{
            **{name: getattr(control.outcome, name) for name in control.outcome.__slots__},
            'record_id': 'r1',
            'envelope': b'sealed',
        }
    )
    answer = ann.post('/api/face/enroll', json={'owner_key': key, **AGREED})
    assert (answer.json()['record_id'], answer.json()['envelope']) == ('r1', BYTES)
    assert answer.json()['wallet_address'] == ANN
    assert (control.wishes[0].identity, control.wishes[0].owner_key) == (ANN, b'k' * 32)
    assert ann.post('/api/face/enroll', json={'wallet_address': BEN}).status_code == 403
    short = {'owner_key': base64.b64encode(b'k' * 31).decode()}
    assert ann.post('/api/face/enroll', json=short).json()['field'] == 'owner_key'
    assert len(control.wishes) == 1


def test_nobody_gets_the_template_of_somebody_else(owner, services, session_control):
    body = {'wallet_address': BEN, 'owner_key': base64.b64encode(b'k' * 32).decode()}
    answer = owner.post('/api/face/enroll', json=body)
    assert (answer.status_code, answer.json()['field']) == (403, 'owner_key')
    admin = bearer(session_control.open(ANN, rights=('admin',)))
    for consent in ({}, AGREED):
        answer = owner.post('/api/face/enroll', json={**body, **consent}, headers=admin)
        assert (answer.status_code, answer.json()['field']) == (403, 'owner_key')
    assert services.control.wishes == []
    own = {**body, 'wallet_address': ANN, **AGREED}
    assert owner.post('/api/face/enroll', json=own, headers=admin).status_code == 200


def test_ones_own_sealed_template_is_kept_and_given_back(ann, session_control):
    assert ann.get('/api/face/template').status_code == 404
    body = TEMPLATE
    assert ann('PUT', '/api/face/template', json=body).json()['record_id'] == 'r1'
    (question,) = session_control.asked_for('keep_template')
    assert question[2:] == (GivenTemplate('r1', 'model-1', 'user', b'sealed'), '1')
    assert ann.get('/api/face/template').json() == {
        'success': True,
        'wallet_address': ANN,
        'record_id': 'r1',
        'model_id': 'model-1',
        'custody': 'user',
        'envelope': BYTES,
        'camera_key': base64.b64encode(b'k' * 32).decode(),
        'camera_id': 'camera',
    }


@pytest.mark.parametrize(
    'changes', [{'envelope': ''}, {'envelope': '?'}, {'custody': 'me'}, {'consent_version': ''}]
)
def test_a_template_needs_consent_and_a_custody(ann, session_control, changes):
    body = {**TEMPLATE, **changes}
    answer = ann('PUT', '/api/face/template', json=body)
    assert (answer.status_code, answer.json()['field']) == (422, next(iter(changes)))
    assert not session_control.kept


def test_templates_are_nobody_elses(owner, session_control):
    answer = owner.get('/api/face/template', params={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['error']) == (404, 'no_session')


# --- forgetting ---------------------------------------------------------------------------------


def test_people_erase_themselves(ann, session_control):
    (token,) = session_control.opened
    assert ann.post('/api/person/forget', json={'wallet_address': BEN}).status_code == 403
    answer = ann.post('/api/person/forget', json={'confirm_media': True})
    assert answer.json() == {
        'success': True,
        'wallet_address': ANN,
        'erased': 3,
        'face_forgotten': True,
        'traces_cleaned': True,
        'media_erased': False,
        'message': 'Forgotten',
    }
    assert session_control.asked_for('forget_person') == [('forget_person', token, '', True)]
    assert 'max-age=0' in answer.headers['set-cookie'].lower()
    assert ann.get('/api/session').status_code == 401


def test_the_owner_erases_whom_they_name(owner, session_control):
    assert owner.post('/api/person/forget').status_code == 422
    answer = owner.post('/api/person/forget', json={'wallet_address': ANN})
    assert answer.json()['erased'] == 3
    assert session_control.asked_for('forget_person') == [('forget_person', '', ANN, False)]


def test_what_is_not_erased_yet_is_told(owner, session_control):
    session_control.erased = ErasedPerson(2, False, False, True, 'Files are still cleaned')
    answer = owner.post('/api/person/forget', json={'wallet_address': ANN}).json()
    assert (answer['erased'], answer['message']) == (2, 'Files are still cleaned')
    told = (answer['face_forgotten'], answer['traces_cleaned'], answer['media_erased'])
    assert told == (False, False, True)


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


# --- behind a proxy -----------------------------------------------------------------------------

FORWARDED = {'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '203.0.113.9, 198.51.100.7'}


@pytest.mark.parametrize(
    ('trusted', 'source', 'is_secure'),
    [
        ((), '127.0.0.1', False),
        (('198.51.100.7',), '127.0.0.1', False),
        (('127.0.0.1',), '198.51.100.7', True),
        (('127.0.0.1', '198.51.100.7'), '203.0.113.9', True),
    ],
)
def test_a_proxy_is_believed_only_if_it_was_named(
    caller_of, make_services, session_control, trusted, source, is_secure
):
    caller = caller_of(make_services(trusted_proxies=trusted))
    body = {**SIGNED, 'cookie': True}
    answer = caller.post('/api/session/connect', json=body, headers=FORWARDED)
    (_, wish) = session_control.asked[0]
    assert wish.source == source
    assert ('secure' in answer.headers['set-cookie'].lower()) is is_secure
    assert answer.json()['camera_url'].startswith('https' if is_secure else 'http:')


def test_whoever_forwards_nonsense_is_the_caller(caller_of, make_services, session_control):
    caller = caller_of(make_services(trusted_proxies=('127.0.0.1',)))
    headers = {'X-Forwarded-For': 'unknown'}
    caller.post('/api/session/connect', json=SIGNED, headers=headers)
    assert session_control.asked[0][1].source == '127.0.0.1'


def test_an_error_of_a_part_is_no_fault(caller, session_control):
    session_control.refusal = ApiError(503, 'part_not_running', 'session_node is not running')
    assert caller.post('/api/session/connect', json=SIGNED).status_code == 503
