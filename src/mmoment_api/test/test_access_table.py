import json
from pathlib import Path

import pytest

from mmoment_api.access import OWNER, Access
from mmoment_api.access_table import ACCESS, access_of
from mmoment_api.openapi_file import text
from mmoment_api.routes.root import CAPABILITIES

COMMITTED = Path(__file__).parents[3] / 'openapi.json'
WEBSOCKETS = {'WEBSOCKET /api/events', 'WEBSOCKET /api/live/video', 'WEBSOCKET /api/live/jpeg'}
HIDDEN = {'GET /assets/{name}'} | WEBSOCKETS
PUBLIC = {
    'GET /',
    'GET /assets/{name}',
    'GET /sign-in',
    'POST /sign-in',
    'POST /sign-out',
    'GET /api/health',
    'GET /health',
    'GET /api/status',
    'GET /api/camera/info',
    'GET /api/session/challenge',
    'POST /api/session/connect',
    'POST /connect',
    'POST /api/checkin',
    'GET /api/chain/status',
    'GET /check-in',
    'POST /api/stream/livepeer/webhook',
}
ANY_SESSION = {route for route, access in ACCESS.items() if access is Access.SESSION}
# These go on and on; `test_session_streams.py` has them.
ENDLESS = {'GET /api/events', 'GET /mjpeg-stream', 'GET /stream'}
ANN = 'So11111111111111111111111111111111111111112'


def described():
    paths = json.loads(COMMITTED.read_text())['paths']
    return {f'{method.upper()} {path}' for path, methods in paths.items() for method in methods}


def filled(path):
    return path.replace('{name}', 'style.css').replace('{wallet}', ANN)


def calls():
    return sorted((described() | set(ACCESS)) - WEBSOCKETS)


def test_the_committed_description_is_that_of_the_app():
    assert COMMITTED.read_text() == text(), (
        'write it anew: python -m mmoment_api.openapi_file openapi.json'
    )


def test_the_table_lists_exactly_the_routes_that_exist():
    assert set(ACCESS) == described() | HIDDEN


def test_exactly_these_routes_are_public():
    assert {route for route, access in ACCESS.items() if access is Access.PUBLIC} == PUBLIC


def test_what_is_not_listed_is_for_the_owner():
    assert access_of('GET', '/new-route') is Access.OWNER


@pytest.mark.parametrize('route', calls())
def test_every_other_route_answers_401_to_strangers(caller, route):
    method, path = route.split(' ')
    answer = caller(method, filled(path))
    if route in PUBLIC:
        assert answer.status_code not in (401, 403)
    else:
        assert answer.status_code == 401
        assert answer.json()['error'] == 'not_signed_in'


@pytest.mark.parametrize('route', [route for route in calls() if route not in PUBLIC | ANY_SESSION])
def test_a_session_without_the_right_is_refused(caller, session_control, route):
    caller.checked_in(session_control.open(ANN, rights=()))
    method, path = route.split(' ')
    answer = caller(method, filled(path))
    assert answer.status_code == 403
    assert answer.json()['error'] == 'forbidden'
    assert OWNER.may(Access(answer.json()['right']))


@pytest.mark.parametrize('route', sorted(set(calls()) - PUBLIC - ENDLESS))
def test_a_session_with_the_right_gets_there_and_others_are_the_owners(
    caller, services, session_control, route
):
    access = ACCESS[route]
    rights = () if access in (Access.SESSION, Access.OWNER) else (access.value,)
    caller.checked_in(session_control.open(ANN, rights=rights))
    services.control.is_away = True
    method, path = route.split(' ')
    answer = caller(method, filled(path))
    if access is Access.OWNER:
        assert (answer.status_code, answer.json()['right']) == (403, 'owner')
    else:
        assert answer.status_code not in (401, 403), answer.text
        # Whoever asks, the right was asked for of the session's own keeper.
        right = '' if access is Access.SESSION else access.value
        assert session_control.asked_for('get_session')[0][2] == right


@pytest.mark.parametrize('route', sorted(set(calls()) - PUBLIC - ENDLESS))
def test_the_owner_gets_everywhere_without_session_node(owner, services, session_control, route):
    services.control.is_away = True
    session_control.is_away = True
    method, path = route.split(' ')
    assert owner(method, filled(path)).status_code not in (401, 403)


@pytest.mark.parametrize('route', sorted(set(calls()) - PUBLIC - ENDLESS))
def test_without_session_node_sessions_are_told_so(caller, session_control, route):
    caller.checked_in(session_control.open(ANN))
    session_control.is_away = True
    method, path = route.split(' ')
    answer = caller(method, filled(path))
    assert (answer.status_code, answer.json()['error']) == (503, 'part_not_running')
    assert answer.json()['part'] == 'session_node'


def test_only_what_works_is_announced(owner):
    announced = {route for routes in CAPABILITIES.values() for route in routes}
    assert announced <= set(ACCESS)
    index = owner.get('/').json()['standardized_endpoints']
    assert {f'{item["method"]} {item["path"]}' for items in index.values() for item in items} == (
        announced
    )
    for items in index.values():
        for item in items:
            assert item['access'] == ACCESS[f'{item["method"]} {item["path"]}'].value
