"""Whatever a server or a network does, the sink says what it was, in time, and without the key."""

import itertools
import random
import socket
import threading
import time

import pytest
from coded_video import coded
from rtmp_peer import CHATTER, CLOSE, SILENT, ScriptedPeer, message_bytes, status
from rtmp_world import (
    KEYS,
    SECRET,
    SHORT,
    STEPS,
    KeyDesk,
    opened,
    push_until_it_fails,
    refusal,
    refused_open,
    wait_until_it_fails,
)

from mmoment_stream.h264 import parameter_sets
from mmoment_stream.push_target import Ingest, VideoFormat
from mmoment_stream.rtmp_chunks import ACKNOWLEDGEMENT
from mmoment_stream.rtmp_sink import RtmpLimits, RtmpSink
from tests.standins.certificates import self_signed, server_context
from tests.standins.faulty_peers import FullBacklog, Relay
from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph


@pytest.fixture(scope='module')
def server():
    desk = KeyDesk()
    try:
        server = RtmpServer(on_publish_url=desk.url)
    except NotInstalled as error:
        desk.close()
        pytest.skip(str(error))
    yield server
    server.close()
    desk.close()


@pytest.fixture(scope='module')
def packets():
    return coded(10)


@pytest.fixture(scope='module')
def video(packets):
    return VideoFormat(320, 180, parameter_sets(packets[0].data))


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp('tls'), 'localhost')


@pytest.fixture
def sink():
    sink = RtmpSink(SHORT)
    yield sink
    sink.close()


def test_nobody_listens(sink, video):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        port = unused.getsockname()[1]
        assert refused_open(sink, f'rtmp://127.0.0.1:{port}/live', video).code == 'refused'


def test_a_name_that_nobody_knows(video):
    def ask(host, port):
        raise socket.gaierror(socket.EAI_AGAIN, 'Temporary failure in name resolution')

    sink = RtmpSink(SHORT, ask=ask)
    assert refused_open(sink, 'rtmp://a.example/live', video).code == 'name_unknown'


def test_no_connection_is_made(sink, video):
    with FullBacklog() as peer:
        error = refused_open(sink, f'rtmp://127.0.0.1:{peer.port}/live', video)
    assert error.code == 'timed_out'


@pytest.mark.parametrize('step', STEPS)
def test_a_server_that_falls_silent_at_a_step_is_given_up(sink, video, step):
    with ScriptedPeer(**{step: SILENT}) as peer:
        error = refused_open(sink, peer.url, video)
    assert error.code == 'timed_out'
    assert 'while it was' in error.text


@pytest.mark.parametrize('step', STEPS)
def test_a_server_that_closes_at_a_step(sink, video, step):
    with ScriptedPeer(**{step: CLOSE}) as peer:
        error = refused_open(sink, peer.url, video)
    # Closing is how most servers say that they do not know a key.
    assert error.code == ('key_rejected' if step == 'publish' else 'closed')


def test_a_server_that_talks_without_answering_is_given_up(sink, video):
    with ScriptedPeer(connect=CHATTER) as peer:
        assert refused_open(sink, peer.url, video).code == 'timed_out'


def test_an_address_that_is_none_of_rtmp(sink, video):
    assert refused_open(sink, 'srt://127.0.0.1:9', video).code == 'bad_address'
    assert refused_open(sink, f'rtmp://127.0.0.1/live?key={SECRET}', video).code == 'bad_address'
    assert refused_open(sink, 'rtmp://127.0.0.1/live', video, key='').code == 'no_key'


def test_the_key_is_in_no_picture_of_the_objects(sink, server, video):
    ingest = Ingest(server.publish_url, f'{SECRET}-repr')
    sink.open(ingest, video, silent_audio=False)
    assert SECRET not in repr(ingest) + repr(sink)


def test_a_server_that_speaks_something_else(sink, server, video):
    url = f'rtmp://127.0.0.1:{server.http_port}/live'
    assert refused_open(sink, url, video).code == 'protocol'


def test_an_application_that_the_server_does_not_have(sink, server, video):
    error = refused_open(sink, f'rtmp://127.0.0.1:{server.port}/other', video)
    assert error.code == 'closed'
    assert "'other'" in error.text


def test_a_key_that_the_server_does_not_accept(sink, server, video):
    assert refused_open(sink, server.publish_url, video, f'{SECRET}-wrong').code == 'key_rejected'
    opened(RtmpSink(SHORT), server.publish_url, video, f'{SECRET}-right').close()


def test_a_key_that_is_refused_with_words(sink, video):
    answer = status('NetStream.Publish.Denied', 'error', f'{SECRET} is not one of ours')
    with ScriptedPeer(publish=answer) as peer:
        error = refused_open(sink, peer.url, video)
    assert (error.code, '*** is not one of ours' in error.text) == ('key_rejected', True)


def test_a_key_with_which_somebody_publishes(sink, server, packets, video):
    ghost = opened(RtmpSink(SHORT), server.publish_url, video, f'{SECRET}-ghost')
    ghost.send(packets[0], 0)
    error = refused_open(sink, server.publish_url, video, f'{SECRET}-ghost')
    assert error.code == 'already_publishing'
    assert not error.is_configuration
    ghost.close()
    assert server.await_stream(f'{SECRET}-ghost', publishing=False)
    opened(RtmpSink(SHORT), server.publish_url, video, f'{SECRET}-ghost').close()


def test_words_of_the_server_at_its_end_are_told(sink, packets, video):
    with ScriptedPeer() as peer:
        opened(sink, peer.url, video, SECRET)
        peer.say(status('NetStream.Failed', 'error', f'disk full, {SECRET} ended'))
        error = refusal(push_until_it_fails, sink, packets)
    assert error.code == 'closed'
    assert 'disk full, *** ended' in error.text


def test_words_before_a_reset_are_told(sink, packets, video):
    with ScriptedPeer() as peer:
        opened(sink, peer.url, video, SECRET)
        peer.say(status('NetStream.Failed', 'error', 'disk full'))
        peer.reset()
        # The write fails before anything was read.
        time.sleep(0.1)
        error = refusal(sink.send, packets[0], 0)
    assert (error.code, 'disk full' in error.text) == ('closed', True)


@pytest.mark.parametrize('polls', [False, True])
def test_a_server_that_is_killed_is_noticed_at_once_and_is_used_again(
    sink, server, packets, video, polls
):
    opened(sink, server.publish_url, video)
    sink.send(packets[0], 0)
    server.kill()
    error = refusal(push_until_it_fails, sink, packets, polls=polls, within_s=1)
    assert error.code == 'closed'
    server.restart()
    again, key = RtmpSink(SHORT), next(KEYS)
    opened(again, server.publish_url, video, key).send(packets[0], 0)
    assert server.await_stream(key)
    again.close()


def test_a_publisher_that_is_dropped_notices(sink, server, packets, video):
    key = next(KEYS)
    opened(sink, server.publish_url, video, key).send(packets[0], 0)
    assert server.await_stream(key)
    assert server.drop(key)
    assert refusal(push_until_it_fails, sink, packets, polls=True, within_s=1).code == 'closed'


def test_a_server_that_hangs_is_noticed(sink, server, packets, video):
    opened(sink, server.publish_url, video)
    server.stop()
    try:
        heavy = [packets[0]] * 10
        error = refusal(push_until_it_fails, sink, heavy, pause_s=0.001)
    finally:
        server.resume()
    assert error.code == 'stalled'


def test_a_line_that_freezes_is_noticed_without_sending(sink, server, packets, video):
    with Relay(server.port) as relay:
        opened(sink, f'rtmp://127.0.0.1:{relay.port}/live', video)
        relay.freeze()
        assert refusal(wait_until_it_fails, sink, packets[0]).code == 'stalled'


def test_a_server_that_reads_no_more_is_noticed_though_its_kernel_does(sink, packets, video):
    acknowledgement = message_bytes(ACKNOWLEDGEMENT, bytes(4))
    with ScriptedPeer() as peer:
        opened(sink, peer.url, video)
        for number in range(200):
            sink.send(packets[0], number)
            if number % 10 == 9:
                peer.say(acknowledgement)
            time.sleep(0.001)
        error = refusal(push_until_it_fails, sink, packets, pause_s=0.001)
        # All of it was taken.
        assert (error.code, sink.queued_bytes() < 100_000) == ('stalled', True)


def test_a_line_that_freezes_is_noticed_and_a_slow_one_is_not(server, packets, video):
    with Relay(server.port) as relay:
        url = f'rtmp://127.0.0.1:{relay.port}/live'
        sink = opened(RtmpSink(RtmpLimits(stall_s=1.0)), url, video)
        relay.limit_kbps(4000)
        end_s = time.monotonic() + 1.0
        for number in itertools.count():
            sink.send(packets[0], number)
            if time.monotonic() > end_s:
                break
        assert sink.queued_bytes() > 0
        relay.freeze()
        assert refusal(push_until_it_fails, sink, packets).code == 'stalled'
        sink.close()


def test_a_line_that_is_reset_again_and_again(server, packets, video):
    chance = random.Random(3)
    with Relay(server.port) as relay:
        url = f'rtmp://127.0.0.1:{relay.port}/live'
        for _ in range(20):
            sink, is_over = RtmpSink(SHORT), threading.Event()

            def reset(is_over=is_over):
                while not is_over.wait(chance.uniform(0.001, 0.03)):
                    relay.reset_all()

            def push(sink=sink):
                opened(sink, url, video)
                push_until_it_fails(sink, packets, pause_s=0.001)

            thread = threading.Thread(target=reset)
            thread.start()
            # While it is asked to publish, a reset looks as if it said no.
            assert refusal(push).code in ('closed', 'key_rejected')
            is_over.set()
            thread.join()
            sink.close()
        key = next(KEYS)
        sink = opened(RtmpSink(SHORT), url, video, key)
        sink.send(packets[0], 0)
        assert server.await_stream(key)
        sink.close()


def test_over_tls_the_server_takes_the_video(server, packets, video, certificate):
    with Relay(server.port, tls=server_context(certificate)) as relay:
        sink, key = RtmpSink(SHORT, certificate), next(KEYS)
        opened(sink, f'rtmps://localhost:{relay.port}/live', video, key)
        for number, packet in enumerate(packets):
            sink.send(packet, number * 33)
        assert server.await_stream(key)
        relay.reset_all()
        assert refusal(push_until_it_fails, sink, packets, within_s=1).code == 'closed'


def test_over_tls_the_end_is_told(server, packets, video, certificate):
    with Relay(server.port, tls=server_context(certificate)) as relay:
        sink, key = RtmpSink(SHORT, certificate), next(KEYS)
        opened(sink, f'rtmps://localhost:{relay.port}/live', video, key).send(packets[0], 0)
        assert server.await_stream(key)
        sink.close()
        assert server.await_stream(key, publishing=False)


def test_servers_that_prove_nothing_are_refused(server, video, certificate):
    with Relay(server.port, tls=server_context(certificate)) as relay:
        by_name = f'rtmps://localhost:{relay.port}/live'
        by_address = f'rtmps://127.0.0.1:{relay.port}/live'
        assert refused_open(RtmpSink(SHORT), by_name, video).code == 'untrusted'
        assert refused_open(RtmpSink(SHORT, certificate), by_address, video).code == 'untrusted'


def test_servers_without_tls_are_not_spoken_to(server, video):
    silent = f'rtmps://localhost:{server.port}/live'
    wrong = f'rtmps://localhost:{server.http_port}/live'
    assert refused_open(RtmpSink(SHORT), silent, video).code == 'timed_out'
    assert refused_open(RtmpSink(SHORT), wrong, video).code == 'protocol'
