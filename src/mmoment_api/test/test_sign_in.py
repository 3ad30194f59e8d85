import re
from importlib import resources

import pytest

from mmoment_api.routes.pages import ASSETS

FORM = {'Content-Type': 'application/x-www-form-urlencoded'}


def test_link_to_cookie_to_page(caller, services):
    token = services.sign_in.new_token()
    assert caller.get(f'/sign-in?token={token}').status_code == 200
    answer = caller.post('/sign-in', json={'token': token})
    assert answer.status_code == 200
    cookie = answer.headers['Set-Cookie']
    assert cookie.startswith('mmoment_session_5002=')
    assert 'HttpOnly' in cookie
    assert 'SameSite=strict' in cookie
    assert 'Max-Age=3600' in cookie
    assert token not in cookie
    caller.cookie = cookie.split(';')[0]
    assert caller.get('/test-page').status_code == 200
    caller.post('/sign-out')
    assert caller.get('/test-page').status_code == 401


def test_looking_at_the_link_does_not_spend_it(caller, services):
    token = services.sign_in.new_token()
    for method in ('GET', 'HEAD', 'OPTIONS'):
        answer = caller(method, f'/sign-in?token={token}')
        assert 'Set-Cookie' not in answer.headers
    assert caller.post('/sign-in', json={'token': token}).status_code == 200


def test_the_token_works_once_and_a_wrong_one_never(caller, services):
    token = services.sign_in.new_token()
    assert caller.post('/sign-in', json={'token': token}).status_code == 200
    for wrong in (token, 'guess', ''):
        answer = caller.post('/sign-in', json={'token': wrong})
        assert answer.status_code == 401
        assert answer.json()['error'] == 'link_refused'
        assert 'Set-Cookie' not in answer.headers


def test_guessing_is_slowed_down(caller):
    answers = [caller.post('/sign-in', json={'token': 'guess'}) for _ in range(11)]
    assert answers[-1].status_code == 429
    assert answers[-1].json()['error'] == 'too_many_failures'
    assert int(answers[-1].headers['Retry-After']) == 60


def test_without_scripts_a_form_does_it(caller, services):
    token = services.sign_in.new_token()
    answer = caller.post('/sign-in', content=f'token={token}', headers=FORM)
    assert answer.status_code == 303
    assert answer.headers['Location'] == '/test-page'
    assert 'HttpOnly' in answer.headers['Set-Cookie']
    again = caller.post('/sign-in', content=f'token={token}', headers=FORM)
    assert again.status_code == 401
    assert 'sign-in link' in again.text


@pytest.mark.parametrize('body', ['', '[]', '{"token": 3}', '{', '"x"', '[' * 60_000])
def test_bodies_that_are_none(caller, body):
    answer = caller.post('/sign-in', content=body)
    assert answer.status_code in (400, 422)
    assert answer.json()['success'] is False


def test_a_browser_is_told_how_to_get_in(caller):
    answer = caller.get('/test-page', headers={'Accept': 'text/html,*/*'})
    assert answer.status_code == 401
    assert answer.headers['Content-Type'].startswith('text/html')
    assert 'sign_in_link' in answer.text


@pytest.mark.parametrize(
    ('namespace', 'service'), [('/yard/left', '/yard/left/sign_in_link'), ('/', '/sign_in_link')]
)
def test_the_way_in_is_told_for_this_camera(make_services, caller_of, namespace, service):
    caller = caller_of(make_services(namespace=namespace))
    text = caller.get('/test-page', headers={'Accept': 'text/html'}).text
    assert f'--namespace {namespace}\n' in text.replace('<', '\n')
    assert f' {service} ' in text
    assert '{' not in text


def test_a_program_gets_a_bearer_token_and_no_cookie(caller, services):
    wish = {'token': services.sign_in.new_token(), 'bearer': True}
    answer = caller.post('/sign-in', json=wish)
    assert 'Set-Cookie' not in answer.headers
    bearer = {'Authorization': f'Bearer {answer.json()["session_token"]}'}
    assert caller.get('/api/visualization', headers=bearer).status_code == 200
    assert caller.post('/sign-out', headers=bearer).status_code == 200
    assert caller.get('/api/visualization', headers=bearer).status_code == 401


@pytest.mark.parametrize('value', ['Bearer ', 'Bearer wrong', 'Basic eDp4', 'Bearer'])
def test_other_authorisations_are_nobody(caller, value):
    answer = caller.get('/api/visualization', headers={'Authorization': value})
    assert answer.status_code == 401


def test_a_browser_is_not_shown_its_session(caller, services):
    answer = caller.post('/sign-in', json={'token': services.sign_in.new_token()})
    assert answer.json() == {'success': True}


def test_the_cookie_is_secure_behind_https(caller_of, services):
    caller = caller_of(services)
    answer = caller.post(
        'https://127.0.0.1:5002/sign-in', json={'token': services.sign_in.new_token()}
    )
    assert 'Secure' in answer.headers['Set-Cookie']


def test_assets_are_a_fixed_list(caller):
    for name in ASSETS:
        assert caller.get(f'/assets/{name}').status_code == 200
    for name in ('page.html', '..%2faccess.py', 'nothing.css'):
        assert caller.get(f'/assets/{name}').status_code == 404


def test_pages_hold_nothing_that_the_policy_forbids():
    for item in resources.files('mmoment_api').joinpath('web').iterdir():
        if not item.name.endswith('.html'):
            continue
        html = item.read_text()
        assert not re.search(r'<script(?![^>]*\ssrc=)', html), item.name
        assert not re.search(r'\s(style|on\w+)=', html), item.name
        assert not re.search(r'(src|href)="(?!/|#)', html), item.name
