"""A camera at which people check in and are enrolled; face_node is played."""

import signal
import sqlite3
from contextlib import closing, contextmanager, suppress

from played_face_node import PlayedFaceNode
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from served_camera import WAIT_S, ServedCamera, until

from mmoment_chain import camera_home
from tests.browser import Select, exceptions

# A name that browsers do not take for this machine.
ELSEWHERE = 'camera.example'
# What the console says of answers that are refused here on purpose, and of streams that ended.
KNOWN = ('401', '404', '409', '422', '503', 'WebSocket')


def sign(camera, kind):
    """Read what it is, and agree."""
    until(lambda: camera.shows('chain-review') and kind in camera.text('chain-review-lines'))
    camera.find('chain-sign').click()


class PeopleCamera(ServedCamera):
    """Served under another name too; session_node has the parameters that are given."""

    NAME = 'session'

    def __init__(self, folder, driver, stack, *of_session):
        names = f"allowed_hosts:=['{ELSEWHERE}']"
        super().__init__(folder, driver, stack, of_api=(names,), of_session=of_session)
        self.faces = self.add(PlayedFaceNode(self))

    def everybody_may(self, *rights):
        """From now on, also who is checked in already."""
        name = f'/{self.namespace}/session_node/set_parameters'
        client = self.asking.create_client(SetParameters, name)
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
    def stopped(self, name):
        """Its process does nothing meanwhile."""
        process = self.processes[name].process
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

    def faults(self):
        """What the console says and nobody expects, and what broke a process."""
        severe = [
            entry['message']
            for entry in self.driver.get_log('browser')
            if entry['level'] == 'SEVERE' and not any(known in entry['message'] for known in KNOWN)
        ]
        return [*severe, *self.tracebacks()]

    def logged_secrets(self):
        """Cookies of the browser that a process has said."""
        text = ''.join(self.lines)
        return [item['name'] for item in self.driver.get_cookies() if item['value'] in text]
