"""Somebody is enrolled, comes back and is forgotten: in a real browser, against the real api_node and
session_node. Of the rest of the camera, only what they need of face_node is played: it seals what it
has learnt, and opens what it is handed.
"""

import json
import time

import pytest
from page_camera import PeopleCamera
from page_scripts import WALLET
from played_face_node import TEMPLATE
from served_camera import served, until

from tests.browser import CHROMIUM, DRIVER, Select

pytestmark = pytest.mark.graph

if not CHROMIUM or not DRIVER:
    pytest.skip('there is no Chromium with its driver', allow_module_level=True)


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    with served(PeopleCamera, tmp_path_factory.mktemp) as running:
        running.open_check_in()
        running.check_in()
        yield running


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
    camera.picture('enrolled')


def test_at_the_next_check_in_the_camera_is_handed_the_key(camera):
    camera.find('check-out-button').click()
    until(lambda: camera.is_at('/check-in'))
    camera.check_in()
    ((wallet, template),) = until(lambda: camera.faces.opened)
    assert template == TEMPLATE
    assert wallet == camera.find('session-wallet').get_attribute('title')
    until(lambda: 'recognises you' in camera.text('template-state'))
    camera.picture('recognised')


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


def test_the_text_is_that_of_the_choice_whatever_the_camera_is_at(camera):
    own, cameras = '2026-11-1', '2026-11-1-camera'
    with camera.stopped('session_node'):
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
    camera.picture('not-enrolled')
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
    camera.picture('passphrase')
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


def test_a_wallet_of_the_browser_checks_in(camera):
    """By the Wallet Standard; this one signs texts, but never twice the same."""
    with camera.script(WALLET):
        camera.driver.delete_all_cookies()
        camera.open_check_in()
        until(lambda: 'Odd wallet' in camera.find('wallet-choice').text)
        Select(camera.find('wallet-choice')).select_by_visible_text('Odd wallet')
        assert not camera.shows('demo-hint')
        camera.picture('wallet')
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
        camera.picture('custody-camera')
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


def test_nothing_was_refused_or_thrown_and_no_secret_was_logged(camera):
    assert camera.faults() == []
    assert camera.logged_secrets() == []
    assert ''.join(camera.lines).count('token=') == len(camera.links()) == 1
