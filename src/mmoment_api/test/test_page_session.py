"""Somebody without the owner's link checks in, sees what they may, and leaves: in a real browser,
against the real api_node and session_node.
"""

import time

import pytest
from page_camera import ELSEWHERE, PeopleCamera
from page_scripts import OLDER_BROWSER, SLOW_ENDINGS
from served_camera import browser, served, until

from mmoment_chain.rights import DEFAULT_RIGHTS
from tests.browser import CHROMIUM, DRIVER

pytestmark = pytest.mark.graph

if not CHROMIUM or not DRIVER:
    pytest.skip('there is no Chromium with its driver', allow_module_level=True)


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    with served(PeopleCamera, tmp_path_factory.mktemp) as running:
        yield running


def test_a_stranger_is_led_to_the_check_in(camera):
    camera.open_check_in()
    camera.driver.get(f'{camera.url}/test-page')
    assert 'not signed in' in camera.driver.page_source
    camera.picture('stranger')
    camera.driver.find_element('partial link text', 'check in').click()
    until(lambda: camera.is_at('/check-in'))
    until(lambda: camera.shows('demo-hint'))
    camera.picture('check-in')


def test_where_browsers_offer_no_keys_the_page_says_what_to_do(camera, tmp_path):
    with browser(tmp_path, f'--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1') as driver:
        driver.get(f'http://{ELSEWHERE}:{camera.port}/check-in')
        said = until(lambda: driver.find_element('id', 'check-in-message').text)
        assert 'https://' in said
        assert f'http://localhost:{camera.port}' in said
        assert not driver.find_element('id', 'check-in-button').is_enabled()


def test_a_browser_that_makes_no_such_keys_offers_no_demo_key(camera):
    with camera.script(OLDER_BROWSER):
        camera.open_check_in()
        until(lambda: 'Ed25519' in camera.text('demo-hint'))
        assert 'Demo key' not in camera.find('wallet-choice').text
        assert not camera.find('check-in-button').is_enabled()
        camera.picture('no-demo-key')
    camera.open_check_in()


def test_checked_in_they_see_what_their_rights_allow(camera):
    camera.check_in('Ann <b>')
    assert camera.text('session-name') == 'Ann <b>'
    rights = {item.text for item in camera.driver.find_elements('css selector', '.right')}
    assert {'view', 'enroll', 'recognize'} <= rights
    assert 'admin' not in rights
    assert 'Until' in camera.text('session-expiry')
    for owners in ('source-form', 'parts', 'enrol-form', 'sign-out'):
        assert not camera.shows(owners)
    until(lambda: 'Connected' in camera.text('log'))
    camera.picture('session')


def test_renewed_it_is_the_same_session(camera):
    before = camera.driver.get_cookies()
    camera.find('session-renew').click()
    until(lambda: camera.text('session-message') == 'Renewed')
    assert [item['value'] for item in camera.driver.get_cookies()] != [
        item['value'] for item in before
    ]
    assert camera.shows('session')


@pytest.mark.parametrize('way', ['check-out-button', 'forget-me'])
def test_who_leaves_arrives_though_the_page_hears_sooner_that_the_session_is_over(camera, way):
    with camera.script(SLOW_ENDINGS):
        camera.driver.refresh()
        until(lambda: camera.shows('session'))
        until(lambda: 'Connected' in camera.text('log'))
        camera.find(way).click()
        if way == 'forget-me':
            camera.find(way).click()
        # What the page made of it before it had an answer.
        until(lambda: 'Signed out' in camera.text('banner'))
        until(lambda: camera.is_at('/check-in'))
        assert bool(camera.text('check-in-message')) == (way == 'forget-me')
    camera.check_in()
    until(lambda: 'no template' in camera.text('template-state'))


def test_the_owner_ends_a_session_and_the_page_says_so(camera):
    script = """
        const [token, done] = arguments;
        const tell = (path, body, headers = {}) => fetch(path, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'Content-Type': 'application/json', ...headers },
        }).then((answer) => answer.json());
        tell('/sign-in', { token, bearer: true }).then(({ session_token: bearer }) => {
          const headers = { Authorization: `Bearer ${bearer}` };
          const wallet = document.getElementById('session-wallet').title
            || document.getElementById('session-name').title;
          return tell('/api/sessions/revoke', { wallet_address: wallet }, headers);
        }).then(done, (error) => done(String(error)));
    """
    answer = camera.driver.execute_async_script(script, camera.links()[0].partition('token=')[2])
    assert answer['sessions'] >= 1, answer
    until(lambda: 'Signed out' in camera.text('banner') and camera.shows('banner-link'))
    assert 'revoked' in camera.text('log')
    assert not camera.shows('session')
    camera.picture('revoked')


def test_the_owner_checks_in_beside_the_link_and_keeps_everything(camera):
    camera.driver.get(camera.new_link())
    until(lambda: camera.is_at('/test-page'))
    for owners in ('source-form', 'parts', 'enrol-form', 'sign-out', 'wallet-form'):
        until(lambda name=owners: camera.shows(name))
    camera.picture('owner')
    camera.find('check-in-button').click()
    until(lambda: camera.shows('session'))
    assert camera.shows('source-form')
    camera.picture('owner-checked-in')
    camera.find('check-out-button').click()
    until(lambda: camera.shows('wallet-form'))
    assert camera.is_at('/test-page')
    assert camera.shows('source-form')


def test_who_may_not_see_the_picture_is_told_so_and_has_their_card(camera):
    camera.everybody_may('recognize', 'enroll')
    try:
        camera.driver.delete_all_cookies()
        camera.open_check_in()
        camera.check_in('Bea')
        until(lambda: 'view' in camera.text('banner'))
        assert not camera.shows('picture')
        assert camera.text('overall') == 'no live picture'
        # Longer than it takes to find a connection lost and to try again.
        time.sleep(2)
        assert 'lost' not in camera.text('banner')
        camera.picture('no-view')
        camera.find('check-out-button').click()
        until(lambda: camera.is_at('/check-in'))
    finally:
        camera.everybody_may(*DEFAULT_RIGHTS)


def test_who_may_see_the_picture_no_longer_is_told_so_at_once(camera):
    camera.open_check_in()
    camera.check_in()
    until(lambda: 'Connected' in camera.text('log'))
    camera.everybody_may('recognize', 'enroll')
    try:
        until(lambda: 'view' in camera.text('banner') and not camera.shows('picture'))
        time.sleep(2)
        assert 'lost' not in camera.text('banner')
        assert camera.shows('session')
    finally:
        camera.everybody_may(*DEFAULT_RIGHTS)
    camera.find('session-renew').click()
    until(lambda: not camera.shows('banner') and camera.shows('picture'))
    until(lambda: camera.text('overall') != 'no live picture')


def test_nothing_was_refused_or_thrown_and_no_secret_was_logged(camera):
    assert camera.faults() == []
    assert camera.logged_secrets() == []
    assert ''.join(camera.lines).count('token=') == len(camera.links()) == 2
