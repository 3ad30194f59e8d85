"""The scene goes from the camera to a real server picture for picture, and comes back after faults."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile

from bench.stream_puller import Puller
from bench.stream_scores import continuity
from mmoment_interfaces.msg import ComponentState, StreamStatus, VideoPacket
from tests.graph import LATCHED, START_PATIENCE_S, Graph, Listener, wait_until
from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph

KEY = 'p1anted-key-of-the-graph'
SECOND_KEY = 'p1anted-key-of-the-second'
FPS = 30
SECONDS_OF_VIDEO = QoSProfile(depth=300)
WATCHED_S = 2.0


@pytest.fixture(scope='module')
def server():
    try:
        with RtmpServer() as server:
            yield server
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope='module')
def graph(server):
    with Graph('pattern', width='640', height='360', fps=str(FPS)) as graph:
        graph.sign_in()
        graph.wait_for_output(r'All \d+ nodes are ready', START_PATIENCE_S)
        wait_until(lambda: graph.get('/api/stream/status')['running'], 'stream_node')
        # It is heard before its services are found.
        wait_until(
            lambda: graph.send('GET', '/api/stream/settings')[0] == 200,
            'the settings of the stream',
        )
        folder = Path(graph.get('/api/stream/settings')['key_folder'])
        (folder / 'main.key').touch(mode=0o600)
        (folder / 'main.key').write_text(KEY)
        target = {'name': 'main', 'url': server.publish_url, 'key_file': 'main.key'}
        status, answer = graph.send('PATCH', '/api/stream/settings', targets=[target])
        assert status == 200, answer
        status, answer = graph.send('POST', '/api/stream/start')
        assert status == 200, answer
        yield graph


@pytest.fixture(scope='module')
def listener(graph):
    with Listener(graph) as listener:
        yield listener


@pytest.fixture(scope='module')
def told(listener):
    return listener.subscribe(StreamStatus, 'stream_status', LATCHED)


@pytest.fixture(scope='module')
def diagnosed(listener):
    return listener.subscribe(DiagnosticArray, '/diagnostics', QoSProfile(depth=100))


@pytest.fixture(scope='module')
def packets(listener):
    return listener.subscribe(VideoPacket, 'video', SECONDS_OF_VIDEO)


@pytest.fixture(scope='module')
def viewer(graph, server, packets):
    with Puller(server.play_url(KEY)) as viewer:
        yield viewer


def in_state(state):
    return lambda message: message.push.state == state


def test_every_picture_arrives_once_and_soon(server, told, packets, viewer):
    told.wait_for(in_state(ComponentState.LIVE))
    # Subscribers find each other in their own time.
    packets.wait_for(lambda packet: packet.keyframe)
    since_ns = time.monotonic_ns()
    viewer.first_taken_after(since_ns, 10.0)
    time.sleep(WATCHED_S)
    seen = [
        picture
        for picture in viewer.pictures(since_ns)
        if picture.mark is not None and picture.taken_ns > since_ns
    ]
    wait_until(lambda: packets.messages[-1].monotonic_ns > seen[-1].taken_ns, 'its packet')
    encoded = [packet.monotonic_ns for packet in list(packets.messages)]
    whole = continuity(seen, encoded)
    # A loaded machine encodes less; what is encoded arrives.
    assert whole.pictures > 0.3 * FPS * WATCHED_S
    assert (whole.missing, whole.doubled, whole.unreadable) == (0, 0, 0)
    assert sorted(picture.age_ms for picture in seen)[len(seen) // 2] < 1000
    stream = server.stat().stream(KEY)
    assert (stream.publishing, stream.codec) == (True, 'H264')


def test_another_program_sees_the_same_video(server, told):
    if shutil.which('ffprobe') is None:
        pytest.skip('ffprobe is not installed')
    told.wait_for(in_state(ComponentState.LIVE))
    words = '-v error -show_entries stream=codec_name,profile,width,height,has_b_frames -of json'
    command = ['ffprobe', *words.split(), '-analyzeduration', '500000', server.play_url(KEY)]
    answer = subprocess.run(command, capture_output=True, timeout=30, check=True)
    (stream,) = json.loads(answer.stdout)['streams']
    assert (stream['codec_name'], stream['has_b_frames']) == ('h264', 0)
    assert (stream['width'], stream['height']) == (640, 360)


def test_topic_and_page_tell_the_same(graph, told):
    message = told.wait_for(in_state(ComponentState.LIVE))
    answer = graph.get('/api/stream/status')
    (target,), (of_topic,) = answer['targets'], message.targets
    assert (answer['state'], answer['live'], answer['wanted']) == ('live', True, True)
    assert (target['state'], target['address']) == ('live', of_topic.address)
    assert answer['since'] == _since_ms(message.push)
    assert KEY not in json.dumps(answer)


def test_a_server_that_was_killed_is_pushed_to_again(graph, server, told, viewer):
    told.clear()
    server.kill()
    lost = told.wait_for(lambda message: message.push.state != ComponentState.LIVE, 10.0)
    assert not lost.live
    told.wait_for(in_state(ComponentState.WAITING_TO_RETRY))
    wait_until(
        lambda: graph.get('/api/stream/status')['state'] in ('waiting_to_retry', 'connecting'),
        'the page to tell',
    )
    server.start()
    told.clear()
    told.wait_for(in_state(ComponentState.LIVE))
    back_ns = time.monotonic_ns()
    viewer.first_taken_after(back_ns, 15.0)


def test_without_the_encoder_a_slate_is_shown_and_then_the_scene(graph, told, viewer):
    told.wait_for(in_state(ComponentState.LIVE))
    killed_ns, pid = time.monotonic_ns(), graph.pids['encoder_node']
    os.kill(pid, signal.SIGSTOP)
    try:
        told.clear()
        told.wait_for(lambda message: message.targets[0].slate)
        wait_until(
            lambda: any(picture.mark is None for picture in viewer.pictures(killed_ns)), 'the slate'
        )
    finally:
        os.kill(pid, signal.SIGKILL)
    viewer.first_taken_after(time.monotonic_ns(), 45.0)
    told.clear()
    told.wait_for(lambda message: message.live and not message.targets[0].slate)


def test_one_target_is_stopped_and_started_while_another_goes_on(graph, server, told, diagnosed):
    (main,) = graph.get('/api/stream/settings')['targets']
    folder = Path(graph.get('/api/stream/settings')['key_folder'])
    (folder / 'second.key').touch(mode=0o600)
    (folder / 'second.key').write_text(SECOND_KEY)
    with RtmpServer() as other:
        second = main | {'name': 'second', 'url': other.publish_url, 'key_file': 'second.key'}
        off = second | {'name': 'off', 'enabled': False}
        status, answer = graph.send('PATCH', '/api/stream/settings', targets=[main, second, off])
        assert status == 200, answer
        # All are wanted, and so is one that comes.
        assert other.await_stream(SECOND_KEY)
        accepted = server.stat().accepted
        for name, code in (('gone', 404), ('off', 409)):
            for what in ('start', 'stop'):
                status, answer = graph.send('POST', f'/api/stream/{what}', target=name)
                assert status == code, answer
        status, answer = graph.send('POST', '/api/stream/livepeer/stop', target='second')
        assert status == 200, answer
        assert other.await_stream(SECOND_KEY, publishing=False)
        # The other connection is the same.
        assert server.stat().accepted == accepted
        told.clear()
        message = told.wait_for(lambda message: not message.targets[1].wanted)
        assert [each.wanted for each in message.targets] == [True, False, True]
        answer = graph.get('/api/stream/status')
        assert [each['wanted'] for each in answer['targets']] == [True, False, True]
        assert (answer['wanted'], answer['live']) == (True, True)
        diagnosed.wait_for(_says('target second', 'not wanted', 'False'))
        # A kill forgets neither.
        os.kill(graph.pids['stream_node'], signal.SIGKILL)
        assert server.await_stream(KEY, publishing=False)
        assert server.await_stream(KEY, within_s=START_PATIENCE_S)
        told.clear()
        back = told.wait_for(in_state(ComponentState.LIVE), 20.0)
        assert [each.wanted for each in back.targets] == [True, False, True]
        assert other.await_stream(SECOND_KEY, publishing=False)
        assert graph.send('POST', '/api/stream/start', target='second')[0] == 200
        assert other.await_stream(SECOND_KEY)
        status, answer = graph.send('PATCH', '/api/stream/settings', targets=[main])
        assert status == 200, answer


def test_what_is_stopped_is_pushed_no_more(graph, server, told):
    assert graph.send('POST', '/api/stream/stop')[0] == 200
    assert server.await_stream(KEY, publishing=False)
    told.wait_for(lambda message: not message.wanted and message.push.state == ComponentState.IDLE)
    assert KEY not in graph.text


def _says(concern, words, wanted):
    """Whether a message of /diagnostics has these words, and the value wanted, for a concern."""

    def is_said(message):
        return any(
            status.name.endswith(f'stream_node: {concern}')
            and status.message == words
            and {value.key: value.value for value in status.values}['wanted'] == wanted
            for status in message.status
        )

    return is_said


def _since_ms(state):
    return state.since.sec * 1000 + state.since.nanosec // 1_000_000
