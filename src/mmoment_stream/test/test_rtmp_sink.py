"""Against a real RTMP server; its faults are in test_rtmp_sink_faults.py."""

import dataclasses
import itertools
import json
import subprocess
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest
from coded_video import coded, coded_at
from rtmp_peer import Player, ScriptedPeer, message_bytes

from mmoment_camera.pattern import read_number
from mmoment_stream import amf0
from mmoment_stream.flv_tags import SILENCE, SILENCE_HEADER
from mmoment_stream.h264 import nal_units, parameter_sets
from mmoment_stream.push_target import Ingest, PushError, PushSink, VideoFormat
from mmoment_stream.rtmp_chunks import (
    ACKNOWLEDGEMENT,
    AUDIO,
    COMMAND,
    DATA,
    SET_CHUNK_SIZE,
    USER_CONTROL,
    VIDEO,
    WINDOW,
)
from mmoment_stream.rtmp_sink import RtmpSink
from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph
KEYS = (f'cafe-1234-{number}' for number in itertools.count())
FRAME_MS = 1000 / 30


@pytest.fixture(scope='module')
def server():
    try:
        server = RtmpServer()
    except NotInstalled as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture
def sink():
    sink = RtmpSink()
    yield sink
    sink.close()


@pytest.fixture
def ingest(server):
    return Ingest(server.publish_url, next(KEYS))


@pytest.fixture
def player(ingest):
    with Player(ingest.url, ingest.key) as player:
        yield player


def video_of(packets, **more):
    first = packets[0]
    return VideoFormat(first.width, first.height, parameter_sets(first.data), **more)


def opened(sink, ingest, packets, *, silent_audio=False):
    sink.open(ingest, video_of(packets), silent_audio=silent_audio)
    return sink


def send_all(sink, packets, begin_ms=0):
    for number, packet in enumerate(packets):
        sink.send(packet, begin_ms + round(number * FRAME_MS))


def of_kind(messages, kind):
    # An empty message of sound is the server's own.
    return [message for message in messages if message.kind == kind and message.body]


def units_in(message):
    body, at = message.body, 5
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], 'big')
        yield body[at + 4 : at + 4 + length]
        at += 4 + length


def shown(messages):
    """Size and number of each picture that a decoder sees in video messages."""
    pictures, decoder = [], None
    for message in messages:
        if message.body[1] == 0:
            decoder = av.CodecContext.create('h264', 'r')
            decoder.thread_count = 1
            decoder.extradata = message.body[5:]
        else:
            for frame in decoder.decode(av.Packet(message.body[5:])):
                gray = frame.to_ndarray(format='gray')
                pictures.append((frame.width, frame.height, read_number(gray)))
    return pictures


class Feed:
    """Sends packets at their pace, over and over, from a thread, until it is left."""

    def __init__(self, sink, packets):
        self._sink = sink
        self._packets = packets
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *what):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        number = 0
        while not self._is_over.wait(FRAME_MS / 1000):
            packet = self._packets[number % len(self._packets)]
            self._sink.send(packet, round(number * FRAME_MS))
            number += 1


def test_it_is_what_a_push_works_with(sink):
    as_sink: PushSink = sink
    assert as_sink.queued_bytes() == 0


def test_an_independent_player_sees_size_codec_pace_and_sound(server, ingest, sink):
    packets = coded(30, size=(640, 352))
    opened(sink, ingest, packets, silent_audio=True)
    words = ['ffprobe', '-v', 'error', '-rw_timeout', '8000000', '-show_streams', '-of', 'json']
    words += ['-analyzeduration', '700000', server.play_url(ingest.key)]
    with Feed(sink, packets):
        found = subprocess.run(words, capture_output=True, check=True, timeout=30).stdout
        stat = server.stat().stream(ingest.key)
    streams = {stream['codec_type']: stream for stream in json.loads(found)['streams']}
    video, audio = streams['video'], streams['audio']
    assert (video['codec_name'], video['width'], video['height']) == ('h264', 640, 352)
    assert video['avg_frame_rate'] == '30/1'
    assert video['has_b_frames'] == 0
    assert (audio['codec_name'], audio['sample_rate'], audio['channels']) == ('aac', '44100', 2)
    assert (stat.publishing, stat.codec, stat.width, stat.height) == (True, 'H264', 640, 352)
    assert (stat.fps, stat.audio_codec) == (30.0, 'AAC')
    assert stat.bytes_in > sum(len(packet.data) for packet in packets) / 2


def test_every_unit_arrives_as_the_encoder_made_it(ingest, sink, player):
    packets = coded(40)
    send_all(opened(sink, ingest, packets), packets)
    messages = player.media(41)
    header, *pictures = of_kind(messages, VIDEO)
    sets = parameter_sets(packets[0].data)
    assert sets.sequence in header.body
    assert sets.picture in header.body
    assert [list(units_in(message)) for message in pictures] == [
        list(nal_units(packet.data)) for packet in packets
    ]
    assert [message.body[0] for message in pictures] == [
        0x17 if packet.keyframe else 0x27 for packet in packets
    ]
    assert [number for _, _, number in shown([header, *pictures])] == list(range(40))


def test_metadata_comes_first(ingest, sink, player):
    packets = coded(1)
    video = video_of(packets, fps=25.0, kbps=1200.0)
    sink.open(ingest, video, silent_audio=False)
    send_all(sink, packets)
    messages = player.media(2)
    (data,) = of_kind(messages, DATA)
    facts = amf0.decode(data.body)[-1]
    assert (facts['width'], facts['height'], facts['framerate']) == (320, 180, 25)


def test_times_arrive_to_the_millisecond(ingest, sink, player):
    packets = coded(20)
    send_all(opened(sink, ingest, packets), packets)
    times = [message.time_ms for message in of_kind(player.media(21), VIDEO)[1:]]
    assert times == [round(number * FRAME_MS) for number in range(20)]


def test_uneven_moments_are_kept(ingest, sink, player):
    moments_ms = [0, 10, 50, 51, 400, 401]
    packets = coded_at(tuple(moment * 1_000_000 for moment in moments_ms))
    opened(sink, ingest, packets)
    for packet, moment_ms in zip(packets, moments_ms, strict=True):
        sink.send(packet, moment_ms)
    times = [message.time_ms for message in of_kind(player.media(7), VIDEO)[1:]]
    assert times == moments_ms


def test_times_go_on_beyond_24_bits(ingest, sink, player):
    # The big ones need many chunks, each with its own copy of the time.
    packets = [noise(number) for number in range(6)]
    begin_ms = 0xFFFFFF - 100
    send_all(opened(sink, ingest, packets), packets, begin_ms)
    pictures = of_kind(player.media(7), VIDEO)[1:]
    assert [each.time_ms for each in pictures] == [
        begin_ms + round(number * FRAME_MS) for number in range(6)
    ]
    assert pictures[-1].time_ms > 0xFFFFFF
    assert [list(units_in(each)) for each in pictures] == [
        list(nal_units(packet.data)) for packet in packets
    ]


def noise(number, size=(640, 352)):
    """A keyframe of several hundred kilobytes."""
    encoder = av.CodecContext.create('libx264', 'w')
    encoder.width, encoder.height, encoder.pix_fmt = *size, 'yuv420p'
    encoder.time_base = Fraction(1, 90_000)
    encoder.options = {'preset': 'ultrafast', 'tune': 'zerolatency', 'qp': '8'}
    planes = np.random.default_rng(number).integers(0, 255, (size[1] * 3 // 2, size[0]), np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, format='yuv420p')
    frame.pts = 0
    (packet,) = encoder.encode(frame)
    data = bytes(packet)
    assert len(data) > 4 * 60_000
    (template,) = coded(1)
    return dataclasses.replace(template, data=data, width=size[0], height=size[1])


def test_a_new_epoch_begins_with_its_own_header(ingest, sink, player):
    small, large = coded(5), coded(5, size=(480, 272), epoch=8)
    opened(sink, ingest, small)
    send_all(sink, small)
    sink.change(video_of(large))
    send_all(sink, large, 200)
    messages = player.media(12)
    video = of_kind(messages, VIDEO)
    assert [message.body[1] for message in video] == [0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1]
    assert [each[:2] for each in shown(video)] == 5 * [(320, 180)] + 5 * [(480, 272)]
    facts = amf0.decode(of_kind(messages, DATA)[-1].body)[-1]
    assert (facts['width'], facts['height']) == (480, 272)


def test_silence_goes_beside_the_pictures(ingest, sink, player):
    packets = coded(31)
    send_all(opened(sink, ingest, packets, silent_audio=True), packets)
    messages = player.media(32)
    header, *silence = of_kind(messages, AUDIO)
    assert header.body == SILENCE_HEADER
    assert {message.body for message in silence} == {SILENCE}
    # One second of it, evenly, and never behind the pictures; the server waits for the first one.
    assert [each.time_ms for each in silence] == [n * 1024 * 1000 // 44100 for n in range(1, 44)]
    times = [each.time_ms for each in messages if each.kind != DATA]
    assert times == sorted(times)


def test_without_a_wish_for_it_there_is_no_sound(ingest, sink, player):
    packets = coded(5)
    send_all(opened(sink, ingest, packets), packets)
    assert of_kind(player.media(6), AUDIO) == []


def test_the_end_is_told_to_the_server(server, ingest, sink):
    packets = coded(2)
    send_all(opened(sink, ingest, packets), packets)
    assert server.await_stream(ingest.key)
    sink.close()
    assert server.await_stream(ingest.key, publishing=False)


class TestScripted:
    """What nginx never does, or does not show."""

    def test_windows_and_pings_are_answered_while_pictures_go(self, sink):
        packets = coded(3)
        with ScriptedPeer() as peer:
            opened_at(sink, peer, packets)
            peer.say(message_bytes(SET_CHUNK_SIZE, (1000).to_bytes(4, 'big')))
            peer.say(message_bytes(WINDOW, (900).to_bytes(4, 'big')))
            peer.say(message_bytes(COMMAND, amf0.encode('x' * 950), chunk_bytes=1000))
            peer.say(message_bytes(USER_CONTROL, bytes.fromhex('0006 00000007')))
            end = time.monotonic() + 5
            while not peer.heard_now(USER_CONTROL) and time.monotonic() < end:
                send_all(sink, packets)
            (pong,) = peer.heard(USER_CONTROL)
            assert pong.body == bytes.fromhex('0007 00000007')
            (acknowledgement, *_) = peer.heard(ACKNOWLEDGEMENT)
            assert int.from_bytes(acknowledgement.body, 'big') > 900

    def test_the_server_is_told_the_address_without_the_key(self, sink):
        packets = coded(1)
        with ScriptedPeer() as peer:
            opened_at(sink, peer, packets)
            connect = amf0.decode(peer.heard(COMMAND)[0].body)
            assert connect[2]['tcUrl'] == peer.url
            publish = amf0.decode(peer.heard(COMMAND, 5)[4].body)
            assert publish[3:] == ['cafe-1234', 'live']

    def test_the_end_is_said_and_nothing_after_it(self, sink):
        packets = coded(1)
        with ScriptedPeer() as peer:
            opened_at(sink, peer, packets)
            sink.close()
            words = [amf0.decode(each.body)[0] for each in peer.heard(COMMAND, 7)]
            assert words[-2:] == ['FCUnpublish', 'deleteStream']
            with pytest.raises(PushError) as caught:
                sink.send(packets[0], 0)
            assert caught.value.code == 'closed'


def opened_at(sink, peer, packets):
    sink.open(Ingest(peer.url, 'cafe-1234'), video_of(packets), silent_audio=False)
