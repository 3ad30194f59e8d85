"""A camera of two real nodes and a played one, and its pages in a browser."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from functools import partial

import rclpy
from played_face_node import PlayedFaceNode
from rcl_interfaces.srv import SetParameters
from rclpy.executors import MultiThreadedExecutor
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from mmoment_chain import camera_home
from mmoment_node.spare_domain import spare_domain
from tests.browser import Select, exceptions, open_browser, wait_for_page

WAIT_S = 40.0
# A name that browsers do not take for this machine.
ELSEWHERE = 'camera.example'
until = partial(wait_for_page, timeout_s=WAIT_S)
browser = partial(open_browser, window='1360,1500')


class Camera:
    """Two real nodes, a played one, and a browser."""

    def __init__(self, folder, driver, *session_parameters):
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
                *session_parameters,
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


def picture(camera, name):
    if folder := os.environ.get('MMOMENT_TEST_PICTURES'):
        camera.driver.save_screenshot(f'{folder}/{name}.png')
