"""The stream node as a process, with a real encoder and a real server: what is wanted is pushed."""

import signal
import socket
import time

import pytest

pytest.importorskip('rclpy')

from clip_world import wait_until
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.serialization import serialize_message
from std_srvs.srv import Trigger
from stream_world import CONNECTING, FAILED, IDLE, LIVE, WAITING, StreamWorld

from mmoment_stream.stream_node import TAG_NAME, _camera_tag
from tests.standins.livepeer_studio import LivepeerStudio
from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph

KEY = 'p1anted-5ecret-key'
# Ending takes much less; a machine that is busy may take longer.
END_WITHIN_S = 2.0


@pytest.fixture(scope='module')
def server():
    try:
        with RtmpServer() as server:
            yield server
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope='module')
def studio():
    with LivepeerStudio() as studio:
        yield studio


@pytest.fixture(scope='module')
def module_world(tmp_path_factory, studio):
    folder = tmp_path_factory.mktemp('camera')
    world = StreamWorld(folder, bitrate_kbps=900, livepeer_url=studio.base_url)
    world.key('main.key', KEY)
    yield world
    world.close()


@pytest.fixture
def world(module_world):
    yield module_world
    assert module_world.node.process.poll() is None, module_world.node.output
    module_world.stop()
    assert module_world.configure(forget=True).success
    module_world.await_state(IDLE)


@pytest.fixture
def main(server):
    """The target that works."""
    return {'name': 'main', 'url': server.publish_url, 'key_file': 'main.key'}


@pytest.fixture
def deaf():
    """A server that accepts, and neither reads nor says anything."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        yield f'rtmp://127.0.0.1:{listener.getsockname()[1]}/live'


@pytest.fixture
def closed_port():
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        yield f'rtmp://127.0.0.1:{taken.getsockname()[1]}/live'


def test_what_is_started_is_pushed_until_it_is_stopped(world, server, main):
    assert world.state() == IDLE
    assert world.pictures.watched == [0, 0]
    world.push_to(main)
    world.await_state(LIVE, 'main')
    assert server.await_stream(KEY)
    stream = server.stat().stream(KEY)
    assert (stream.width, stream.height, stream.codec) == (320, 180, 'H264')
    wait_until(lambda: world.target('main').fps > 15)
    status = world.statuses[-1]
    assert (status.wanted, status.live, status.held_back) == (True, True, '')
    assert status.targets[0].address == server.publish_url
    assert world.pictures.watched == [1, 0]
    wait_until(lambda: world.diagnosed('stream') == (DiagnosticStatus.OK, 'live: 1 of 1 targets'))
    level, words = world.diagnosed('target main')
    assert (level, words.partition(':')[0]) == (DiagnosticStatus.OK, 'live')
    # A second time changes nothing.
    assert world.start().success
    answer = world.stop()
    assert answer.success
    assert (answer.status.wanted, answer.status.push.state) == (False, IDLE)
    assert server.await_stream(KEY, publishing=False)
    wait_until(lambda: world.pictures.watched == [0, 0])
    wait_until(lambda: world.diagnosed('stream') == (DiagnosticStatus.OK, 'not wanted'))


def test_one_that_fails_does_not_disturb_another(world, server, main, closed_port):
    world.push_to(main, {'name': 'lost', 'url': closed_port, 'key_file': 'main.key'})
    world.await_state(LIVE, 'main')
    wait_until(lambda: world.target('lost').push.retries > 1)
    lost = world.target('lost')
    assert lost.error_code == 'refused'
    assert world.state('lost') in (CONNECTING, WAITING)
    status = world.statuses[-1]
    assert (status.live, status.push.state) == (True, LIVE)
    expected = DiagnosticStatus.WARN, 'live: 1 of 2 targets'
    wait_until(lambda: world.diagnosed('stream') == expected)
    wait_until(lambda: world.diagnosed('target lost')[0] == DiagnosticStatus.WARN)
    words = f'waiting_to_retry: {lost.push.last_error}'
    wait_until(lambda: world.diagnosed('target lost')[1] == words)
    # Once, though it fails again and again.
    logged = [log.msg for log in world.logs if 'push to lost' in log.msg]
    assert logged == [f'push to lost: {words}']


def test_a_key_that_is_missing_is_told_and_found_when_it_comes(world, server, main):
    world.push_to(main | {'key_file': 'late.key'})
    world.await_state(FAILED, 'main')
    target = world.target('main')
    assert target.error_code == 'no_key'
    assert 'not there' in target.push.last_error
    assert 'late.key' not in target.push.last_error
    # There is nothing that an encoder could work for.
    wait_until(lambda: world.pictures.watched == [0, 0])
    world.key('late.key', KEY)
    world.await_state(LIVE, 'main')
    (world.keys / 'late.key').unlink()


def test_changes_leave_alone_what_has_not_changed(world, server, main):
    world.push_to(main)
    world.await_state(LIVE, 'main')
    assert server.await_stream(KEY)
    accepted = server.stat().accepted
    second = main | {'name': 'second', 'key_file': world.key('second.key', f'{KEY}-2')}
    assert world.configure('targets', targets=[second, main]).success
    assert server.await_stream(f'{KEY}-2')
    assert world.set('schedule', 'while_checked_in').successful is True
    assert world.configure('bitrate_kbps', bitrate_kbps=700).success
    assert world.configure('targets', targets=[main]).success
    assert server.await_stream(f'{KEY}-2', publishing=False)
    assert world.state('main') == LIVE
    assert server.stat().accepted == accepted + 1
    # The parameter that was changed meanwhile is hidden by what configure_stream has set.
    assert world.statuses[-1].schedule == 'always'
    assert world.set('schedule', 'always').successful is True


def test_the_encoder_is_asked_for_less_only_while_it_is_used(world, server, main):
    told = world.limits['video_limit']
    told.clear()
    world.push_to(main, bitrate_kbps=500)
    world.await_state(LIVE, 'main')
    wait_until(lambda: [limit.kbps for limit in told[-2:]] == [500, 500])
    assert told[0].asker == f'/{world.namespace}/stream_node'
    world.stop()
    wait_until(lambda: told[-1].kbps == 0)
    assert world.limits['overlay/video_limit'] == []


def test_drawings_are_pushed_only_where_that_was_chosen(world, server, main):
    world.push_to(main, channel='annotated')
    world.await_state(LIVE, 'main')
    assert world.pictures.watched == [0, 1]
    assert world.configure('channel', channel='public').success
    wait_until(lambda: world.pictures.watched == [1, 0])
    wait_until(lambda: world.statuses[-1].channel == 'public')
    # Another encoder, the same connection.
    sent = world.target('main').packets_sent
    wait_until(lambda: world.target('main').packets_sent > sent + 10)
    assert (world.state('main'), world.target('main').reconnects) == (LIVE, 0)


def test_somebody_has_to_be_checked_in_where_that_was_chosen(world, server, main):
    world.push_to(main, schedule='while_checked_in')
    wait_until(lambda: world.statuses[-1].held_back == 'nobody_checked_in')
    assert world.state() == IDLE
    session = world.sessions.check_in('ann')
    world.await_state(LIVE, 'main')
    world.sessions.check_out(session)
    world.await_state(IDLE, 'main')
    assert server.await_stream(KEY, publishing=False)
    expected = DiagnosticStatus.OK, 'held back: nobody is checked in'
    wait_until(lambda: world.diagnosed('stream') == expected)
    # A session that nobody ends.
    world.sessions.check_in('ben', lasts_s=2)
    world.await_state(LIVE, 'main')
    world.await_state(IDLE, 'main')


def test_rights_are_those_of_the_session(world, main):
    guest = world.sessions.check_in('ann', 'view')
    streamer = world.sessions.check_in('ben', 'stream')
    owner = world.sessions.check_in('cat', 'admin')
    assert world.start(session_id=guest).error_code == 'missing_right'
    assert world.stop(session_id=guest).error_code == 'missing_right'
    assert world.start(session_id='nobody').error_code == 'no_session'
    answer = world.configure('targets', session=streamer, targets=[main])
    assert (answer.success, answer.error_code) == (False, 'missing_right')
    # Where keys lie is for nobody else.
    assert (answer.key_folder, answer.settings.targets) == ('', [])
    assert world.configure('targets', session=owner, targets=[main]).success
    assert world.start(session_id=streamer).success
    assert world.stop(session_id=streamer).success
    for session in (guest, streamer, owner):
        world.sessions.check_out(session)


def test_without_a_target_nothing_is_started(world):
    answer = world.start()
    assert (answer.success, answer.error_code) == (False, 'no_target')
    assert 'configure a target' in answer.message
    assert not world.statuses[-1].wanted


@pytest.mark.parametrize(
    'wrong',
    [
        {'url': f'rtmp://user:{KEY}@host/live'},
        {'url': f'srt://host:9000?passphrase={KEY}'},
        {'url': f'rtmp://host/live/{KEY}', 'key_file': ''},
        {'url': f'rtmp://host/live?a=1;key={KEY}'},
        {'key_file': f'/tmp/{KEY}'},
        {'key_file': f'../keys/{KEY}'},
        {'provider': 'other'},
        {'name': ''},
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(world, main, wrong):
    before = world.configure().settings
    answer = world.configure('targets', targets=[main | wrong])
    assert (answer.success, answer.error_code) == (False, 'malformed')
    assert answer.message
    assert KEY not in answer.message
    assert world.configure().settings == before


def test_a_parameter_that_is_wrong_is_refused_and_a_right_one_taken(world, server):
    refused = world.set('targets', ['name=main url=rtmp://host/live key_file=a/b'])
    assert not refused.successful
    assert 'key folder' in refused.reason
    text = f'name=own url={server.publish_url} key_file={world.keys}/main.key'
    assert world.set('targets', [text]).successful
    assert world.start().success
    world.await_state(LIVE, 'own')
    assert world.set('targets', ['']).successful
    wait_until(lambda: world.statuses[-1].held_back == 'no_target')
    assert server.await_stream(KEY, publishing=False)


def test_livepeer_says_where_to_push_and_how_it_goes(world, server, studio):
    hooks = {
        'on_publish_url': studio.on_publish_url,
        'on_publish_done_url': studio.on_publish_done_url,
    }
    with RtmpServer(**hooks) as ingest:
        studio.attach(ingest.publish_url, ingest.drop)
        world.key('livepeer.key', studio.api_key)
        world.push_to({'name': 'studio', 'provider': 'livepeer', 'key_file': 'livepeer.key'})
        world.await_state(LIVE, 'studio')
        (stream,) = studio.account.streams.values()
        assert ingest.await_stream(stream['streamKey'])
        assert stream['name'].startswith(f'{world.namespace}-studio-')

        def is_known_to_be_active():
            # As the web side does when a webhook came.
            assert world.call(Trigger, 'refresh_stream').success
            return world.target('studio').provider_active

        wait_until(is_known_to_be_active)
        target = world.target('studio')
        assert (target.playback_id, target.provider_error) == (stream['playbackId'], '')
        assert target.address == ingest.publish_url
        secrets = studio.api_key, stream['streamKey']
        said = [*world.statuses, *world.diagnostics, *world.logs]
        assert not [
            each for each in said if any(key.encode() in serialize_message(each) for key in secrets)
        ]
        # The stream of a camera is found again, whatever happens to its node.
        world.stop()
        assert world.start().success
        world.await_state(LIVE, 'studio')
        assert len(studio.account.streams) == 1


def test_it_can_be_put_to_rest_and_goes_on_where_it_was(world, server, main):
    world.push_to(main)
    world.await_state(LIVE, 'main')
    for step, is_publishing in (
        (Transition.TRANSITION_DEACTIVATE, False),
        (Transition.TRANSITION_ACTIVATE, True),
    ):
        answer = world.call(ChangeState, 'stream_node/change_state', transition=Transition(id=step))
        assert answer.success
        assert server.await_stream(KEY, publishing=is_publishing)
    world.await_state(LIVE, 'main')


def test_a_kill_forgets_nothing(world, server, main):
    world.push_to(main, bitrate_kbps=700)
    world.await_state(LIVE, 'main')
    code, _ = world.node.end(signal.SIGKILL)
    assert code == -signal.SIGKILL
    world.run()
    # Without being told.
    world.await_state(LIVE, 'main')
    assert server.await_stream(KEY)
    assert world.statuses[-1].bitrate_kbps == 700


def test_the_end_comes_at_once_whatever_the_pushes_are_doing(world, main, deaf, closed_port):
    """One is live, one waits for an answer, one to try again, and one for a server that hangs."""
    with RtmpServer() as hung:
        hanging = {'name': 'hung', 'url': hung.publish_url, 'key_file': 'main.key'}
        world.push_to(
            main,
            {'name': 'deaf', 'url': deaf, 'key_file': 'main.key'},
            {'name': 'lost', 'url': closed_port, 'key_file': 'main.key'},
            hanging,
        )
        world.await_state(LIVE, 'main')
        world.await_state(LIVE, 'hung')
        wait_until(lambda: world.target('lost').push.retries > 1)
        assert world.state('deaf') == CONNECTING
        hung.stop()
        time.sleep(0.5)
        code, took_s = world.node.end()
        hung.resume()
    assert code == 0, world.node.output
    assert took_s < END_WITHIN_S
    world.run()


def test_keys_are_nowhere_but_in_their_files(world, server, main, closed_port):
    refused = main | {'name': 'lost', 'url': closed_port}
    world.push_to(main, refused)
    world.await_state(LIVE, 'main')
    wait_until(lambda: world.target('lost').push.retries > 1)
    assert server.drop(KEY)
    wait_until(lambda: world.target('main').reconnects > 0)
    world.set('targets', [f'name=a url=rtmp://x:{KEY}@host/live'])
    wait_until(lambda: world.diagnosed('target main'))
    said = [*world.statuses, *world.diagnostics, *world.logs, world.configure(), world.start()]
    assert len(said) > 10
    assert not [each for each in said if KEY.encode() in serialize_message(each)]
    assert KEY not in world.node.output
    for name in ('cmdline', 'environ'):
        assert KEY.encode() not in world.node.proc(name)
    assert KEY not in (world.keys / 'settings.json').read_text()


def test_a_settings_file_that_is_broken_is_told_of_in_one_line(world):
    world.node.end()
    path = world.keys / 'settings.json'
    good, broken = path.read_bytes(), b'{"version": 1, "wan'
    path.write_bytes(broken)
    with pytest.raises(AssertionError):
        world.run()
    assert world.node.end()[0] == 2
    (line,) = [line for line in world.node.printed if 'error: ' in line]
    assert str(path) in line
    assert 'move it away' in line
    assert path.read_bytes() == broken
    path.write_bytes(good)
    world.run()


@pytest.mark.parametrize('damaged', [b'', b'zzzzzzzz', b'\xff', b'0123'])
def test_a_damaged_tag_of_the_camera_is_made_anew(tmp_path, damaged):
    tag = _camera_tag(tmp_path)
    assert _camera_tag(tmp_path) == tag
    (tmp_path / TAG_NAME).write_bytes(damaged)
    new = _camera_tag(tmp_path)
    assert len(new) == 8
    assert new != tag
    assert _camera_tag(tmp_path) == new
