"""The live picture over WebRTC, to a client of aiortc's."""

import asyncio
import contextlib
import http.client
import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from mmoment_api.live_wire import VideoPacket

aiortc = pytest.importorskip('aiortc', reason='aiortc is not installed')
web_rtc = pytest.importorskip('mmoment_api.web_rtc')
av = pytest.importorskip('av')

WAIT_S = 15.0
FPS = 30
SIZE = (160, 96)
DIRECTIONS = {f'a={one}' for one in ('sendonly', 'recvonly', 'sendrecv', 'inactive')}
SDP = {'Content-Type': 'application/sdp'}


class Encoder:
    """A real encoder of a grey that gets brighter, which makes keyframes when asked."""

    def __init__(self, hub):
        self._hub = hub
        self._codec = av.CodecContext.create('libx264', 'w')
        self._codec.width, self._codec.height = SIZE
        self._codec.pix_fmt = 'yuv420p'
        self._codec.time_base = Fraction(1, FPS)
        self._codec.options = {'preset': 'ultrafast', 'tune': 'zerolatency', 'forced-idr': '1'}
        self._codec.gop_size = 10_000
        self.is_open, self.asked = set(), []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def open(self, annotated):
        self.is_open.add(annotated)

    def close(self, annotated):
        self.is_open.discard(annotated)

    def request_keyframe(self, annotated):
        self.asked.append(annotated)

    def _run(self):
        answered = 0
        number = 0
        while not self._ended.wait(1 / FPS):
            number += 1
            frame = av.VideoFrame.from_ndarray(
                np.full((SIZE[1] * 3 // 2, SIZE[0]), 40 + number % 150, np.uint8), 'yuv420p'
            )
            frame.pts = number
            is_asked, answered = len(self.asked) > answered, len(self.asked)
            if is_asked:
                frame.pict_type = av.video.frame.PictureType.I
            for packet in self._codec.encode(frame):
                now_ns = time.monotonic_ns()
                item = VideoPacket(
                    bytes(packet), packet.is_keyframe, True, number, number, now_ns, 1, *SIZE
                )
                for annotated in tuple(self.is_open):
                    self._hub().hear(annotated, item)

    def end(self):
        self._ended.set()
        self._thread.join()


@pytest.fixture
def clock():
    return time.monotonic


@pytest.fixture
def encoder():
    hub = []
    made = Encoder(lambda: hub[0])
    made.hub = hub
    yield made
    made.end()


@pytest.fixture
def video_source(encoder):
    return encoder


@pytest.fixture
def services(make_services, encoder):
    from dataclasses import replace

    made = make_services()
    encoder.hub.append(made.video)
    return replace(made, whep=web_rtc.WhepPeers(made.video, at_most=2))


def ask(served, method, path, body=None, headers=SDP):
    connection = http.client.HTTPConnection('127.0.0.1', served.port, timeout=WAIT_S)
    with contextlib.closing(connection):
        connection.request(method, path, body, {'Cookie': served.cookie, **headers})
        answer = connection.getresponse()
        return answer.status, answer.getheader('Location'), answer.read().decode()


async def look(served, query='?overlay=0'):
    """A connection that receives video, where it can be ended, and its track."""
    connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    transceiver = connection.addTransceiver('video', direction='recvonly')
    await connection.setLocalDescription(await connection.createOffer())
    status, location, answer = await asyncio.to_thread(
        ask, served, 'POST', f'/api/live/whep{query}', connection.localDescription.sdp
    )
    assert status == 201, answer
    await connection.setRemoteDescription(aiortc.RTCSessionDescription(answer, 'answer'))
    return connection, location, transceiver.receiver.track


def test_packets_are_decoded_at_the_other_side_and_delete_ends_it(served, services, encoder):
    async def scenario():
        connection, location, track = await look(served)
        frames = [await asyncio.wait_for(track.recv(), WAIT_S) for _ in range(10)]
        assert {(frame.width, frame.height) for frame in frames} == {SIZE}
        grey = [int(frame.to_ndarray()[0, 0]) for frame in frames]
        # As it was encoded, one after the other.
        steps = np.diff(grey)
        assert np.all((steps >= 0) & (steps <= 3)), grey
        assert encoder.is_open == {False}
        assert services.video.figures.viewers == 1
        status, *_ = await asyncio.to_thread(ask, served, 'DELETE', location)
        assert status == 200
        assert services.video.figures.viewers == 0
        status, *_ = await asyncio.to_thread(ask, served, 'DELETE', location)
        assert status == 404
        await connection.close()

    asyncio.run(scenario())


def test_it_ends_with_the_session_and_with_the_browser(served, services):
    async def scenario():
        connection, _, track = await look(served)
        await asyncio.wait_for(track.recv(), WAIT_S)
        await connection.close()
        await asyncio.to_thread(served.until, lambda: services.whep.count == 0)
        connection, _, track = await look(served)
        await asyncio.wait_for(track.recv(), WAIT_S)
        services.sign_in.sign_out(served.cookie.partition('=')[2])
        await asyncio.to_thread(served.until, lambda: services.whep.count == 0)
        assert services.video.figures.viewers == 0
        await connection.close()

    asyncio.run(scenario())


def test_who_never_connects_costs_no_video(served, services, encoder, monkeypatch):
    monkeypatch.setattr(web_rtc, 'CONNECT_WAIT_S', 0.5)

    async def scenario():
        connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        connection.addTransceiver('video', direction='recvonly')
        await connection.setLocalDescription(await connection.createOffer())
        offer = connection.localDescription.sdp
        await connection.close()
        assert (await asyncio.to_thread(ask, served, 'POST', '/api/live/whep', offer))[0] == 201
        assert services.video.figures.viewers == 1
        await asyncio.to_thread(served.until, lambda: services.whep.count == 0)

    asyncio.run(scenario())
    assert services.video.figures.viewers == services.live.seats.taken == 0
    assert (encoder.is_open, encoder.asked) == (set(), [])


def test_no_address_of_others_is_asked(served):
    async def scenario():
        connection, _, _ = await look(served)
        candidates = [
            line for line in connection.remoteDescription.sdp.splitlines() if 'candidate:' in line
        ]
        assert candidates
        assert all('typ host' in line for line in candidates)
        await connection.close()

    asyncio.run(scenario())


def test_so_many_may_look(served, services):
    async def scenario():
        connections = [(await look(served))[0] for _ in range(2)]
        offer = connections[0].localDescription.sdp
        status, _, answer = await asyncio.to_thread(ask, served, 'POST', '/api/live/whep', offer)
        assert (status, 'too_many_viewers' in answer) == (503, True)
        for connection in connections:
            await connection.close()

    asyncio.run(scenario())


def test_what_is_no_offer_is_refused(served, services):
    for body in ('', 'no sdp', 'v=0\r\n'):
        status, _, answer = ask(served, 'POST', '/api/live/whep', body)
        assert (status, '"invalid"' in answer) == (422, True)
    assert ask(served, 'POST', '/api/live/whep', '{}', {'Content-Type': 'text/plain'})[0] == 415
    assert services.whep.count == services.video.figures.viewers == 0


class Noise(aiortc.VideoStreamTrack):
    """What a viewer sends though nobody wants it."""

    def __init__(self):
        super().__init__()
        self.sent = 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(
            np.random.default_rng(self.sent).integers(0, 255, (144, 96), np.uint8), 'yuv420p'
        )
        frame.pts, frame.time_base = pts, time_base
        self.sent += 1
        return frame


@pytest.mark.parametrize('obeys', [True, False])
def test_what_a_viewer_sends_is_not_kept(served, services, obeys):
    async def scenario():
        connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        noise = Noise()
        connection.addTrack(aiortc.mediastreams.AudioStreamTrack())
        sender = connection.addTrack(noise)
        await connection.setLocalDescription(await connection.createOffer())
        offer = connection.localDescription.sdp
        assert offer.count('a=sendrecv') == 2
        status, _, answer = await asyncio.to_thread(
            ask, served, 'POST', '/api/live/whep?overlay=0', offer
        )
        assert status == 201, answer
        directions = [line for line in answer.splitlines() if line in DIRECTIONS]
        assert directions == ['a=inactive', 'a=sendonly']
        if not obeys:
            answer = answer.replace('a=inactive', 'a=sendrecv').replace('a=sendonly', 'a=sendrecv')
        await connection.setRemoteDescription(aiortc.RTCSessionDescription(answer, 'answer'))
        (track,) = [
            one.receiver.track for one in connection.getTransceivers() if one.sender is sender
        ]
        await asyncio.wait_for(track.recv(), WAIT_S)
        while noise.sent < (20 if not obeys else 0):
            await asyncio.wait_for(track.recv(), WAIT_S)
        (peer,) = services.whep._peers.values()
        for receiver in peer._connection.getReceivers():
            assert receiver.track is None or receiver.track._queue.empty()
        await connection.close()

    asyncio.run(scenario())


def test_offers_of_more_than_picture_and_sound_are_refused(served, services):
    async def offers():
        connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        connection.addTransceiver('video', direction='recvonly')
        await connection.setLocalDescription(await connection.createOffer())
        plain = connection.localDescription.sdp
        await connection.close()
        data = 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n'
        media = plain[plain.index('m=') :]
        return plain + data, plain + media * web_rtc.MEDIA_AT_MOST

    for offer in asyncio.run(offers()):
        status, _, answer = ask(served, 'POST', '/api/live/whep', offer)
        assert (status, '"invalid"' in answer) == (422, True)
    assert services.whep.count == services.video.figures.viewers == 0


def test_a_connection_that_cannot_be_made_takes_no_seat(services, monkeypatch):
    def fails(*arguments):
        raise OSError('no more files can be opened')

    monkeypatch.setattr(web_rtc, '_Peer', fails)

    async def scenario():
        with pytest.raises(OSError, match='no more files'):
            await services.whep.open('', False, lambda: True)

    asyncio.run(scenario())
    assert services.video.viewers == frozenset()
    assert services.whep.count == services.live.seats.taken == 0
