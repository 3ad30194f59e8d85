"""The node as it is run: what it prints, how it ends, what it says to a graph that is not there."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor

pytestmark = pytest.mark.graph

START_WAIT_S = 20.0
LINK = re.compile(r'^Open (http://[^/:]+:\d+)/sign-in\?token=(\S{43})$')
NAMESPACE = f'/test_api_{os.getpid()}'


def command(*parameters, module='mmoment_api.api_node'):
    arguments = [item for parameter in parameters for item in ('-p', parameter)]
    program = f'from {module} import main; main()'
    return [sys.executable, '-c', program, '--ros-args', '-r', f'__ns:={NAMESPACE}', *arguments]


class RunningNode:
    """A running api_node on a free port."""

    def __init__(self, *parameters):
        self.process = subprocess.Popen(
            command('port:=0', *parameters),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip('\n'))

    def links(self):
        return [match for line in self.lines if (match := LINK.match(line))]

    def call(self, method, path, body=None, cookie=''):
        request = urllib.request.Request(
            f'{self.links()[0][1]}{path}',
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={'Content-Type': 'application/json', 'Cookie': cookie},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), error.headers

    def sign_in(self, link):
        status, _, headers = self.call('POST', '/sign-in', {'token': link[2]})
        assert status == 200
        self.cookie = headers['Set-Cookie'].split(';')[0]
        return self.cookie


def until(condition):
    deadline_s = time.monotonic() + START_WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, 'it never came true'
        time.sleep(0.02)
    return value


@pytest.fixture(scope='module')
def node():
    with running_node() as running:
        yield running


@contextmanager
def running_node(*parameters):
    running = RunningNode(*parameters)
    try:
        until(running.links)
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()
        running.reader.join()


def test_parts_that_do_not_run_are_named_at_once(node):
    cookie = node.sign_in(node.links()[0])
    for method, path, body, part in (
        ('GET', '/api/visualization', None, 'overlay_node'),
        ('POST', '/api/visualization/face', {'enabled': True}, 'overlay_node'),
        ('POST', '/api/camera/source', {'source': 'demo'}, 'camera_node'),
    ):
        status, answer, _ = node.call(method, path, body, cookie)
        assert (status, answer['error'], answer['part']) == (503, 'part_not_running', part)


def test_a_new_link_appears_on_the_terminal_only(node):
    count = len(node.links())
    asked = subprocess.run(
        [sys.executable, '-m', 'mmoment_api.sign_in_link', '--namespace', NAMESPACE],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert asked.returncode == 0, asked.stderr
    assert 'token' not in asked.stdout
    until(lambda: len(node.links()) == count + 1)
    assert node.sign_in(node.links()[-1])


def test_the_name_it_listens_on_is_its_name():
    # The system knows this spelling of 127.0.0.1 without asking anybody; for Python it is a name.
    with running_node("host:='0x7f.1'") as node:
        assert node.sign_in(node.links()[0])


def test_nobody_answers_in_an_empty_namespace():
    asked = subprocess.run(
        [sys.executable, '-m', 'mmoment_api.sign_in_link', '--namespace', 'nobody_here'],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert asked.returncode == 1
    assert asked.stderr == 'error: no api_node answers in the namespace nobody_here\n'


def test_tokens_are_printed_once_and_nowhere_else(node):
    text = '\n'.join(node.lines)
    for link in node.links():
        assert text.count(link[2]) == 1


def change_state(transition):
    """Ask for a transition, as `ros2 lifecycle set` does; whether it succeeded."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    asker = rclpy.create_node('asker', context=context)
    executor = SingleThreadedExecutor(context=context)
    try:
        client = asker.create_client(ChangeState, f'{NAMESPACE}/api_node/change_state')
        assert client.wait_for_service(START_WAIT_S)
        pending = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        rclpy.spin_until_future_complete(asker, pending, executor, START_WAIT_S)
        return pending.result().success
    finally:
        asker.destroy_node()
        context.try_shutdown()


def test_it_stops_and_starts_alone_on_the_same_port(node):
    links = len(node.links())
    port = int(node.links()[0][1].rpartition(':')[2])
    assert change_state(Transition.TRANSITION_DEACTIVATE)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', port))
    assert change_state(Transition.TRANSITION_ACTIVATE)
    until(lambda: len(node.links()) == links + 1)
    status, answer, _ = node.call('GET', '/')
    assert (status, answer['success']) == (200, True)
    # Sessions outlive the pause.
    assert node.call('GET', '/api/gesture/current', cookie=node.cookie)[0] == 200


def test_it_ends_quickly_with_open_streams(node):
    port = int(node.links()[0][1].rpartition(':')[2])
    viewer = socket.create_connection(('127.0.0.1', port))
    request = f'GET /mjpeg-stream HTTP/1.1\r\nHost: localhost\r\nCookie: {node.cookie}\r\n\r\n'
    viewer.sendall(request.encode())
    assert viewer.recv(64).startswith(b'HTTP/1.1 200')
    began_s = time.monotonic()
    node.process.terminate()
    code = node.process.wait(START_WAIT_S)
    took_s = time.monotonic() - began_s
    node.reader.join()
    assert code == 0, '\n'.join(node.lines)
    # Waiting for any client would take longer.
    assert took_s < 8.0
    viewer.close()


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        (['host:=no.such.host.invalid'], 'set the parameter host'),
        (['allowed_origins:=["*"]'], "write it as 'https://example.org'"),
        (['port:=70000'], 'port is 70000'),
        (['session_enrolment:=photos'], 'must be one of: live, live_with_liveness, any'),
    ],
)
def test_mistakes_are_one_line_and_exit_2(parameters, words):
    ended = subprocess.run(command(*parameters), capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert ended.stdout == ''
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith('error: api_node: ')
    assert words in ended.stderr


def test_a_port_in_use_is_one_line_and_exit_2():
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = other.getsockname()[1]
        ended = subprocess.run(command(f'port:={port}'), capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert ended.stderr == (
        f'error: api_node: 127.0.0.1:{port} is in use, stop what listens there or set the '
        'parameter port\n'
    )
