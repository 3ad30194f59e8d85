"""The card of the live stream, in a real browser against the real api_node and session_node; the
part that pushes is played."""

import json
import time
import urllib.request

import pytest
from played_stream_node import KEY_FOLDER, state
from pushing_camera import PushingCamera, two_targets
from served_camera import WAIT_S, served, until
from signed_hooks import body_of, signed

from mmoment_interfaces.msg import ComponentState
from tests.browser import CHROMIUM, DRIVER, Select

pytestmark = pytest.mark.graph
if not CHROMIUM or not DRIVER:
    pytest.skip('there is no Chromium with its driver', allow_module_level=True)

PHONE_PX = 390


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    with served(PushingCamera, tmp_path_factory.mktemp) as running:
        yield running


def test_nothing_leaves_the_camera_before_somebody_starts_it(camera):
    camera.driver.get(camera.links()[0])
    until(lambda: camera.text('stream-state') == 'off')
    assert 'nothing leaves the camera' in camera.text('stream-summary')
    assert not camera.shows('air-badge')
    assert not camera.shows('stream-stop')
    assert 'not started' in camera.target('main')
    assert camera.target_buttons('main') == []
    camera.picture('off')


def test_it_starts_and_a_second_click_stops_it(camera):
    camera.click('stream-start')
    until(lambda: camera.text('stream-state') == 'on air')
    until(lambda: camera.shows('air-badge'))
    assert camera.text('stream-summary') == 'The target receives it'
    assert 'libx264' in until(lambda: camera.text('stream-facts'))
    assert camera.signed().get('/api/status')['isStreaming'] is True
    camera.click('stream-stop')
    assert camera.text('stream-stop') == 'Really stop?'
    assert camera.stream.wanted
    camera.click('stream-stop')
    until(lambda: camera.text('stream-state') == 'off')
    until(lambda: not camera.shows('air-badge'))
    until(lambda: 'Live stream is off the air' in camera.text('log'))
    assert 'Live stream is on air' in camera.text('log')
    assert camera.stream.names_asked() == ['start_stream', 'stop_stream']


def test_each_target_tells_how_it_is(camera):
    camera.stream.targets, camera.stream.wanted = two_targets(), True
    until(lambda: 'waiting to retry' in camera.target('main'))
    assert camera.text('stream-summary') == '1 of 2 targets receive it'
    main, studio = camera.target('main'), camera.target('studio')
    assert 'The server does not answer: media.example.org. Next try in' in main
    assert '(attempt 4)' in main
    assert 'asked' not in main
    for words in (
        'Livepeer',
        'rtmp://rtmp.example.org/live',
        '30.0 fps',
        '2387 of 2500 kbit/s',
        '3.0 MiB',
        'The camera is away',
        'Livepeer receives it but finds something wrong: low bitrate',
        'Playback id abcd1234efgh5678',
    ):
        assert words in studio
    assert 'left out' in camera.target('spare')
    before = main
    until(lambda: camera.target('main') != before)
    camera.picture('targets')


def test_only_addresses_of_the_web_become_links(camera):
    links = camera.driver.find_elements('css selector', '#stream-targets a')
    assert [link.get_attribute('href') for link in links] == [
        'https://play.example.org/hls/abcd1234efgh5678/index.m3u8',
        'https://play.example.org/webrtc/abcd1234efgh5678',
    ]
    assert {link.get_attribute('rel') for link in links} == {'noopener noreferrer'}


def test_page_and_rest_and_message_say_the_same(camera):
    answer = camera.signed().get('/api/stream/status')
    assert [item['name'] for item in answer['targets']] == ['main', 'studio', 'spare']
    for item, target in zip(answer['targets'], camera.stream.targets, strict=True):
        assert item['bytes_sent'] == target.bytes_sent
        assert item['last_error'] == (target.push.last_error or None)
        assert item['error_code'] == (target.error_code or None)
        assert item['wanted'] == target.wanted
        shown = item['state'].replace('_', ' ') if target.enabled else 'left out'
        assert shown in camera.target(target.name)


def test_what_a_person_must_change_is_said(camera):
    target = camera.stream.targets[0]
    target.push = state(ComponentState.FAILED, last_error='The key file cannot be read')
    camera.stream.targets = [target]
    until(lambda: 'it goes on by itself once that is mended' in camera.target('main'))
    assert camera.driver.find_elements('css selector', '[data-target="studio"]') == []
    assert camera.text('stream-state') == 'failed'
    assert not camera.shows('air-badge')
    camera.stream.held_back = 'nobody_checked_in'
    until(lambda: camera.text('stream-state') == 'on hold')
    assert 'until somebody is checked in' in camera.text('stream-summary')
    camera.stream.held_back, camera.stream.targets = '', None


def test_targets_are_added_and_what_is_wrong_is_said_beside_them(camera):
    camera.driver.find_element('css selector', '#stream-setup summary').click()
    until(lambda: camera.shows('stream-form'))
    assert KEY_FOLDER in camera.find('stream-form').text
    assert len(camera.forms()) == 1
    camera.click('target-add')
    form = camera.forms()[1]

    def field(name):
        return form.find_element('name', name)

    field('name').send_keys('studio')
    Select(field('provider')).select_by_value('livepeer')
    until(lambda: not field('url').is_displayed())
    assert field('stream_id').is_displayed()
    field('key_file').send_keys('/etc/passwd')
    Select(camera.find('stream-channel')).select_by_value('annotated')
    until(lambda: camera.shows('stream-names-warning'))
    Select(camera.find('stream-schedule')).select_by_value('while_checked_in')
    camera.find('stream-bitrate').send_keys('1800')
    camera.picture('settings')
    camera.click('stream-save')
    until(lambda: 'target studio: key_file has to be' in camera.text('stream-setup-message'))
    assert form.get_attribute('data-invalid') == 'true'
    assert camera.driver.switch_to.active_element == field('name')
    field('key_file').clear()
    field('key_file').send_keys('livepeer.key')
    camera.click('stream-save')
    until(lambda: camera.text('stream-setup-message').startswith('Saved'))
    settings = camera.stream.settings
    assert (settings.channel, settings.schedule) == ('annotated', 'while_checked_in')
    assert settings.bitrate_kbps == 1800
    kept = [(item.name, item.provider, item.key_file) for item in settings.targets]
    assert kept == [('main', 'rtmp', 'main.key'), ('studio', 'livepeer', 'livepeer.key')]
    until(lambda: 'with drawings and names' in camera.text('stream-facts'))


def test_each_of_several_targets_is_started_and_stopped_by_itself(camera):
    stream = camera.stream
    stream.wanted, stream.started = False, set()
    until(lambda: camera.text('stream-state') == 'off')
    assert camera.text('stream-start') == 'Start all'
    assert [camera.target_buttons(name) for name in ('main', 'studio')] == [['Start'], ['Start']]
    del stream.asked[:]
    camera.click_target('studio', 'Start')
    until(lambda: camera.target_buttons('studio') == ['Stop'])
    # The keyboard stays where it was.
    until(lambda: camera.driver.switch_to.active_element.text == 'Stop')
    until(lambda: camera.text('stream-state') == 'on air')
    assert camera.text('stream-summary') == '1 of 1 targets receive it, 1 not started'
    assert (camera.shows('stream-start'), camera.text('stream-stop')) == (True, 'Stop all')
    assert 'not started' in camera.target('main')
    answer = camera.signed().get('/api/stream/status')
    told = {item['name']: (item['wanted'], item['state']) for item in answer['targets']}
    assert told == {'main': (False, 'idle'), 'studio': (True, 'live')}
    camera.picture('one-of-two')
    camera.click('stream-start')
    until(lambda: camera.target_buttons('main') == ['Stop'])
    assert not camera.shows('stream-start')
    camera.click_target('main', 'Stop')
    assert camera.target_buttons('main') == ['Really stop?']
    assert [request.target for _, request in stream.asked] == ['studio', '']
    camera.click_target('main', 'Really stop?')
    until(lambda: camera.target_buttons('main') == ['Start'])
    assert 'live' in camera.target('studio')
    stream.refusal = 'unknown_target'
    camera.click_target('main', 'Start')
    until(lambda: camera.text('stream-message') == 'Because of unknown_target')
    stream.refusal = ''
    asked = [(name, request.target) for name, request in stream.asked]
    assert asked == [
        ('start_stream', 'studio'),
        ('start_stream', ''),
        ('stop_stream', 'main'),
        ('start_stream', 'main'),
    ]
    stream.wanted, stream.started = True, set()


def test_targets_are_removed_and_the_parameters_come_back(camera):
    for form in camera.forms():
        form.find_element('css selector', '.target-remove').click()
    assert camera.shows('stream-no-targets')
    camera.click('stream-save')
    until(lambda: not camera.stream.settings.targets)
    until(lambda: camera.find('stream-forget').is_enabled())
    camera.click('stream-forget')
    assert camera.text('stream-forget') == 'Really discard these?'
    camera.click('stream-forget')
    until(lambda: 'parameters' in camera.text('stream-setup-message'))
    assert [item.name for item in camera.stream.settings.targets] == ['main']
    assert len(camera.forms()) == 1


def test_it_fits_a_phone(camera):
    size = camera.driver.get_window_size()
    camera.stream.targets = two_targets()
    metrics = {'width': PHONE_PX, 'height': 2600, 'deviceScaleFactor': 1, 'mobile': True}
    camera.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)
    try:
        until(lambda: 'waiting to retry' in camera.target('main'))
        camera.picture('phone')
        width = camera.driver.execute_script('return document.documentElement.scrollWidth')
        assert width <= PHONE_PX
    finally:
        camera.driver.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
        camera.driver.set_window_size(size['width'], size['height'])
        camera.stream.targets = None


def test_a_refusal_is_said(camera):
    camera.stream.wanted, camera.stream.refusal = False, 'no_target'
    try:
        until(lambda: camera.shows('stream-start'))
        camera.click('stream-start')
        until(lambda: camera.text('stream-message') == 'Because of no_target')
    finally:
        camera.stream.refusal = ''


def test_a_genuine_webhook_has_the_provider_asked(camera):
    now_ms = time.time_ns() // 1_000_000
    body = body_of(timestamp=now_ms)
    request = urllib.request.Request(
        f'{camera.url}/api/stream/livepeer/webhook',
        body,
        {'Content-Type': 'application/json', 'Livepeer-Signature': signed(body, at_ms=now_ms)},
    )
    del camera.stream.asked[:]
    for is_known in (False, True):
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            assert json.load(answer)['duplicate'] is is_known
    assert camera.stream.names_asked() == ['refresh_stream']
    until(lambda: 'stream.started' in camera.text('stream-facts'))


def test_a_silent_part_is_not_on_air(camera):
    camera.click('stream-start')
    until(lambda: camera.shows('air-badge'))
    camera.stream.is_silent = True
    until(lambda: camera.text('stream-state') == 'silent')
    assert not camera.shows('air-badge')
    assert not camera.find('stream-stop').is_enabled()
    answer = camera.signed().get('/api/stream/status')
    assert (answer['running'], answer['state'], answer['live']) == (False, 'silent', False)
    camera.picture('silent')
    camera.stream.is_silent = False
    until(lambda: camera.text('stream-state') == 'on air')


def test_somebody_without_the_right_sees_that_it_is_on_air_and_no_more(camera):
    owner = camera.signed()
    camera.become_somebody()
    until(lambda: camera.shows('air-badge'))
    assert 'stream' not in camera.text('session-rights')
    for name in ('stream-start', 'stream-stop', 'stream-targets', 'stream-setup'):
        assert not camera.shows(name)
    own = camera.signed()
    answer = own.get('/api/stream/status')
    assert (answer['live'], answer['targets']) == (True, None)
    assert own.send('POST', '/api/stream/stop', {})[0] == 403
    camera.picture('person')
    wallet = own.get('/api/session')['wallet_address']
    grant = {'wallet_address': wallet, 'rights': ['stream'], 'hours': 1}
    assert owner.send('POST', '/api/grants', grant)[0] == 200


def test_somebody_with_the_right_stops_it_and_sets_nothing_up(camera):
    camera.driver.refresh()
    until(lambda: camera.shows('stream-stop'))
    until(lambda: 'live' in camera.target('main'))
    assert not camera.shows('stream-setup')
    own = camera.signed()
    assert own.send('PATCH', '/api/stream/settings', {'targets': []})[0] == 403
    del camera.stream.asked[:]
    camera.click('stream-stop')
    camera.click('stream-stop')
    until(lambda: camera.text('stream-state') == 'off')
    ((_, request),) = camera.stream.asked
    assert request.session_id
    camera.picture('person-with-right')


def test_nothing_was_refused_by_the_policy_and_nothing_thrown(camera):
    assert camera.faults() == []
