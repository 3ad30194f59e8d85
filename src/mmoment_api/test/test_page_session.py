"""Somebody without the owner's link checks in, is enrolled, comes back and is forgotten: in a real
browser, against the real api_node and session_node. Of the rest of the camera, only what they need
of face_node is played: it seals what it has learnt, and opens what it is handed.
"""

import json
import time

import pytest
from page_camera import ELSEWHERE, Camera, browser, picture, until
from page_scripts import OLDER_BROWSER, SLOW_ENDINGS, WALLET
from played_face_node import TEMPLATE

from mmoment_chain.rights import DEFAULT_RIGHTS
from tests.browser import CHROMIUM, DRIVER, Select

pytestmark = pytest.mark.graph

if not CHROMIUM or not DRIVER:
    pytest.skip('there is no Chromium with its driver', allow_module_level=True)

# What the console says of answers that are refused here on purpose, and of streams that ended.
KNOWN = ('401', '404', '409', '422', '503', 'WebSocket')


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    folder = tmp_path_factory.mktemp('camera') / 'data'
    with browser(tmp_path_factory.mktemp('browser')) as driver:
        running = Camera(folder, driver)
        try:
            yield running
        finally:
            running.close()


def test_a_stranger_is_led_to_the_check_in(camera):
    camera.open_check_in()
    camera.driver.get(f'{camera.url}/test-page')
    assert 'not signed in' in camera.driver.page_source
    picture(camera, 'stranger')
    camera.driver.find_element('partial link text', 'check in').click()
    until(lambda: camera.is_at('/check-in'))
    until(lambda: camera.shows('demo-hint'))
    picture(camera, 'check-in')


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
        picture(camera, 'no-demo-key')
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
    picture(camera, 'session')


def test_without_consent_nothing_is_enrolled(camera):
    camera.find('consent-enrol').click()
    time.sleep(0.5)
    assert camera.text('session-message') == ''
    assert 'no template' in camera.text('template-state')


def test_with_consent_the_sealed_template_is_kept(camera):
    camera.driver.find_element('css selector', '#consent summary').click()
    assert camera.text('consent-version') in camera.text('consent-form')
    camera.find('consent-switch').click()
    camera.find('consent-enrol').click()
    until(lambda: 'is kept' in camera.text('session-message'))
    assert 'recognises you' in camera.text('template-state')
    assert not camera.shows('custody')
    picture(camera, 'enrolled')


def test_renewed_it_is_the_same_session(camera):
    before = camera.driver.get_cookies()
    camera.find('session-renew').click()
    until(lambda: camera.text('session-message') == 'Renewed')
    assert [item['value'] for item in camera.driver.get_cookies()] != [
        item['value'] for item in before
    ]
    assert camera.shows('session')


def test_at_the_next_check_in_the_camera_is_handed_the_key(camera):
    camera.find('check-out-button').click()
    until(lambda: camera.is_at('/check-in'))
    camera.check_in()
    ((wallet, template),) = until(lambda: camera.faces.opened)
    assert template == TEMPLATE
    assert wallet == camera.find('session-wallet').get_attribute('title')
    until(lambda: 'recognises you' in camera.text('template-state'))
    picture(camera, 'recognised')


def test_a_browser_that_forgot_the_template_fetches_it_first(camera):
    camera.wipe('templates')
    del camera.faces.opened[:]
    camera.find('check-out-button').click()
    until(lambda: camera.is_at('/check-in'))
    camera.check_in()
    until(lambda: camera.faces.opened)
    until(lambda: 'recognises you' in camera.text('template-state'))


def test_no_script_reads_the_keys_or_the_token(camera):
    script = """
        const done = arguments[0];
        indexedDB.open('mmoment').onsuccess = ({ target }) => {
          const names = ['demo', 'keys'];
          const reading = target.result.transaction(names);
          const asked = names.map((name) => reading.objectStore(name).getAll());
          reading.oncomplete = () => {
            const kept = asked.flatMap(({ result }) => result).map((item) => item.key ?? item);
            target.result.close();
            done(kept.filter((item) => item.privateKey).map((item) => item.privateKey.extractable));
          };
        };
    """
    assert camera.driver.execute_async_script(script) == [False, False]
    assert camera.driver.execute_script('return document.cookie') == ''
    assert all(cookie['httpOnly'] for cookie in camera.driver.get_cookies())


def test_two_clicks_and_they_are_forgotten(camera):
    wallet = camera.find('session-wallet').get_attribute('title')
    button = camera.find('forget-me')
    button.click()
    assert button.text == 'Really forget?'
    assert camera.shows('session')
    button.click()
    until(lambda: camera.is_at('/check-in'))
    assert wallet in until(lambda: camera.faces.forgotten)
    # The camera's own words of what is done.
    assert until(lambda: camera.text('check-in-message'))
    camera.driver.refresh()
    until(lambda: 'Demo key' in camera.find('wallet-choice').text)
    assert camera.text('check-in-message') == ''
    camera.check_in()
    until(lambda: 'no template' in camera.text('template-state'))


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


def test_the_text_is_that_of_the_choice_whatever_the_camera_is_at(camera):
    own, cameras = '2026-11-1', '2026-11-1-camera'
    with camera.stopped(camera.processes[1]):
        for custody, version in (('camera', cameras), ('user', own), ('camera', cameras)):
            camera.find('consent-switch').click()
            camera.choose_custody(custody)
            assert camera.text('consent-version-again') == version
            assert not camera.find('consent-switch').is_selected()
    before = camera.consents()
    camera.begin_enrolment()
    for waiting in ('session-renew', 'consent-enrol'):
        assert not camera.find(waiting).is_enabled()
    camera.choose_custody('user')
    assert camera.text('consent-version-again') == own
    assert not camera.find('consent-switch').is_selected()
    camera.faces.finds_faces = camera.faces.is_looking = False
    until(lambda: 'No good view' in camera.text('session-message'))
    picture(camera, 'not-enrolled')
    # Nobody has agreed to what is shown now.
    camera.find('consent-enrol').click()
    time.sleep(0.5)
    assert len(camera.faces.looked_for) == 1
    assert camera.consents() == [*before, cameras]
    camera.faces.finds_faces = True
    camera.choose_custody('camera')
    camera.begin_enrolment()
    camera.choose_custody('user')
    camera.faces.is_looking = False
    until(lambda: 'is kept' in camera.text('session-message'))
    assert camera.consents() == [*before, cameras]


def test_who_checks_out_does_not_wait_for_an_enrolment(camera):
    camera.begin_enrolment()
    camera.find('check-out-button').click()
    until(lambda: camera.is_at('/check-in'))
    assert camera.faces.cancelled == camera.faces.looked_for
    camera.faces.is_looking = False
    camera.check_in()


def test_who_wants_to_be_forgotten_does_not_wait_for_an_enrolment(camera):
    del camera.faces.forgotten[:]
    camera.begin_enrolment()
    camera.find('forget-me').click()
    assert '10 seconds' in camera.find('ask-twice').get_attribute('textContent')
    # The first click is good for long enough to hear that, and to find the button again.
    time.sleep(6)
    camera.find('forget-me').click()
    until(lambda: camera.is_at('/check-in'))
    assert camera.faces.cancelled == camera.faces.looked_for
    until(lambda: camera.faces.forgotten)
    camera.faces.is_looking = False
    camera.check_in()
    until(lambda: 'no template' in camera.text('template-state'))


def test_a_key_behind_a_passphrase_comes_back_with_its_backup(camera, tmp_path):
    camera.driver.execute_cdp_cmd(
        'Page.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': str(tmp_path)}
    )
    camera.choose_custody('passphrase')
    camera.find('passphrase').send_keys('correct horse battery')
    camera.find('consent-switch').click()
    camera.find('consent-enrol').click()
    until(lambda: 'is kept' in camera.text('session-message'))
    backup = until(lambda: list(tmp_path.glob('*.json')))[0]
    assert json.loads(backup.read_text())['format'] == 'mmoment-key-backup'
    assert camera.shows('backup-save')
    picture(camera, 'passphrase')
    camera.wipe('keys')
    del camera.faces.opened[:]
    camera.driver.refresh()
    until(lambda: 'lacks the key' in camera.text('template-state'))
    camera.choose_custody('passphrase')
    camera.find('passphrase').send_keys('correct horse battery')
    camera.find('backup-file').send_keys(str(backup))
    ((_, template),) = until(lambda: camera.faces.opened)
    assert template == TEMPLATE
    until(lambda: 'recognises you' in camera.text('template-state'))


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
    picture(camera, 'revoked')


def test_the_owner_checks_in_beside_the_link_and_keeps_everything(camera):
    camera.driver.get(camera.new_link())
    until(lambda: camera.is_at('/test-page'))
    for owners in ('source-form', 'parts', 'enrol-form', 'sign-out', 'wallet-form'):
        until(lambda name=owners: camera.shows(name))
    picture(camera, 'owner')
    camera.find('check-in-button').click()
    until(lambda: camera.shows('session'))
    assert camera.shows('source-form')
    picture(camera, 'owner-checked-in')
    camera.find('check-out-button').click()
    until(lambda: camera.shows('wallet-form'))
    assert camera.is_at('/test-page')
    assert camera.shows('source-form')


def test_a_wallet_of_the_browser_checks_in(camera):
    """By the Wallet Standard; this one signs texts, but never twice the same."""
    with camera.script(WALLET):
        camera.driver.delete_all_cookies()
        camera.open_check_in()
        until(lambda: 'Odd wallet' in camera.find('wallet-choice').text)
        Select(camera.find('wallet-choice')).select_by_visible_text('Odd wallet')
        assert not camera.shows('demo-hint')
        picture(camera, 'wallet')
        camera.find('check-in-button').click()
        until(lambda: camera.is_at('/test-page'))
        until(lambda: camera.shows('session'))
        camera.find('consent-switch').click()
        camera.find('consent-enrol').click()
        until(lambda: 'take a passphrase' in camera.text('session-message'))
        del camera.faces.opened[:]
        version = camera.text('consent-version')
        camera.choose_custody('camera')
        until(lambda: camera.text('consent-version') != version)
        # What was agreed to before was another text.
        assert not camera.find('consent-switch').is_selected()
        camera.find('consent-switch').click()
        camera.find('consent-enrol').click()
        until(lambda: 'is kept' in camera.text('session-message'))
        picture(camera, 'custody-camera')
        camera.find('check-out-button').click()
        until(lambda: camera.is_at('/check-in'))
        until(lambda: 'Odd wallet' in camera.find('wallet-choice').text)
        Select(camera.find('wallet-choice')).select_by_visible_text('Odd wallet')
        camera.find('check-in-button').click()
        ((_, template),) = until(lambda: camera.faces.opened)
        assert template == TEMPLATE
        # Whoever the wallet waits for may leave all the same.
        until(lambda: camera.shows('session'))
        camera.driver.execute_script("sessionStorage.setItem('waits', 'yes')")
        camera.choose_custody('user')
        camera.find('consent-switch').click()
        camera.find('consent-enrol').click()
        until(lambda: not camera.find('consent-enrol').is_enabled())
        camera.find('check-out-button').click()
        until(lambda: camera.is_at('/check-in'))


def test_who_declines_to_sign_again_stays_checked_in(camera, tmp_path):
    camera.driver.execute_cdp_cmd(
        'Page.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': str(tmp_path)}
    )
    with camera.script(WALLET):
        camera.open_check_in()
        camera.check_in_with_odd_wallet()
        camera.choose_custody('passphrase')
        camera.find('passphrase').send_keys('correct horse battery')
        camera.find('consent-switch').click()
        camera.find('consent-enrol').click()
        until(lambda: 'is kept' in camera.text('session-message'))
        backup = until(lambda: list(tmp_path.glob('*.json')))[0]
        # In a browser that has the key alone, the camera's template takes a second signature.
        camera.wipe('templates')
        camera.find('check-out-button').click()
        until(lambda: camera.is_at('/check-in'))
        camera.check_in_with_odd_wallet(signatures=1)
        until(lambda: 'Check in again' in camera.text('template-state'))
        camera.wipe('keys')
        camera.driver.refresh()
        until(lambda: 'lacks the key' in camera.text('template-state'))
        camera.choose_custody('passphrase')
        camera.find('passphrase').send_keys('correct horse battery')
        camera.find('backup-file').send_keys(str(backup))
        until(lambda: 'declined' in camera.text('session-message'))
        assert camera.shows('session')
        camera.find('session-renew').click()
        until(lambda: camera.text('session-message') == 'Renewed')
        camera.find('check-out-button').click()
        until(lambda: camera.is_at('/check-in'))


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
        picture(camera, 'no-view')
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
    severe = [
        entry['message']
        for entry in camera.driver.get_log('browser')
        if entry['level'] == 'SEVERE' and not any(known in entry['message'] for known in KNOWN)
    ]
    assert severe == []
    text = ''.join(camera.lines)
    for cookie in camera.driver.get_cookies():
        assert cookie['value'] not in text
    assert 'Traceback' not in text
    assert text.count('token=') == len(camera.links()) == 2
