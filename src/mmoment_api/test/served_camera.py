"""What tests of pages share: a served camera, nodes that play the rest of it, and a browser."""

import os
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import rclpy
from rclpy.executors import MultiThreadedExecutor
from std_srvs.srv import Trigger

from bench.api_process import LINK, Signed, node_command, started
from mmoment_node.spare_domain import spare_domain
from tests.browser import exceptions, open_browser, wait_for_page

WAIT_S = 40.0
until = partial(wait_for_page, timeout_s=WAIT_S)
browser = partial(open_browser, window='1360,1500')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class ServedCamera:
    """The real api_node and session_node, and a browser; nodes that play others are added."""

    # Of its namespace, and of its pictures.
    NAME = ''

    def __init__(self, folder, driver, stack, *, of_api=(), of_session=()):
        self.folder, self.driver = folder, driver
        self.namespace, domain = f'test_page_{self.NAME}_{os.getpid()}', spare_domain()
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        own = (f'data_folder:={folder}', f"domains:=['127.0.0.1:{self.port}']")
        self.processes = {}
        for name, module, parameters in (
            ('api_node', 'mmoment_api.api_node', (f'port:={self.port}', *of_api)),
            ('session_node', 'mmoment_chain.session_node', (*own, *of_session)),
        ):
            command = node_command(module, *parameters, namespace=f'/{self.namespace}')
            self.processes[name] = stack.enter_context(started(command, ROS_DOMAIN_ID=str(domain)))
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=domain)
        stack.callback(self.context.try_shutdown)
        # No played node is taken away while it is spun.
        self._played = stack.enter_context(ExitStack())
        self.executor = MultiThreadedExecutor(6, context=self.context)
        thread = threading.Thread(target=self.executor.spin, daemon=True)
        thread.start()
        stack.callback(thread.join, 10)
        stack.callback(self.executor.shutdown)
        self.asking = rclpy.create_node('asking', namespace=self.namespace, context=self.context)
        self._played.callback(self.asking.destroy_node)
        self.executor.add_node(self.asking)
        self.processes['api_node'].wait_for(LINK, WAIT_S)

    def add(self, played):
        """Have a node played from now on."""
        self._played.callback(played.close)
        self.executor.add_node(played.node)
        return played

    @property
    def lines(self):
        """What the processes have said so far."""
        return [line for process in self.processes.values() for line in process.lines]

    def links(self):
        """Those printed so far."""
        return [match.group(1) for line in self.lines if (match := LINK.search(line))]

    def new_link(self):
        """Ask for one, as the command does."""
        count = len(self.links())
        client = self.asking.create_client(Trigger, 'sign_in_link')
        assert client.wait_for_service(WAIT_S)
        client.call_async(Trigger.Request())
        return until(lambda: self.links()[count:])[0]

    def find(self, name):
        return self.driver.find_element('id', name)

    def shows(self, name):
        return self.find(name).is_displayed()

    def text(self, name):
        return self.find(name).text

    def is_at(self, path):
        return self.driver.current_url == f'{self.url}{path}'

    def signed(self):
        """The session of the browser, for calls beside it."""
        cookies = [f'{item["name"]}={item["value"]}' for item in self.driver.get_cookies()]
        return Signed(self.port, '; '.join(cookies))

    def become_somebody(self):
        """Check in as somebody without the owner's link."""
        self.driver.delete_all_cookies()

        def gone_on():
            with suppress(exceptions.WebDriverException):
                if not self.driver.current_url.startswith(self.url):
                    self.driver.get(f'{self.url}/check-in')
                if 'Demo key' in self.find('wallet-choice').text:
                    self.find('check-in-button').click()
            return self.is_at('/test-page')

        self.driver.get(f'{self.url}/check-in')
        until(gone_on)
        until(lambda: self.shows('session'))
        until(lambda: 'Connected' in self.text('log'))

    def picture(self, name):
        """For people to look at, if they wish."""
        if folder := os.environ.get('MMOMENT_TEST_PICTURES'):
            self.driver.save_screenshot(f'{folder}/{name}.png')

    def faults(self):
        """What the policy of the pages refused, what was thrown, and what broke a process."""
        said = [entry['message'] for entry in self.driver.get_log('browser')]
        marks = ('Content Security Policy', 'Uncaught')
        refused = [text for text in said if any(mark in text for mark in marks)]
        return [*refused, *self.tracebacks()]

    def tracebacks(self):
        return [line for line in self.lines if 'Traceback' in line]


@contextmanager
def served(kind, make_folder, *arguments):
    """A camera of that kind, in a browser of its own."""
    with ExitStack() as stack:
        driver = stack.enter_context(browser(make_folder('browser')))
        yield kind(make_folder('camera') / 'data', driver, stack, *arguments)
