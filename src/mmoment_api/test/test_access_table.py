import json
from pathlib import Path

import pytest

from mmoment_api.access import OWNER, Access, Principal
from mmoment_api.access_table import ACCESS, access_of
from mmoment_api.openapi_file import text
from mmoment_api.routes import later
from mmoment_api.routes.root import CAPABILITIES

COMMITTED = Path(__file__).parents[3] / 'openapi.json'
HIDDEN = {'GET /assets/{name}', 'WEBSOCKET /api/events'}
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
}
LATER = {route for routes in later.PARTS.values() for route in routes}


def described():
    paths = json.loads(COMMITTED.read_text())['paths']
    return {f'{method.upper()} {path}' for path, methods in paths.items() for method in methods}


def calls():
    return sorted((described() | LATER | set(ACCESS)) - {'WEBSOCKET /api/events'})


def test_the_committed_description_is_that_of_the_app():
    assert COMMITTED.read_text() == text(), (
        'write it anew: python -m mmoment_api.openapi_file openapi.json'
    )


def test_the_table_lists_exactly_the_routes_that_exist():
    assert set(ACCESS) == described() | LATER | HIDDEN


def test_exactly_these_routes_are_public():
    assert {route for route, access in ACCESS.items() if access is Access.PUBLIC} == PUBLIC


def test_what_is_not_listed_is_for_the_owner():
    assert access_of('GET', '/new-route') is Access.OWNER


@pytest.mark.parametrize('route', calls())
def test_every_other_route_answers_401_to_strangers(caller, route):
    method, path = route.split(' ')
    answer = caller(method, path.replace('{name}', 'style.css'))
    if route in PUBLIC:
        assert answer.status_code not in (401, 403)
    else:
        assert answer.status_code == 401
        assert answer.json()['error'] == 'not_signed_in'


@pytest.mark.parametrize('route', [route for route in calls() if route not in PUBLIC])
def test_a_session_without_the_right_is_refused(caller, monkeypatch, route):
    nobody_special = Principal('somebody')
    monkeypatch.setattr(type(caller.services.sign_in), 'principal', lambda *_: nobody_special)
    method, path = route.split(' ')
    answer = caller(method, path)
    assert answer.status_code == 403
    assert answer.json()['error'] == 'forbidden'
    assert OWNER.may(Access(answer.json()['right']))


def test_only_what_works_is_announced(owner):
    announced = {route for routes in CAPABILITIES.values() for route in routes}
    assert not announced & LATER
    assert announced <= set(ACCESS)
    index = owner.get('/').json()['standardized_endpoints']
    assert {f'{item["method"]} {item["path"]}' for items in index.values() for item in items} == (
        announced
    )
    for items in index.values():
        for item in items:
            assert item['access'] == ACCESS[f'{item["method"]} {item["path"]}'].value
