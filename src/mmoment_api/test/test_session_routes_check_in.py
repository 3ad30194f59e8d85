import base64

import pytest
from people import ANN, SIGNED

from mmoment_api.errors import ApiError
from mmoment_api.session_control import refused_by_session

BYTES = base64.b64encode(b'sealed').decode()


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
        'withheld': [],
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


def test_what_is_tied_to_something_on_the_chain_is_said(caller, session_control):
    session_control.withheld = (('record', 'It takes the face NFT of this camera'),)
    answer = caller.post('/api/checkin', json=SIGNED).json()
    assert answer['withheld'] == [
        {'right': 'record', 'because': 'It takes the face NFT of this camera'}
    ]


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


def test_an_error_of_a_part_is_no_fault(caller, session_control):
    session_control.refusal = ApiError(503, 'part_not_running', 'session_node is not running')
    assert caller.post('/api/session/connect', json=SIGNED).status_code == 503


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
