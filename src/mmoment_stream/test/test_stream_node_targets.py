"""The stream node as a process, with a real encoder and a real server: each target by itself."""

import signal

import pytest

pytest.importorskip('rclpy')

from clip_world import wait_until
from diagnostic_msgs.msg import DiagnosticStatus
from stream_world import IDLE, LIVE, StreamWorld

from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph

KEY = 'p1anted-5ecret-key'


@pytest.fixture
def server():
    try:
        with RtmpServer() as server:
            yield server
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture
def world(tmp_path):
    world = StreamWorld(tmp_path)
    yield world
    world.close()


def test_one_of_two_is_started_and_stopped_over_a_kill(world, server):
    main = {'name': 'main', 'url': server.publish_url, 'key_file': world.key('main.key', KEY)}
    second = main | {'name': 'second', 'key_file': world.key('second.key', f'{KEY}-2')}
    assert world.configure('targets', targets=[main, second]).success
    answer = world.start(target='second')
    assert answer.success, answer.message
    assert [each.wanted for each in answer.status.targets] == [False, True]
    world.await_state(LIVE, 'second')
    assert server.await_stream(f'{KEY}-2')
    assert (world.state('main'), server.await_stream(KEY, publishing=False)) == (IDLE, True)
    wait_until(lambda: world.diagnosed('target main') == (DiagnosticStatus.OK, 'not wanted'))
    wait_until(lambda: world.diagnosed('stream') == (DiagnosticStatus.OK, 'live: 1 of 1 targets'))
    for change in (world.start, world.stop):
        answer = change(target='gone')
        assert (answer.success, answer.error_code) == (False, 'unknown_target')
    world.node.end(signal.SIGKILL)
    world.run()
    world.await_state(LIVE, 'second')
    assert [each.wanted for each in world.statuses[-1].targets] == [False, True]
    assert world.start().success
    world.await_state(LIVE, 'main')
    accepted = server.stat().accepted
    answer = world.stop(target='second')
    assert (answer.success, answer.status.wanted) == (True, True)
    assert server.await_stream(f'{KEY}-2', publishing=False)
    assert (world.state('main'), server.stat().accepted) == (LIVE, accepted)
    answer = world.stop(target='main')
    assert (answer.success, answer.status.wanted) == (True, False)
