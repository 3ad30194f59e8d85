"""The whole graph as a person meets it: the printed link, the page, the picture, the switches."""

import itertools
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from bench.api_process import LINK, Signed, started
from tests.browser import CHROMIUM, DRIVER, open_browser, wait_for_page

pytestmark = pytest.mark.graph

NAMESPACE = f'test_page_{os.getpid()}'
ARGUMENTS = ('mmoment_bringup', 'mmoment.launch.yaml', 'source:=demo', 'port:=0')
PARTS = (
    'camera_node',
    'face_node',
    'gesture_node',
    'overlay_node',
    'encoder_node',
    'capture_node',
    'stream_node',
    'session_node',
    'chain_node',
)
WORKING = ('ok', 'degraded')
WAIT_S = 60.0
WALLET = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
CHANNELS = ('overlay=0&width=640', 'overlay=1&width=640')
PICTURES = 15
# Far above what compression makes of the same pixels.
CLEARLY_CHANGED = 80
DRAWN_PX = 100
# A checksum of the pixels as the browser shows them.
PIXELS = """
const picture = document.getElementById('picture');
const canvas = document.createElement('canvas');
canvas.width = 64; canvas.height = 36;
const context = canvas.getContext('2d');
context.drawImage(picture, 0, 0, 64, 36);
return Array.from(context.getImageData(0, 0, 64, 36).data).join();
"""

until = partial(wait_for_page, timeout_s=WAIT_S)


class Camera:
    """A running camera, and a browser."""

    def __init__(self, driver, graph):
        self.driver = driver
        self.graph = graph
        self.links = [graph.wait_for(LINK, WAIT_S).group(1)]
        self.url = self.links[0].partition('/sign-in')[0]

    def new_link(self):
        """Ask for a link as a person would."""
        before = len(self.graph.lines)
        asker = [sys.executable, '-m', 'mmoment_api.sign_in_link', '--namespace', NAMESPACE]
        asked = subprocess.run(asker, capture_output=True, text=True, timeout=WAIT_S)
        assert asked.returncode == 0, asked.stderr

        def printed():
            # The supervisor repeats the first link when the last node is ready.
            matches = LINK.finditer(''.join(self.graph.lines[before:]))
            return [match[1] for match in matches if match[1] not in self.links]

        self.links.append(until(printed)[0])
        return self.links[-1]

    def process(self, name):
        """The process of a node of this graph."""
        for child in psutil.Process(self.graph.process.pid).children(recursive=True):
            if any(part.endswith(f'/{name}') for part in child.cmdline()):
                return child
        raise AssertionError(f'{name} does not run')

    @contextmanager
    def stopped(self, name):
        """One node stands still, as a process that hangs does."""
        node = self.process(name)
        node.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            node.send_signal(signal.SIGCONT)


class Page:
    """The page in a browser, by what a person sees."""

    def __init__(self, camera):
        self.camera = camera
        self.driver = camera.driver
        self.url = camera.url

    def open(self):
        """Open the page, with a new link if need be."""
        self.driver.get(f'{self.url}/test-page')
        if 'not signed in' in self.driver.page_source:
            is_first = self.driver.get_cookies() == [] and len(self.camera.links) == 1
            self.driver.get(self.camera.links[0] if is_first else self.camera.new_link())
            until(lambda: self.driver.current_url.endswith('/test-page'))
        self.wait_until_live()

    def wait_until_live(self):
        until(lambda: self.text('live-badge') == 'live' and not self.is_shown('placeholder'))

    def text(self, identifier):
        return self.driver.find_element('id', identifier).text

    def script(self, text):
        return self.driver.execute_script(text)

    def is_shown(self, identifier):
        return self.driver.find_element('id', identifier).is_displayed()

    def moves(self):
        """Wait until the browser shows something else than now."""
        first = until(lambda: self.script(PIXELS))
        until(lambda: self.script(PIXELS) != first)
        return first

    def switch(self, **layers):
        """Click the switches until they stand like this."""
        until(lambda: self.script("return !document.querySelector('[data-layer]:disabled')"))
        for layer, enabled in layers.items():
            box = f"document.querySelector('[data-layer={layer}]')"
            if self.script(f'return {box}.checked') != enabled:
                self.script(f'{box}.click()')
        until(lambda: layers.items() <= self.signed().get('/api/visualization')['layers'].items())

    def signed(self):
        """The session of the browser, for calls beside it."""
        cookies = {item['name']: item['value'] for item in self.driver.get_cookies()}
        cookie = '; '.join(f'{name}={value}' for name, value in cookies.items())
        return Signed(int(self.url.rpartition(':')[2]), cookie)

    def detail(self):
        """Fine detail in the middle of the picture as it is without drawings."""
        jpeg = next(iter(_some_pictures(self.signed(), CHANNELS[0]).values()))
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
        height, width = picture.shape
        middle = picture[height // 5 : -height // 5, width // 5 : -width // 5]
        return float(cv2.Laplacian(middle, cv2.CV_32F).var())

    def drawn(self):
        """How many pixels the overlay has changed in the middle of a picture, of both channels."""
        signed = self.signed()
        with ThreadPoolExecutor(2) as pool:
            clean, annotated = pool.map(lambda query: _some_pictures(signed, query), CHANNELS)
        both = sorted(clean.keys() & annotated.keys())
        if not both:
            return None
        pair = [cv2.imdecode(np.frombuffer(of[both[-1]], np.uint8), 0) for of in (clean, annotated)]
        # The status line is in a corner.
        height = pair[0].shape[0]
        change = cv2.absdiff(*pair)[height // 5 : -height // 5]
        return int((change > CLEARLY_CHANGED).sum())


def _some_pictures(signed, query):
    """The JPEG files of some pictures by capture time."""
    parts = itertools.islice(signed.pictures(query), PICTURES)
    return {headers['x-capture-monotonic-ns']: jpeg for headers, jpeg in parts}


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    if not CHROMIUM or not DRIVER:
        pytest.skip('no chromium with chromedriver on this machine')
    try:
        prefix = Path(get_package_prefix('mmoment_bringup'))
    except PackageNotFoundError:
        pytest.skip('the workspace is not built')
    supervisor = prefix / 'lib' / 'mmoment_bringup' / 'supervisor'
    command = [str(supervisor), *ARGUMENTS, f'namespace:={NAMESPACE}']
    profile = tmp_path_factory.mktemp('browser')
    with started(command) as graph, open_browser(profile, window='1360,900') as driver:
        driver.set_script_timeout(10)
        yield Camera(driver, graph)


@pytest.fixture
def page(camera):
    result = Page(camera)
    result.open()
    return result


def test_strangers_are_told_how_to_get_in(camera):
    camera.driver.get(camera.url)
    camera.driver.delete_all_cookies()
    camera.driver.get(f'{camera.url}/test-page')
    assert 'not signed in' in camera.driver.find_element('tag name', 'h1').text
    assert 'sign_in_link' in camera.driver.page_source
    assert NAMESPACE in camera.driver.page_source


def test_the_link_leads_to_a_picture_that_moves(page):
    page.driver.delete_all_cookies()
    page.driver.get(page.camera.new_link())
    until(lambda: page.driver.current_url.endswith('/test-page'))
    page.wait_until_live()
    first = page.moves()
    assert len(set(first.split(','))) > 50, 'a picture of one colour'
    assert not page.is_shown('banner')
    assert 'token' not in page.driver.current_url


def test_a_used_link_does_not_work_again(page):
    page.driver.delete_all_cookies()
    link = page.camera.new_link()
    page.driver.get(link)
    until(lambda: page.driver.current_url.endswith('/test-page'))
    page.script(
        f"window.answer = null; fetch('/sign-in', {{method: 'POST',"
        f"headers: {{'Content-Type': 'application/json'}},"
        f"body: JSON.stringify({{token: '{link.partition('token=')[2]}'}})}})"
        f'.then((answer) => {{ window.answer = answer.status; }})'
    )
    assert until(lambda: page.script('return window.answer')) == 401


def test_all_parts_work_and_the_face_is_listed(page):
    def states():
        return page.script(
            'return Array.from(document.querySelectorAll("#parts li"))'
            '.map((item) => [item.dataset.part, item.dataset.state])'
        )

    # A busy machine may hold parts below their rate, and the page then says so.
    until(lambda: {part for part, state in states() if state in WORKING} == set(PARTS))
    until(lambda: page.text('overall') in WORKING)
    until(lambda: page.script("return document.querySelectorAll('[data-face]').length") == 1)
    assert 'unknown' in page.text('people')


def test_a_person_is_enrolled_named_and_forgotten_on_the_page(page):
    def named():
        return page.script("return document.querySelectorAll('#known [data-person]').length")

    short = WALLET[:4]
    page.driver.find_element('id', 'enrol-wallet').send_keys(WALLET)
    page.driver.find_element('id', 'enrol-button').click()
    until(lambda: page.is_shown('enrolment') and page.text('enrol-instruction'))
    until(lambda: 'is known now' in page.text('enrol-message'))
    until(lambda: named() == 1 and short in page.text('known'))
    assert short in page.text('people')
    forget = page.driver.find_element('css selector', '#known [data-person] button')
    forget.click()
    assert named() == 1
    forget.click()
    until(lambda: named() == 0 and short not in page.text('people'))
    assert 'is forgotten' in page.text('enrol-message')


def test_strangers_are_blurred_by_a_switch(page):
    page.switch(face=False, gesture=False, privacy=False)
    until(lambda: page.drawn() == 0)
    clear = until(lambda: page.detail())
    page.switch(privacy=True)
    until(lambda: page.detail() < 0.5 * clear)
    page.switch(face=True, gesture=True, privacy=False)


def test_a_switch_changes_the_picture_and_stays(page):
    page.switch(face=True, gesture=False)
    until(lambda: (page.drawn() or 0) > DRAWN_PX)
    page.switch(face=False, gesture=False)
    until(lambda: page.drawn() == 0)
    page.driver.refresh()
    until(lambda: page.script("return !document.querySelector('[data-layer]:disabled')"))
    assert not page.script("return document.querySelector('[data-layer=face]').checked")
    page.switch(face=True, gesture=True)


@pytest.mark.parametrize(
    ('node', 'badge'), [('overlay_node', 'overlay silent'), ('camera_node', 'camera silent')]
)
def test_a_part_that_hangs_leaves_no_frozen_picture(page, node, badge):
    parts = page.signed().pictures('overlay=1')
    with page.camera.stopped(node):
        until(lambda: page.is_shown('placeholder') and page.text('live-badge') == badge)
        assert badge in page.text('placeholder')
        # Who sees the picture alone is told as well.
        until(lambda: next(parts)[0]['x-live'] == '0')
    until(lambda: next(parts)[0]['x-live'] == '1')
    page.wait_until_live()
    page.moves()


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


def test_a_clip_that_was_recorded_plays_and_is_deleted(page):
    find = page.driver.find_elements
    until(page.driver.find_element('id', 'record').is_enabled)
    page.driver.find_element('id', 'record').click()
    # Seconds of it.
    until(lambda: '0:02' in page.text('recordings'))
    page.driver.find_element('id', 'record').click()
    (tile,) = until(lambda: find('css selector', '#media-grid button'))
    tile.click()
    (video,) = until(lambda: find('css selector', 'video'))

    def playing(what):
        return page.driver.execute_script(f'return arguments[0].{what}', video)

    until(lambda: playing('currentTime') > 0.5)
    assert playing('error') is None
    assert (playing('videoWidth'), playing('videoHeight')) == (1280, 720)
    assert playing('duration') > 1.5
    (media,) = page.signed().get('/api/videos')['videos']
    status, _ = page.signed().send('DELETE', media['url'], {})
    assert status == 200
    until(lambda: not find('css selector', '#media-grid button'))


def test_a_lost_connection_is_shown_and_returns_by_itself(page):
    with page.camera.stopped('api_node'):
        until(lambda: page.is_shown('banner'))
        assert 'lost' in page.text('banner')
        assert page.text('live-badge') == 'disconnected'
    until(lambda: not page.is_shown('banner'))
    page.moves()


def test_the_pages_break_none_of_their_own_rules(page):
    page.driver.get(f'{page.url}/docs')
    until(lambda: '/mjpeg-stream' in page.driver.page_source)
    complaints = [item['message'] for item in page.driver.get_log('browser')]
    assert not [text for text in complaints if 'Content Security Policy' in text]
    assert not [text for text in complaints if 'Uncaught' in text]


def test_a_link_asked_for_later_works_through_the_form(page):
    page.driver.delete_all_cookies()
    token = page.camera.new_link().partition('token=')[2]
    page.driver.get(f'{page.url}/sign-in')
    page.driver.find_element('id', 'token').send_keys(token)
    page.driver.find_element('css selector', '#form button').click()
    until(lambda: page.driver.current_url.endswith('/test-page'))
    until(lambda: page.text('live-badge') == 'live')


def test_signing_out_closes_the_page(page):
    page.driver.find_element('id', 'sign-out').click()
    until(lambda: 'not signed in' in page.driver.page_source)
