"""Somebody without the owner's link checks in, is enrolled, comes back and is forgotten: in a real
browser, against the real api_node and session_node. Of the rest of the camera, only what they need
of face_node is played: it seals what it has learnt, and opens what it is handed.
"""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress

import pytest
import rclpy
from rcl_interfaces.srv import SetParameters
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from mmoment_chain import camera_home, vault
from mmoment_chain.device_keys import UnsealingKeys
from mmoment_chain.envelope import Custody, Envelope, Record, WrappedKey, new_record_id
from mmoment_chain.rights import DEFAULT_RIGHTS
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.msg import FaceArray, StageStatus
from mmoment_interfaces.srv import AdmitFace, ForgetFace
from mmoment_node.spare_domain import spare_domain

pytestmark = pytest.mark.graph

webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')
exceptions = pytest.importorskip('selenium.common.exceptions')
Select = pytest.importorskip('selenium.webdriver.support.select').Select
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
DRIVER = shutil.which('chromedriver')
if not CHROMIUM or not DRIVER:
    pytest.skip('there is no Chromium with its driver', allow_module_level=True)

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
    '--window-size=1360,1500',
)
WAIT_S = 40.0
# A name that browsers do not take for this machine.
ELSEWHERE = 'camera.example'
# Its key lasts as long as a tab; what it makes of other texts than sign-ins is random. The tab may
# say how many sign-ins it signs before it declines, and that it waits for its owner with the rest.
WALLET = """
(() => {
  const usage = ['sign', 'verify'];
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  const base58 = (bytes) => {
    let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    let text = '';
    for (; number > 0n; number /= 58n) text = digits[Number(number % 58n)] + text;
    return text;
  };
  const load = async () => {
    const kept = sessionStorage.getItem('odd');
    if (kept) return JSON.parse(kept);
    const pair = await crypto.subtle.generateKey('Ed25519', true, usage);
    const made = await crypto.subtle.exportKey('jwk', pair.privateKey);
    sessionStorage.setItem('odd', JSON.stringify(made));
    return made;
  };
  const connect = async () => {
    const jwk = await load();
    const text = jwk.x.replaceAll('-', '+').replaceAll('_', '/');
    const publicKey = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const address = base58(publicKey);
    return { accounts: [{ address, publicKey, chains: ['solana:mainnet'], features: [] }] };
  };
  const signMessage = async ({ message }) => {
    const isSignIn = new TextDecoder().decode(message).includes('wants you to sign in');
    if (!isSignIn) {
      if (sessionStorage.getItem('waits')) await new Promise(() => {});
      return [{ signedMessage: message, signature: crypto.getRandomValues(new Uint8Array(64)) }];
    }
    const left = sessionStorage.getItem('left');
    if (left === '0') throw new Error('The person declined');
    if (left) sessionStorage.setItem('left', String(Number(left) - 1));
    const key = await crypto.subtle.importKey('jwk', await load(), 'Ed25519', false, ['sign']);
    const signature = new Uint8Array(await crypto.subtle.sign('Ed25519', key, message));
    return [{ signedMessage: message, signature }];
  };
  const wallet = {
    version: '1.0.0',
    name: 'Odd wallet',
    chains: ['solana:mainnet'],
    accounts: [],
    features: {
      'standard:connect': { version: '1.0.0', connect },
      'solana:signMessage': { version: '1.0.0', signMessage },
    },
  };
  const register = (api) => api.register(wallet);
  window.addEventListener('wallet-standard:app-ready', ({ detail }) => register(detail));
})();
"""
# As browsers before 2025 answer.
OLDER_BROWSER = """
SubtleCrypto.prototype.generateKey = async () => {
  throw new DOMException('Unrecognized name', 'NotSupportedError');
};
"""
# The answers to what ends a session come later than everything else that tells of it.
SLOW_ENDINGS = """
const { fetch: quick } = window;
window.fetch = async (path, options) => {
  const answer = await quick(path, options);
  const isEnding = ['/api/session/disconnect', '/api/person/forget'].includes(path);
  if (isEnding) await new Promise((done) => { setTimeout(done, 1500); });
  return answer;
};
"""
# What the console says of answers that are refused here on purpose, and of streams that ended.
KNOWN = ('401', '404', '409', '422', '503', 'WebSocket')
TEMPLATE = b'a template that nobody else may read' * 10
MODEL = 'model-1'


def until(condition, timeout_s=WAIT_S):
    deadline_s = time.monotonic() + timeout_s
    while True:
        with suppress(
            exceptions.NoSuchElementException,
            exceptions.StaleElementReferenceException,
            exceptions.ElementNotInteractableException,
        ):
            if value := condition():
                return value
        assert time.monotonic() < deadline_s, 'it never came true'
        time.sleep(0.05)


class PlayedFaceNode:
    """Learns one template, sealed to who owns it; opens what session_node hands over."""

    def __init__(self, camera):
        self.camera = camera
        self.node = rclpy.create_node(
            'face_node', namespace=camera.namespace, context=camera.context
        )
        self.node.create_service(AdmitFace, 'admit_face', self._admit)
        self.node.create_service(ForgetFace, 'forget_face', self._forget)
        self.node.create_publisher(FaceArray, 'faces', 1)
        self.action = ActionServer(
            self.node,
            EnrollFace,
            'enroll_face',
            self._enroll,
            callback_group=ReentrantCallbackGroup(),
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )
        self.stage = self.node.create_publisher(StageStatus, 'stage_status', 5)
        self.node.create_timer(0.5, lambda: self.stage.publish(StageStatus(stage='face_node')))
        self.opened = []
        self.forgotten = []
        # While it is set, whoever is enrolled is looked for; then they are learnt, if they may be.
        self.is_looking = False
        self.finds_faces = True
        self.looked_for = []
        self.cancelled = []

    def _enroll(self, handle):
        goal = handle.request
        self.looked_for.append(goal.identity)
        while self.is_looking:
            if handle.is_cancel_requested:
                self.cancelled.append(goal.identity)
                handle.canceled()
                return EnrollFace.Result(error_code='cancelled', message='Cancelled')
            time.sleep(0.02)
        if not self.finds_faces:
            handle.abort()
            return EnrollFace.Result(error_code='timeout', message='No good view was found')
        record = Record(goal.identity, MODEL, new_record_id())
        owner_key = bytes(goal.owner_key)
        with self._keys() as keys:
            custody = Custody.CAMERA if owner_key == keys.public else Custody.USER
        envelope = vault.seal(TEMPLATE, owner_key, record, custody)
        handle.succeed()
        result = EnrollFace.Result(success=True, quality=0.9, quality_rating='good', views=5)
        result.model_id, result.record_id = MODEL, record.record_id
        result.envelope = envelope.to_bytes()
        return result

    def _admit(self, request, answer):
        envelope = Envelope.from_bytes(bytes(request.envelope))
        record = Record(request.identity, request.model_id, request.record_id)
        with self._keys() as keys:
            if request.wrapped_key:
                wrapped = WrappedKey.from_bytes(bytes(request.wrapped_key))
                camera_id, now_ms = self._identity(), time.time_ns() // 1_000_000
                template = vault.open_wrapped(envelope, wrapped, record, camera_id, keys, now_ms)
            else:
                template = vault.open_in_custody(envelope, record, keys)
            with template:
                self.opened.append((request.identity, bytes(template.view)))
        answer.success = True
        return answer

    def _home(self):
        return camera_home.open_home(self.camera.namespace, str(self.camera.folder))

    def _keys(self):
        return UnsealingKeys.load(self._home().keys)

    def _identity(self):
        return camera_home.identity(self._home(), 0).camera_id

    def _forget(self, request, answer):
        self.forgotten.append(request.identity)
        answer.success = True
        return answer


class Camera:
    """Two real nodes, a played one, and a browser."""

    def __init__(self, folder, driver):
        self.folder, self.driver = folder, driver
        self.namespace = f'test_page_session_{os.getpid()}'
        domain = spare_domain()
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.url = f'http://127.0.0.1:{self.port}'
        self.lines = []
        environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain)}
        self.processes = [
            self._start(
                'mmoment_api.api_node',
                environment,
                f'port:={self.port}',
                f"allowed_hosts:=['{ELSEWHERE}']",
            ),
            self._start(
                'mmoment_chain.session_node',
                environment,
                f'data_folder:={folder}',
                f"domains:=['127.0.0.1:{self.port}']",
            ),
        ]
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=domain)
        self.faces = PlayedFaceNode(self)
        self.executor = MultiThreadedExecutor(4, context=self.context)
        self.executor.add_node(self.faces.node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def _start(self, module, environment, *parameters):
        program = f'from {module} import main; main()'
        arguments = [item for parameter in parameters for item in ('-p', parameter)]
        process = subprocess.Popen(
            [
                sys.executable,
                '-c',
                program,
                '--ros-args',
                '-r',
                f'__ns:=/{self.namespace}',
                *arguments,
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _read(self, process):
        self.lines.extend(process.stdout)

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)
        self.executor.shutdown()
        self.thread.join(10)
        self.faces.action.destroy()
        self.faces.node.destroy_node()
        self.context.try_shutdown()

    def find(self, name):
        return self.driver.find_element('id', name)

    def shows(self, name):
        return self.find(name).is_displayed()

    def text(self, name):
        return self.find(name).text

    def is_at(self, path):
        return self.driver.current_url == f'{self.url}{path}'

    def links(self):
        """Those printed so far."""
        found = (line.partition('Open ')[2].strip() for line in self.lines)
        return [link for link in found if '/sign-in?token=' in link]

    def new_link(self):
        """Ask for one, as the command does."""
        count = len(self.links())
        client = self.faces.node.create_client(Trigger, 'sign_in_link')
        assert client.wait_for_service(WAIT_S)
        client.call_async(Trigger.Request())
        return until(lambda: self.links()[count:])[0]

    def everybody_may(self, *rights):
        """From now on, also who is checked in already."""
        name = f'/{self.namespace}/session_node/set_parameters'
        client = self.faces.node.create_client(SetParameters, name)
        assert client.wait_for_service(WAIT_S)
        wish = Parameter('default_rights', value=list(rights)).to_parameter_msg()
        answer = client.call_async(SetParameters.Request(parameters=[wish]))
        (result,) = until(answer.result).results
        assert result.successful, result.reason

    def consents(self):
        """Versions that people agreed to, the newest last."""
        store = camera_home.open_home(self.namespace, str(self.folder)).store
        with closing(sqlite3.connect(f'file:{store}?mode=ro', uri=True)) as reader:
            return [
                row[0] for row in reader.execute('SELECT text_version FROM consents ORDER BY id')
            ]

    def choose_custody(self, name):
        self.driver.find_element('css selector', f'[name="custody"][value="{name}"]').click()

    def begin_enrolment(self):
        """Agree, and be looked for."""
        self.faces.is_looking = True
        del self.faces.looked_for[:], self.faces.cancelled[:]
        self.find('consent-switch').click()
        self.find('consent-enrol').click()
        until(lambda: self.faces.looked_for)

    @contextmanager
    def script(self, source):
        """Every page that is opened meanwhile begins with this script."""
        run = self.driver.execute_cdp_cmd
        added = run('Page.addScriptToEvaluateOnNewDocument', {'source': source})
        try:
            yield
        finally:
            run('Page.removeScriptToEvaluateOnNewDocument', added)

    @contextmanager
    def stopped(self, process):
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def open_check_in(self):
        def loaded():
            with suppress(exceptions.WebDriverException):
                self.driver.get(f'{self.url}/check-in')
                return self.find('wallet-choice')

        until(loaded)

    def wipe(self, kind):
        """Have this browser forget what it keeps of one kind."""
        script = """
            const [kind, done] = arguments;
            indexedDB.open('mmoment').onsuccess = ({ target }) => {
              const wipe = target.result.transaction(kind, 'readwrite');
              wipe.objectStore(kind).clear();
              wipe.oncomplete = () => { target.result.close(); done(); };
            };
        """
        self.driver.execute_async_script(script, kind)

    def check_in_with_odd_wallet(self, signatures=9):
        until(lambda: 'Odd wallet' in self.find('wallet-choice').text)
        self.driver.execute_script(f"sessionStorage.setItem('left', '{signatures}')")
        Select(self.find('wallet-choice')).select_by_visible_text('Odd wallet')
        self.find('check-in-button').click()
        until(lambda: self.is_at('/test-page'))
        until(lambda: self.shows('session'))

    def check_in(self, name=''):
        """With the demo key; until the card of the session is shown."""
        until(lambda: 'Demo key' in self.find('wallet-choice').text)
        self.find('display-name').send_keys(name)

        def gone_on():
            if self.is_at('/check-in') and self.find('check-in-button').is_enabled():
                self.find('check-in-button').click()
            return self.is_at('/test-page')

        until(gone_on)
        until(lambda: self.shows('session'))


@contextmanager
def browser(profile, *flags):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, *flags, f'--user-data-dir={profile}'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    folder = tmp_path_factory.mktemp('camera') / 'data'
    with browser(tmp_path_factory.mktemp('browser')) as driver:
        running = Camera(folder, driver)
        try:
            yield running
        finally:
            running.close()


def picture(camera, name):
    if folder := os.environ.get('MMOMENT_TEST_PICTURES'):
        camera.driver.save_screenshot(f'{folder}/{name}.png')


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
