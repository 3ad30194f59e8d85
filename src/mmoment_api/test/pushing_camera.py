"""What the tests of the stream's card share: two real nodes, a played one, and a browser."""

import os
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial

import rclpy
from played_stream_node import PlayedStreamNode, stamp, state
from rclpy.executors import MultiThreadedExecutor
from signed_hooks import SECRET
from std_srvs.srv import Trigger

from bench.api_process import LINK, Signed, started
from mmoment_interfaces.msg import ComponentState, StreamTargetStatus
from mmoment_node.spare_domain import spare_domain
from tests.browser import exceptions, wait_for_page

WAIT_S = 40.0
until = partial(wait_for_page, timeout_s=WAIT_S)


def two_targets():
    """One that receives it, at a provider, and one that waits after an error."""
    studio = StreamTargetStatus(
        name='studio',
        provider='livepeer',
        address='rtmp://rtmp.example.org/live',
        enabled=True,
        push=state(ComponentState.LIVE),
        bytes_sent=3 * 2**20,
        dropped=4,
        reconnects=2,
        fps=29.97,
        kbps=2387.0,
        target_kbps=2500.0,
        playback_id='abcd1234efgh5678',
        hls_url='https://play.example.org/hls/abcd1234efgh5678/index.m3u8',
        webrtc_url='https://play.example.org/webrtc/abcd1234efgh5678',
        provider_known=True,
        provider_active=True,
        provider_issues=['low bitrate'],
        provider_checked=stamp(time.time()),
        slate=True,
    )
    main = StreamTargetStatus(
        name='main',
        provider='rtmp',
        address='rtmps://media.example.org/live',
        enabled=True,
        push=state(
            ComponentState.WAITING_TO_RETRY,
            last_error='The server does not answer: media.example.org',
            retries=3,
            next_try_s=25.0,
        ),
        error_code='timed_out',
        # Of the connection before.
        provider_known=True,
        provider_checked=stamp(time.time()),
        hls_url='javascript:alert(1)',
    )
    spare = StreamTargetStatus(name='spare', provider='rtmp', push=state(ComponentState.IDLE))
    return [main, studio, spare]


class Camera:
    """Two real nodes, a played one, and a browser."""

    def __init__(self, folder, driver, stack):
        self.driver = driver
        namespace, domain = f'test_page_stream_{os.getpid()}', spare_domain()
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        self.url = f'http://127.0.0.1:{port}'
        secret = folder / 'webhook.secret'
        secret.write_bytes(SECRET)
        secret.chmod(0o600)
        self.processes = {}
        for name, module, parameters in (
            (
                'api_node',
                'mmoment_api.api_node',
                (f'port:={port}', f'livepeer_webhook_secret_file:={secret}'),
            ),
            (
                'session_node',
                'mmoment_chain.session_node',
                (f'data_folder:={folder / "data"}', f"domains:=['127.0.0.1:{port}']"),
            ),
        ):
            arguments = [word for parameter in parameters for word in ('-p', parameter)]
            program = f'from {module} import main; main()'
            ros = ['--ros-args', '-r', f'__ns:=/{namespace}', *arguments]
            command = [sys.executable, '-c', program, *ros]
            self.processes[name] = stack.enter_context(started(command, ROS_DOMAIN_ID=str(domain)))
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=domain)
        stack.callback(self.context.try_shutdown)
        self.stream = PlayedStreamNode(self.context, namespace)
        executor = MultiThreadedExecutor(4, context=self.context)
        executor.add_node(self.stream.node)
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        stack.callback(self.stream.close)
        stack.callback(thread.join, 10)
        stack.callback(executor.shutdown)
        self.link = self.processes['api_node'].wait_for(LINK, WAIT_S).group(1)

    def new_link(self):
        """Ask for one, as the command does."""
        output = self.processes['api_node']
        before = len(output.lines)
        client = self.stream.node.create_client(Trigger, 'sign_in_link')
        assert client.wait_for_service(WAIT_S)
        client.call_async(Trigger.Request())
        return until(lambda: LINK.search(''.join(output.lines[before:]))).group(1)

    def find(self, name):
        return self.driver.find_element('id', name)

    def shows(self, name):
        return self.find(name).is_displayed()

    def text(self, name):
        return self.find(name).text

    def click(self, name):
        until(self.find(name).is_enabled)
        self.find(name).click()

    def target(self, name):
        """A row, as it is read."""
        rows = self.driver.find_elements('css selector', f'[data-target="{name}"]')
        return rows[0].text if rows else ''

    def forms(self):
        return self.driver.find_elements('css selector', '.target-form')

    def signed(self):
        """The session of the browser, for calls beside it."""
        cookies = [f'{item["name"]}={item["value"]}' for item in self.driver.get_cookies()]
        return Signed(int(self.url.rpartition(':')[2]), '; '.join(cookies))

    def check_in(self):
        """As somebody without the owner's link."""
        self.driver.delete_all_cookies()

        def gone_on():
            with suppress(exceptions.WebDriverException):
                if not self.driver.current_url.startswith(self.url):
                    self.driver.get(f'{self.url}/check-in')
                if 'Demo key' in self.find('wallet-choice').text:
                    self.find('check-in-button').click()
            return self.driver.current_url == f'{self.url}/test-page'

        self.driver.get(f'{self.url}/check-in')
        until(gone_on)
        until(lambda: self.shows('session'))
        until(lambda: 'Connected' in self.text('log'))


def picture(camera, name):
    if folder := os.environ.get('MMOMENT_TEST_PICTURES'):
        camera.driver.save_screenshot(f'{folder}/stream-{name}.png')
