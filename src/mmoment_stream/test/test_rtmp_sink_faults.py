"""Whatever a server or a network does, the sink says what it was, in time, and without the key."""

import gc
import http.server
import itertools
import os
import random
import socket
import threading
import time
import traceback
import tracemalloc
import urllib.parse

import pytest
from coded_video import coded
from rtmp_peer import ANSWERS, CLOSE, HANDSHAKE_BYTES, SILENT, ScriptedPeer, message_bytes, status

from mmoment_stream.h264 import parameter_sets
from mmoment_stream.push_target import Cancelled, Ingest, PushError, VideoFormat
from mmoment_stream.rtmp_chunks import USER_CONTROL, WINDOW
from mmoment_stream.rtmp_session import RtmpSession
from mmoment_stream.rtmp_sink import RtmpLimits, RtmpSink
from tests.standins.certificates import self_signed, server_context
from tests.standins.faulty_peers import FullBacklog, Relay, Tarpit
from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph
SECRET = 'cafe-1234-SECRET'
KEYS = (f'{SECRET}-{number}' for number in itertools.count())
SHORT = RtmpLimits(connect_s=0.3, answer_s=0.3, stall_s=0.4, picture_s=1.0)
STEPS = ('greeting', 'connect', 'createStream', 'publish')
CYCLES = 200
MIB = 1024 * 1024
PATIENCE_S = 15.0


class KeyDesk:
    """Says which keys may publish: those without `wrong` in them."""

    def __init__(self):
        class Desk(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                words = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                self.send_response(403 if 'wrong' in words['name'][0] else 200)
                self.end_headers()

            def log_message(self, *words):
                pass

        self._server = http.server.HTTPServer(('127.0.0.1', 0), Desk)
        self.url = f'http://127.0.0.1:{self._server.server_port}/on_publish'
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


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


@pytest.fixture
def sink():
    sink = RtmpSink(SHORT)
    yield sink
    sink.close()


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp('tls'), 'localhost')


def everything_said(error):
    """An error and what led to it, in every form that could reach a log."""
    told = ''.join(traceback.format_exception(error))
    while error is not None:
        told += str(error) + repr(error) + repr(error.args) + getattr(error, 'text', '')
        error = error.__cause__ or error.__context__
    return told


def refusal(action, *words, within_s=3.0, **more):
    """The error that an action ends with, in time and without the key in it."""
    began_s = time.monotonic()
    with pytest.raises(PushError) as caught:
        action(*words, **more)
    assert time.monotonic() - began_s < within_s
    assert SECRET not in everything_said(caught.value)
    return caught.value


def refused_open(sink, url, video, key=SECRET):
    return refusal(sink.open, Ingest(url, key), video, silent_audio=False)


def opened(sink, url, video, key=None):
    sink.open(Ingest(url, key or next(KEYS)), video, silent_audio=False)
    return sink


def push_until_it_fails(sink, packets, *, pause_s=0.005, polls=False):
    end_s = time.monotonic() + PATIENCE_S
    for number in itertools.count():
        if polls:
            sink.poll()
        else:
            sink.send(packets[number % len(packets)], number * 33)
        time.sleep(pause_s)
        assert time.monotonic() < end_s, 'it goes on and on'


def cancelled_within_s(sink, action, *words, **more):
    moments = []

    def cancel():
        moments.append(time.monotonic())
        sink.cancel()

    timer = threading.Timer(0.1, cancel)
    timer.start()
    with pytest.raises(Cancelled):
        action(*words, **more)
    ended_s = time.monotonic()
    timer.join()
    return ended_s - moments[0]


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
    chatter = message_bytes(USER_CONTROL, bytes(6)) * 200_000
    with ScriptedPeer(connect=chatter) as peer:
        assert refused_open(sink, peer.url, video).code == 'timed_out'


def test_an_address_that_is_none_of_rtmp(sink, video):
    assert refused_open(sink, 'srt://127.0.0.1:9', video).code == 'bad_address'
    assert refused_open(sink, f'rtmp://127.0.0.1/live?key={SECRET}', video).code == 'bad_address'
    assert refused_open(sink, 'rtmp://127.0.0.1/live', video, key='').code == 'bad_address'


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


@pytest.mark.parametrize('step', STEPS)
def test_cancel_ends_the_wait_at_every_step(video, step):
    sink = RtmpSink()
    with ScriptedPeer(**{step: SILENT}) as peer:
        ingest = Ingest(peer.url, SECRET)
        assert cancelled_within_s(sink, sink.open, ingest, video, silent_audio=False) < 0.2


def test_cancel_ends_look_up_connect_and_tls(video):
    released = threading.Event()

    def ask(host, port):
        released.wait(10)
        return []

    with FullBacklog() as full, Tarpit() as tarpit:
        for url, more in (
            ('rtmp://a.example/live', {'ask': ask}),
            (f'rtmp://127.0.0.1:{full.port}/live', {}),
            (f'rtmps://127.0.0.1:{tarpit.port}/live', {}),
        ):
            sink = RtmpSink(**more)
            ingest = Ingest(url, SECRET)
            assert cancelled_within_s(sink, sink.open, ingest, video, silent_audio=False) < 0.2
    released.set()


def test_cancel_ends_a_write_and_all_that_follows(server, packets, video):
    with Relay(server.port) as relay:
        sink = opened(RtmpSink(), f'rtmp://127.0.0.1:{relay.port}/live', video)
        relay.freeze()
        heavy = [packets[0]] * 10
        assert cancelled_within_s(sink, push_until_it_fails, sink, heavy, pause_s=0) < 0.2
        for action in (sink.poll, lambda: sink.send(packets[0], 10_000_000)):
            with pytest.raises(Cancelled):
                action()
        sink.close()
        sink.cancel()


def descriptors():
    return len(os.listdir('/proc/self/fd'))


def resident_bytes():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def test_hundreds_of_connections_leave_nothing_behind(server, packets, video):
    with Relay(server.port) as relay, ScriptedPeer(publish=CLOSE) as denier:
        broken = f'rtmp://127.0.0.1:{relay.port}/live'

        def cycle(number):
            sink = RtmpSink(SHORT)
            if number % 4 == 3:
                refused_open(sink, denier.url, video)
                return
            opened(sink, broken if number % 4 == 2 else server.publish_url, video)
            sink.send(packets[0], 0)
            if number % 4 == 2:
                relay.reset_all()
                refusal(push_until_it_fails, sink, packets)
            elif number % 4 == 1:
                sink.cancel()
            sink.close()

        for number in range(40):
            cycle(number)
        gc.collect()
        before = descriptors(), threading.active_count(), resident_bytes()
        for number in range(CYCLES):
            cycle(number)
        gc.collect()
        end = time.monotonic() + 5
        while descriptors() > before[0] and time.monotonic() < end:
            time.sleep(0.01)
        assert (descriptors(), threading.active_count()) == before[:2]
        assert resident_bytes() - before[2] < 2 * MIB


def test_random_bytes_of_a_server_are_faults_of_the_protocol(video, packets):
    chance = random.Random(4)
    limits = RtmpLimits(connect_s=1, answer_s=0.05, stall_s=1, picture_s=1)
    for _ in range(40):
        step = chance.choice(STEPS)
        garbage = chance.randbytes(chance.choice((1, 30, 5000)))
        if step == 'greeting' and chance.random() < 0.7:
            garbage = b'\3' + bytes(2 * HANDSHAKE_BYTES) + garbage
        with ScriptedPeer(**{step: garbage}) as peer:
            error = refused_open(RtmpSink(limits), peer.url, video)
        assert error.code in ('protocol', 'closed', 'timed_out')


def test_no_conversation_however_broken_costs_memory_or_raises_anything_else():
    chance = random.Random(5)
    whole = b''.join(
        [
            message_bytes(WINDOW, (5_000_000).to_bytes(4, 'big')),
            message_bytes(1, (4096).to_bytes(4, 'big')),
            *ANSWERS.values(),
            message_bytes(USER_CONTROL, bytes.fromhex('0006 00000001')),
        ]
    )
    tracemalloc.start()
    try:
        for _ in range(600):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 12)):
                data[chance.randrange(len(data))] = chance.choice(
                    (0, 0x7F, 0xFF, chance.randrange(256))
                )
            session = RtmpSession((SECRET,))
            try:
                session.receive(bytes(data))
                for _ in range(20):
                    session.receive(chance.randbytes(2000))
                    session.replies()
            except PushError:
                continue
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
