"""The sink ends when told to, keeps nothing, and takes nothing for granted that a server sends."""

import gc
import os
import random
import threading
import time
import tracemalloc

import pytest
from coded_video import coded
from rtmp_peer import ANSWERS, CLOSE, HANDSHAKE_BYTES, SILENT, ScriptedPeer, message_bytes
from rtmp_world import (
    SECRET,
    SHORT,
    STEPS,
    cancelled_within_s,
    opened,
    push_until_it_fails,
    refusal,
    refused_open,
)

from mmoment_stream.h264 import parameter_sets
from mmoment_stream.push_target import Cancelled, Ingest, PushError, VideoFormat
from mmoment_stream.rtmp_chunks import USER_CONTROL, WINDOW
from mmoment_stream.rtmp_session import RtmpSession
from mmoment_stream.rtmp_sink import RtmpLimits, RtmpSink
from tests.standins.faulty_peers import FullBacklog, Relay, Tarpit
from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph
CYCLES = 200
MIB = 1024 * 1024


@pytest.fixture(scope='module')
def server():
    try:
        server = RtmpServer()
    except NotInstalled as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture(scope='module')
def packets():
    return coded(10)


@pytest.fixture(scope='module')
def video(packets):
    return VideoFormat(320, 180, parameter_sets(packets[0].data))


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
