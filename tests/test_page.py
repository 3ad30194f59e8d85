"""The whole graph as a person meets it: the printed link, the page, the picture, the switches."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from bench.api_process import LINK, Signed, started

pytestmark = pytest.mark.graph

webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
DRIVER = shutil.which('chromedriver')
# Nothing but our own pages is to be asked for, and nothing of an earlier run to be kept.
FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--window-size=1360,900',
)
NAMESPACE = f'test_page_{os.getpid()}'
ARGUMENTS = ('mmoment_bringup', 'mmoment.launch.yaml', 'source:=demo', 'port:=0')
PARTS = ('camera_node', 'face_node', 'gesture_node', 'overlay_node')
WAIT_S = 60.0
# A checksum of the pixels as the browser shows them.
PIXELS = """
const picture = document.getElementById('picture');
const canvas = document.createElement('canvas');
canvas.width = 64; canvas.height = 36;
const context = canvas.getContext('2d');
context.drawImage(picture, 0, 0, 64, 36);
return Array.from(context.getImageData(0, 0, 64, 36).data).join();
"""


def until(condition, timeout_s=WAIT_S):
    """Wait for a condition; returns its value."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, 'it never came true'
        time.sleep(0.05)
    return value


@contextmanager
def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f'--user-data-dir={profile}'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """The page in a browser, by what a person sees."""

    def __init__(self, driver, graph, link):
        self.driver = driver
        self.graph = graph
        self.link = link
        self.url = link.partition('/sign-in')[0]

    def text(self, identifier):
        return self.driver.find_element('id', identifier).text

    def script(self, text):
        return self.driver.execute_script(text)

    def is_shown(self, identifier):
        return self.driver.find_element('id', identifier).is_displayed()

    def click_layer(self, layer):
        self.script(f"document.querySelector('[data-layer={layer}]').click()")

    def layers(self):
        cookies = {item['name']: item['value'] for item in self.driver.get_cookies()}
        cookie = '; '.join(f'{name}={value}' for name, value in cookies.items())
        port = int(self.url.rpartition(':')[2])
        return Signed(port, cookie).get('/api/visualization')['layers']

    def process(self, name):
        """The process of a node of this graph."""
        for child in psutil.Process(self.graph.process.pid).children(recursive=True):
            if any(part.endswith(f'/{name}') for part in child.cmdline()):
                return child
        raise AssertionError(f'{name} does not run')


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    if not CHROMIUM or not DRIVER:
        pytest.skip('no chromium with chromedriver on this machine')
    try:
        prefix = Path(get_package_prefix('mmoment_bringup'))
    except PackageNotFoundError:
        pytest.skip('the workspace is not built')
    supervisor = prefix / 'lib' / 'mmoment_bringup' / 'supervisor'
    command = [str(supervisor), *ARGUMENTS, f'namespace:={NAMESPACE}']
    with started(command) as graph:
        link = graph.wait_for(LINK, WAIT_S).group(1)
        with browser(tmp_path_factory.mktemp('browser')) as driver:
            driver.set_script_timeout(10)
            yield Page(driver, graph, link)


def test_strangers_are_told_how_to_get_in(page):
    page.driver.get(f'{page.url}/test-page')
    assert 'not signed in' in page.driver.find_element('tag name', 'h1').text
    assert 'sign_in_link' in page.driver.page_source


def test_the_link_leads_to_a_picture_that_moves(page):
    page.driver.get(page.link)
    until(lambda: page.driver.current_url.endswith('/test-page'))
    until(lambda: page.script("return document.getElementById('picture').naturalWidth > 0"))
    until(lambda: page.text('live-badge') == 'live')
    first = page.script(PIXELS)
    assert len(set(first.split(','))) > 50, 'a picture of one colour'
    until(lambda: page.script(PIXELS) != first)
    assert not page.is_shown('placeholder')
    assert not page.is_shown('banner')
    assert 'token' not in page.driver.current_url


def test_the_used_link_does_not_work_again(page):
    page.script(
        f"window.answer = null; fetch('/sign-in', {{method: 'POST',"
        f"headers: {{'Content-Type': 'application/json'}},"
        f"body: JSON.stringify({{token: '{page.link.partition('token=')[2]}'}})}})"
        f'.then((answer) => {{ window.answer = answer.status; }})'
    )
    assert until(lambda: page.script('return window.answer')) == 401


def test_all_parts_work_and_the_face_is_listed(page):
    def states():
        return page.script(
            'return Array.from(document.querySelectorAll("#parts li"))'
            '.map((item) => [item.dataset.part, item.dataset.state])'
        )

    # A busy machine may hold the camera below its rate for a while, and the page then says so.
    until(lambda: dict(states()) == dict.fromkeys(PARTS, 'ok'))
    until(lambda: page.text('overall') == 'ok')
    until(lambda: page.script("return document.querySelectorAll('[data-face]').length") == 1)
    assert 'unknown' in page.text('people')


def test_a_switch_changes_the_overlay_and_stays(page):
    until(lambda: page.script("return !document.querySelector('[data-layer=face]').disabled"))
    assert page.layers() == {'face': True, 'gesture': True}
    page.click_layer('face')
    until(lambda: page.layers() == {'face': False, 'gesture': True})
    page.driver.refresh()
    until(
        lambda: page.script(
            "const box = document.querySelector('[data-layer=face]');"
            'return !box.disabled && !box.checked'
        )
    )
    page.click_layer('face')
    until(lambda: page.layers() == {'face': True, 'gesture': True})


def test_a_lost_source_is_shown_and_returns(page):
    field = page.driver.find_element('id', 'source-input')
    button = page.driver.find_element('css selector', '#source-form button')
    field.send_keys('http://127.0.0.1:9/nothing')
    button.click()
    until(lambda: page.text('overall') == 'error')
    assert page.text('live-badge') != 'live'
    field.send_keys('demo')
    button.click()
    until(lambda: page.text('live-badge') == 'live')
    until(lambda: page.text('overall') != 'error')


def test_a_lost_connection_is_shown_and_returns_by_itself(page):
    node = page.process('api_node')
    node.send_signal(signal.SIGSTOP)
    try:
        until(lambda: page.is_shown('banner'))
        assert 'lost' in page.text('banner')
    finally:
        node.send_signal(signal.SIGCONT)
    until(lambda: not page.is_shown('banner'))
    first = until(lambda: page.script(PIXELS))
    until(lambda: page.script(PIXELS) != first)


def test_the_pages_break_none_of_their_own_rules(page):
    page.driver.get(f'{page.url}/docs')
    until(lambda: '/mjpeg-stream' in page.driver.page_source)
    complaints = [item['message'] for item in page.driver.get_log('browser')]
    assert not [text for text in complaints if 'Content Security Policy' in text]
    assert not [text for text in complaints if 'Uncaught' in text]


def test_a_link_asked_for_later_works_through_the_form(page):
    page.driver.delete_all_cookies()
    before = len(page.graph.lines)
    asker = [sys.executable, '-m', 'mmoment_api.sign_in_link', '--namespace', NAMESPACE]
    asked = subprocess.run(asker, capture_output=True, text=True, timeout=WAIT_S)
    assert asked.returncode == 0, asked.stderr
    link = until(lambda: LINK.search(''.join(page.graph.lines[before:])))
    page.driver.get(f'{page.url}/sign-in')
    page.driver.find_element('id', 'token').send_keys(link.group(3))
    page.driver.find_element('css selector', '#form button').click()
    until(lambda: page.driver.current_url.endswith('/test-page'))
    until(lambda: page.text('live-badge') == 'live')


def test_signing_out_closes_the_page(page):
    page.driver.get(f'{page.url}/test-page')
    until(lambda: page.text('live-badge') == 'live')
    page.driver.find_element('id', 'sign-out').click()
    until(lambda: 'not signed in' in page.driver.page_source)
