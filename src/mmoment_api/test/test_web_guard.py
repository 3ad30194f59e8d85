import asyncio

import pytest

from mmoment_api.app import create_app, guarded
from mmoment_api.web_guard import BODY_AT_MOST, BODY_AT_MOST_OF, WebGuard

OWN = 'http://127.0.0.1:5002'


@pytest.mark.parametrize(
    'host', ['127.0.0.1:5002', 'localhost', 'LOCALHOST:99', '[::1]:5002', '192.168.1.7', 'cam.test']
)
def test_known_hosts(make_services, caller_of, host):
    caller = caller_of(make_services(allowed_hosts=('cam.test',)))
    assert caller.get('/', headers={'Host': host}).status_code == 200


@pytest.mark.parametrize(
    'host', ['evil.test', 'localhost.evil.test', '127.0.0.1.evil.test', '', '[::1', 'a@localhost:x']
)
def test_other_names_are_rebinding(caller, host):
    answer = caller.get('/', headers={'Host': host})
    assert answer.status_code == 403
    assert answer.json()['error'] == 'host_not_allowed'


@pytest.mark.parametrize('origin', ['https://evil.test', 'null', 'http://127.0.0.1:9999'])
def test_other_sites_change_nothing(owner, services, origin):
    answer = owner.post(
        '/api/visualization/face', json={'enabled': False}, headers={'Origin': origin}
    )
    assert answer.status_code == 403
    assert answer.json()['error'] == 'origin_not_allowed'
    assert services.control.switches['show_faces'] is True


def test_cross_site_without_origin_is_refused(owner):
    answer = owner.post('/api/visualization/face', headers={'Sec-Fetch-Site': 'cross-site'})
    assert answer.status_code == 403


@pytest.mark.parametrize('site', ['cross-site', 'same-site', 'none'])
def test_a_hidden_origin_is_foreign_unless_it_is_the_same(owner, site):
    answer = owner.post(
        '/api/visualization/face', headers={'Origin': 'null', 'Sec-Fetch-Site': site}
    )
    assert answer.status_code == 403


def test_whoever_brings_a_token_was_not_made_to_call(caller, owner, session_control):
    headers = {'Origin': 'null', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors'}
    opened = session_control.open('So11111111111111111111111111111111111111112')
    bearer = {'Authorization': f'Bearer {opened.token}', **headers}
    assert caller.post('/api/visualization/face', headers=bearer).status_code == 200
    assert caller.get('/api/gesture/current', headers=bearer).status_code == 200
    # The cookie that a browser adds by itself does not count beside a token.
    wrong = {'Authorization': f'Bearer {"x" * 43}', **headers}
    assert owner.post('/api/visualization/face', headers=wrong).status_code == 401
    cookie = {'Cookie': caller.checked_in(opened).cookie, **headers}
    caller.cookie = None
    assert caller.post('/api/visualization/face', headers=cookie).status_code == 403


def test_the_own_page_and_programs_may(owner):
    for headers in (
        {'Origin': OWN},
        {},
        {'Sec-Fetch-Site': 'same-origin'},
        {'Origin': 'null', 'Sec-Fetch-Site': 'same-origin'},
    ):
        assert owner.post('/api/visualization/face', headers=headers).status_code == 200


@pytest.mark.parametrize('site', ['cross-site', 'same-site'])
def test_pages_of_other_sites_and_ports_embed_nothing(owner, services, site):
    for path in ('/mjpeg-stream', '/api/visualization', '/test-page', '/api/events'):
        headers = {'Sec-Fetch-Site': site, 'Sec-Fetch-Dest': 'image'}
        answer = owner.get(path, headers=headers)
        assert answer.status_code == 403, path
        assert answer.json()['error'] == 'origin_not_allowed'
    assert services.live.figures.viewers == 0
    assert owner.get('/', headers=headers).status_code == 200


@pytest.mark.parametrize(
    'headers',
    [
        {},
        {'Sec-Fetch-Site': 'none', 'Sec-Fetch-Dest': 'document'},
        {'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'empty'},
        # A link on another page that a person follows.
        {'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Dest': 'document'},
        {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'empty', 'Origin': 'https://app.test'},
    ],
)
def test_the_own_page_programs_links_and_friends_may_read(make_services, caller_of, headers):
    owner = caller_of(make_services(allowed_origins=('https://App.test',))).signed_in()
    answer = owner.get('/api/visualization', headers=headers)
    assert answer.status_code == 200
    assert answer.headers['Cross-Origin-Resource-Policy'] == 'same-origin'


def test_a_page_of_a_configured_origin_signs_in_and_calls(make_services, caller_of):
    services = make_services(allowed_origins=('https://app.test',))
    caller = caller_of(services)
    headers = {'Origin': 'https://app.test', 'Sec-Fetch-Site': 'cross-site'}
    wish = {'token': services.sign_in.new_token(), 'bearer': True}
    answer = caller.post('/sign-in', json=wish, headers=headers)
    assert answer.headers['Access-Control-Allow-Origin'] == 'https://app.test'
    headers['Authorization'] = f'Bearer {answer.json()["session_token"]}'
    assert caller.post('/api/visualization/face', headers=headers).status_code == 200
    assert caller.get('/api/visualization', headers=headers).status_code == 200


def test_configured_origins_get_cors_and_others_do_not(make_services, caller_of):
    services = make_services(allowed_origins=('https://app.test',))
    caller = caller_of(services).signed_in()
    preflight = {
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type',
    }
    friend = caller('OPTIONS', '/api/capture', headers={'Origin': 'https://app.test', **preflight})
    assert friend.status_code == 200
    assert friend.headers['Access-Control-Allow-Origin'] == 'https://app.test'
    stranger = caller(
        'OPTIONS', '/api/capture', headers={'Origin': 'https://evil.test', **preflight}
    )
    assert 'Access-Control-Allow-Origin' not in stranger.headers
    answer = caller.post('/api/visualization/face', headers={'Origin': 'https://app.test'})
    assert answer.status_code == 200
    assert answer.headers['Access-Control-Allow-Origin'] == 'https://app.test'


def test_without_configured_origins_there_is_no_cors(caller):
    answer = caller.get('/', headers={'Origin': 'https://evil.test'})
    assert 'Access-Control-Allow-Origin' not in answer.headers


def test_large_bodies_are_refused_unread(owner):
    answer = owner.post('/api/camera/source', content=b'x' * (BODY_AT_MOST + 1))
    assert answer.status_code == 413
    assert answer.json()['error'] == 'too_large'


def test_only_bodies_that_hold_pictures_may_be_large(owner, services):
    body = b' ' * (BODY_AT_MOST + 1)
    for path in BODY_AT_MOST_OF:
        assert owner.post(path, content=body).status_code != 413
        answer = owner.post(path, content=b'', headers={'Content-Length': str(2**30)})
        assert answer.status_code == 413


def test_strangers_are_refused_before_their_pictures_are_read(caller):
    taken = []

    async def body():
        taken.append(True)
        yield b'{}'

    headers = {'Content-Length': '1000000'}
    for path in BODY_AT_MOST_OF:
        assert caller.post(path, content=body(), headers=headers).status_code == 401
    assert not taken


def test_bodies_without_length_are_refused(owner):
    async def body():
        yield b'{}'

    answer = owner.post('/api/camera/source', content=body())
    assert answer.status_code == 411


@pytest.mark.parametrize(
    ('headers', 'status'),
    [
        ({'host': '127.0.0.1:5002', 'origin': OWN}, 401),
        ({'host': '127.0.0.1:5002', 'origin': 'https://evil.test'}, 403),
        ({'host': 'evil.test'}, 403),
    ],
)
def test_websockets_are_checked_as_well(services, headers, status):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {'type': 'websocket.connect'}

    scope = {
        'type': 'websocket',
        'path': '/api/events',
        'raw_path': b'/api/events',
        'root_path': '',
        'scheme': 'ws',
        'query_string': b'',
        'subprotocols': [],
        'headers': [(name.encode(), value.encode()) for name, value in headers.items()],
        'extensions': {'websocket.http.response': {}},
    }
    asyncio.run(guarded(create_app(services))(scope, receive, send))
    assert sent[0]['type'] == 'websocket.http.response.start'
    assert sent[0]['status'] == status
    assert services.events.listeners == 0


@pytest.mark.parametrize(
    ('own', 'told'),
    [
        ('private, max-age=60', 'private, max-age=60'),
        ('public, max-age=60', 'no-store'),
        ('max-age=60', 'no-store'),
        ('', 'no-store'),
    ],
)
def test_answers_are_stored_by_nobody_in_between(own, told):
    async def app(scope, receive, send):
        headers = [(b'cache-control', own.encode())] if own else []
        await send({'type': 'http.response.start', 'status': 200, 'headers': headers})

    sent = []

    async def send(message):
        sent.append(message)

    scope = {'type': 'http', 'method': 'GET', 'path': '/', 'headers': [(b'host', b'localhost')]}
    asyncio.run(WebGuard(app)(scope, None, send))
    told_headers = [item for item in sent[0]['headers'] if item[0] == b'cache-control']
    assert told_headers == [(b'cache-control', told.encode())]
