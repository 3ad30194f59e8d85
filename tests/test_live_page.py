"""The live picture of the page, in a real browser: H.264 of the real encoder, and what is shown when
something of it is missing or dies."""

import os
import re
import signal
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection

import pytest

from bench.api_process import LINK, node_command, started
from mmoment_node.spare_domain import spare_domain
from tests.browser import CHROMIUM, DRIVER, open_browser, wait_for_page

pytestmark = pytest.mark.graph

WAIT_S = 40.0
SEATS = 6
NAMESPACE = f'/test_live_page_{os.getpid()}'
ENCODER = 'mmoment_stream.encoder_node'
NODES = {
    'mmoment_camera.camera_node': ('source:=pattern', 'width:=640', 'height:=360'),
    'mmoment_vision.overlay_node': (),
    ENCODER: (),
    'mmoment_api.api_node': ('port:=0', f'viewers_at_most:={SEATS}'),
}
# A checksum of the pixels as the browser shows them.
PIXELS = """
const canvas = document.getElementById('picture');
const picture = canvas.hidden ? document.getElementById('picture-image') : canvas;
const small = document.createElement('canvas');
small.width = 64; small.height = 36;
const context = small.getContext('2d');
context.drawImage(picture, 0, 0, 64, 36);
return Array.from(context.getImageData(0, 0, 64, 36).data).join();
"""
# Tabs are hidden when a test says so, and what takes ten seconds takes a fifth of one.
IMPATIENT = """
Object.defineProperty(document, 'hidden', { get: () => window.isHidden });
const { setTimeout: patient } = window;
window.setTimeout = (work, ms) => patient(work, ms === 10_000 ? 200 : ms);
"""
# A decoder that takes its time for its first picture, as on a busy machine; until then, all waits.
SLOW_TO_BEGIN = """
const { VideoDecoder: Decoder } = window;
window.VideoDecoder = class {
  constructor(hear) { this.decoder = new Decoder(hear); }
  get state() { return this.decoder.state; }
  get decodeQueueSize() { return (this.waiting?.length ?? 0) + this.decoder.decodeQueueSize; }
  configure(config) { this.decoder.configure(config); }
  decode(chunk) {
    if (this.hasBegun) this.decoder.decode(chunk);
    else if (this.waiting) this.waiting.push(chunk);
    else {
      this.waiting = [chunk];
      setTimeout(() => this.begin(), FIRST_MS);
    }
  }
  begin() {
    const { waiting } = this;
    this.waiting = null;
    this.hasBegun = true;
    if (this.state === 'configured') waiting.forEach((one) => this.decoder.decode(one));
  }
  close() { this.decoder.close(); }
};
"""
# Counts connections of H.264; of pictures that are lost, nothing comes.
LOSSY = """
const { WebSocket: Socket } = window;
window.opened = 0;
window.WebSocket = class extends Socket {
  constructor(address) {
    super(address);
    if (address.includes('/api/live/video')) window.opened += 1;
  }
  set onmessage(hear) {
    super.onmessage = (event) => {
      if (!window.isLost || typeof event.data === 'string') hear(event);
    };
  }
};
"""
# A decoder fails, and for longer than one may take to begin, there is nothing for the next one.
FAILS_AND_LOSES = """
const { decode } = VideoDecoder.prototype;
VideoDecoder.prototype.decode = () => {
  VideoDecoder.prototype.decode = decode;
  window.isLost = true;
  setTimeout(() => { window.isLost = false; }, 3500);
  throw new Error('played');
};
"""
until = partial(wait_for_page, timeout_s=WAIT_S)


class Page:
    """A camera, and its page in a browser, by what a person sees."""

    def __init__(self, driver, stack):
        self.driver, self.stack = driver, stack
        self.domain = str(spare_domain())
        self.nodes = {module: self.start(module) for module in NODES}
        self.link = self.nodes['mmoment_api.api_node'].wait_for(LINK, WAIT_S).group(1)
        self.driver.get(self.link)
        until(lambda: self.driver.current_url.endswith('/test-page'))

    def start(self, module):
        command = node_command(module, *NODES[module], namespace=NAMESPACE)
        return self.stack.enter_context(started(command, ROS_DOMAIN_ID=self.domain))

    def open(self):
        self.driver.get(self.link.partition('/sign-in')[0] + '/test-page')
        until(lambda: self.text('live-badge') == 'live')

    def without(self, *names):
        """Browsers that lack these, from the next page on."""
        return self.script(' '.join(f'delete window.{name};' for name in names))

    @contextmanager
    def script(self, source):
        """Every page that is opened meanwhile begins with this script."""
        run = self.driver.execute_cdp_cmd
        added = run('Page.addScriptToEvaluateOnNewDocument', {'source': source})
        try:
            yield
        finally:
            run('Page.removeScriptToEvaluateOnNewDocument', added)

    def text(self, identifier):
        return self.driver.find_element('id', identifier).text

    def choose(self, way):
        self.driver.execute_script(
            "const choice = document.getElementById('way-choice');"
            f"choice.value = '{way}'; choice.dispatchEvent(new Event('change'));"
        )

    @property
    def is_covered(self):
        return self.driver.find_element('id', 'placeholder').is_displayed()

    def shows_by(self, way):
        """Wait until moving pictures come by this way."""
        until(lambda: re.fullmatch(way, self.text('figure-way')) and not self.is_covered)
        first = until(lambda: self.driver.execute_script(PIXELS))
        assert len(set(first.split(','))) > 20, 'a picture of one colour'
        until(lambda: self.driver.execute_script(PIXELS) != first)


@pytest.fixture(scope='module')
def running(tmp_path_factory):
    if not CHROMIUM or not DRIVER:
        pytest.skip('no chromium with chromedriver on this machine')
    profile = tmp_path_factory.mktemp('browser')
    with ExitStack() as stack:
        yield Page(stack.enter_context(open_browser(profile, window='1360,900')), stack)


@pytest.fixture
def page(running):
    running.open()
    yield running
    running.driver.execute_script('localStorage.clear()')


def test_h264_is_shown_with_its_latency(page):
    page.shows_by(r'H\.264 · \d+ ms')
    assert page.text('way-reason') == ''
    # Of the camera's own clock: neither from the past of another one, nor from the future.
    assert 0 < int(re.search(r'(\d+) ms', page.text('figure-way'))[1]) < 2000


def test_each_way_can_be_chosen_and_stays(page):
    page.choose('mjpeg')
    page.shows_by('MJPEG')
    page.choose('jpeg')
    page.shows_by(r'JPEG · \d+ ms')
    page.open()
    page.shows_by(r'JPEG · \d+ ms')


def test_without_webcodecs_there_is_jpeg_and_a_reason(page):
    with page.without('VideoDecoder'):
        page.open()
        page.shows_by(r'JPEG · \d+ ms')
        assert 'WebCodecs' in page.text('way-reason')


def test_without_websockets_there_is_mjpeg_and_a_reason(page):
    with page.without('WebSocket'):
        page.open()
        page.shows_by('MJPEG')
        assert 'WebSocket' in page.text('way-reason')


def test_that_too_many_look_is_said(page):
    address = page.link.partition('/sign-in')[0]
    cookie = '; '.join(f'{one["name"]}={one["value"]}' for one in page.driver.get_cookies())
    page.driver.get('about:blank')
    with ExitStack() as stack:

        def looks():
            viewer = HTTPConnection(address.partition('//')[2], timeout=WAIT_S)
            stack.callback(viewer.close)
            viewer.request('GET', '/mjpeg-stream', headers={'Cookie': cookie})
            return viewer.getresponse().status == 200

        for _ in range(SEATS):
            # Whoever looked before is gone a moment later.
            until(looks)
        page.driver.get(f'{address}/test-page')
        until(lambda: 'As many people look as the camera can serve' in page.text('way-reason'))
    page.shows_by(r'.+')


def test_a_decoder_that_fails_is_replaced_and_at_last_given_up(page):
    page.shows_by(r'H\.264 · \d+ ms')
    page.driver.execute_script(
        'const decode = VideoDecoder.prototype.decode;'
        'window.failing = 1;'
        'VideoDecoder.prototype.decode = function (chunk) {'
        '  if (window.failing > 0) { window.failing -= 1; throw new Error("played"); }'
        '  decode.call(this, chunk);'
        '};'
    )
    until(lambda: page.driver.execute_script('return window.failing') == 0)
    page.shows_by(r'H\.264 · \d+ ms')
    page.driver.execute_script('window.failing = 1e9')
    page.shows_by(r'JPEG · \d+ ms')
    assert 'played' in page.text('way-reason')
    page.driver.execute_script('window.failing = 0')
    page.shows_by(r'H\.264 · \d+ ms')


def test_a_decoder_that_is_slow_to_begin_is_waited_for(page):
    with page.script(SLOW_TO_BEGIN.replace('FIRST_MS', '1200')):
        page.open()
        page.shows_by(r'H\.264 · \d+ ms')


def test_a_decoder_that_gives_no_picture_is_given_up(page):
    with page.script(SLOW_TO_BEGIN.replace('FIRST_MS', '1e9')):
        page.open()
        page.shows_by(r'JPEG · \d+ ms')
        assert 'gives no picture' in page.text('way-reason')


def test_a_decoder_that_was_given_nothing_is_not_given_up(page):
    with page.script(LOSSY):
        page.open()
        page.shows_by(r'H\.264 · \d+ ms')
        page.driver.execute_script(FAILS_AND_LOSES)
        until(lambda: page.driver.execute_script('return window.isLost === false'))
        page.shows_by(r'H\.264 · \d+ ms')
        assert page.driver.execute_script('return window.opened') == 1


def test_nothing_is_sent_to_a_hidden_tab_and_it_goes_on_at_once(page):
    def hide(is_hidden):
        page.driver.execute_script(
            f'window.isHidden = {str(is_hidden).lower()};'
            'document.dispatchEvent(new Event("visibilitychange"));'
        )

    with page.script(IMPATIENT):
        page.open()
        page.shows_by(r'H\.264 · \d+ ms')
        hide(True)
        until(lambda: page.text('figure-way') == '–' and page.is_covered)
        until(lambda: page.text('figure-viewers') == '0')
        hide(False)
        page.shows_by(r'H\.264 · \d+ ms')


def test_a_picture_that_stands_still_is_covered_until_it_moves(page):
    page.choose('h264')
    page.shows_by(r'H\.264 · \d+ ms')
    process = page.nodes[ENCODER].process
    process.send_signal(signal.SIGSTOP)
    try:
        until(lambda: page.is_covered and page.text('live-badge') == 'no picture')
        until(lambda: 'encoder_node' in page.text('placeholder'))
        assert 'ms' not in page.text('figure-way')
    finally:
        process.send_signal(signal.SIGCONT)
    page.shows_by(r'H\.264 · \d+ ms')


def test_a_killed_encoder_means_jpeg_until_it_is_back(page):
    page.shows_by(r'H\.264 · \d+ ms')
    page.nodes[ENCODER].process.kill()
    began_s = time.monotonic()
    page.shows_by(r'JPEG · \d+ ms')
    assert time.monotonic() - began_s < WAIT_S / 2
    assert 'encoder_node' in page.text('way-reason')
    page.nodes[ENCODER] = page.start(ENCODER)
    page.shows_by(r'H\.264 · \d+ ms')
    assert page.text('way-reason') == ''


def test_a_connection_that_is_lost_comes_back(page):
    page.shows_by(r'H\.264 · \d+ ms')
    process = page.nodes['mmoment_api.api_node'].process
    process.send_signal(signal.SIGSTOP)
    try:
        until(lambda: page.is_covered)
    finally:
        process.send_signal(signal.SIGCONT)
    page.shows_by(r'H\.264 · \d+ ms')
