"""The live picture over WebSocket, from the real server, with fakes behind it."""

import asyncio
import contextlib
import http.client
import itertools
import json
import socket
import time

import numpy as np
import pytest
import websockets
from fake_video import packet

from mmoment_api.live_wire import HEAD, LIVE

WAIT_S = 5.0
ANN = 'So11111111111111111111111111111111111111112'
PATHS = ('/api/live/video', '/api/live/jpeg')
NOISE = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)


def connect(served, path, **arguments):
    if not arguments:
        arguments = {'additional_headers': {'Cookie': served.cookie}}
    return websockets.connect(f'ws://127.0.0.1:{served.port}{path}', **arguments)


async def hear(connection):
    return await asyncio.wait_for(connection.recv(), WAIT_S)


def status_of(served, path, **arguments):
    async def scenario():
        try:
            async with connect(served, path, **arguments):
                return 101, ''
        except websockets.InvalidStatus as error:
            return error.response.status_code, json.loads(error.response.body)['error']

    return asyncio.run(scenario())


def seats(served):
    connection = http.client.HTTPConnection('127.0.0.1', served.port, timeout=WAIT_S)
    with contextlib.closing(connection):
        connection.request('GET', '/api/live', headers={'Cookie': served.cookie})
        answer = connection.getresponse()
        body = json.loads(answer.read())
    if answer.status == 200:
        return answer.status, body['viewers'], body['viewers_at_most']
    return answer.status, body['error']


def watched(served):
    return served.services.video.figures.viewers + served.services.live.figures.viewers


def test_packets_reach_a_viewer_as_they_are(served, services, video_source):
    async def scenario():
        async with connect(served, '/api/live/video?overlay=0') as connection:
            served.until(lambda: video_source.open_channels == {False})
            for item in (packet(1, keyframe=True), packet(2, live=False)):
                services.video.hear(False, item)
            assert json.loads(await hear(connection))['codec'] == 'avc1.42C01F'
            first, second = await hear(connection), await hear(connection)
            assert first[HEAD.size :] == packet(1, keyframe=True).data
            assert HEAD.unpack_from(second)[1] & LIVE == 0

    asyncio.run(scenario())
    served.until(lambda: watched(served) == 0 and not video_source.open_channels)


def test_pictures_reach_a_viewer_as_jpeg_in_the_size_asked_for(served, sources, picture):
    async def scenario():
        async with connect(served, '/api/live/jpeg?overlay=0&width=320') as connection:
            assert json.loads(await hear(connection))['format'] == 'jpeg'
            served.until(lambda: sources.opened)
            sources.opened[0].put(picture(41, 77, NOISE))
            message = await hear(connection)
            assert HEAD.unpack_from(message) == (1, 3, 41, 41, 77)
            # The size in the frame header of the file.
            place = message.index(b'\xff\xc0')
            assert message[place + 5 : place + 9] == bytes([0, 180, 1, 64])
            assert message.endswith(b'\xff\xd9')

    asyncio.run(scenario())
    served.until(lambda: watched(served) == 0)


def test_the_clock_of_the_camera_is_told(served):
    async def scenario():
        async with connect(served, '/api/live/video') as connection:
            before_us = time.monotonic_ns() // 1000
            await connection.send(json.dumps({'type': 'clock', 'sent': 3.25}))
            answer = json.loads(await hear(connection))
            assert (answer['type'], answer['sent']) == ('clock', 3.25)
            assert before_us <= answer['monotonic_us'] <= time.monotonic_ns() // 1000

    asyncio.run(scenario())


def test_a_client_that_cannot_decode_gets_a_keyframe(served, services, video_source):
    async def scenario():
        async with connect(served, '/api/live/video?overlay=0') as connection:
            served.until(lambda: video_source.open_channels)
            services.video.hear(False, packet(1, keyframe=True))
            await hear(connection), await hear(connection)
            await connection.send('{"type": "keyframe"}')
            served.until(lambda: video_source.asked == [False])
            for item in (packet(2), packet(3, keyframe=True)):
                services.video.hear(False, item)
            assert HEAD.unpack_from(await hear(connection))[2] == 3

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ('query', 'drawn'), [('', True), ('?overlay=1', True), ('?overlay=0', False)]
)
def test_drawings_are_for_the_owner(served, video_source, sources, query, drawn):
    async def scenario():
        async with connect(served, PATHS[0] + query), connect(served, PATHS[1] + query):
            served.until(lambda: video_source.open_channels and sources.opened)
            assert video_source.open_channels == {drawn}
            assert sources.opened[0].annotated is drawn

    asyncio.run(scenario())


def test_and_for_nobody_else(served, services, session_control, video_source, sources):
    opened = session_control.open(ANN)
    served.cookie = f'{services.settings.person_cookie_name}={opened.token}'

    async def scenario():
        async with (
            connect(served, f'{PATHS[0]}?overlay=1'),
            connect(served, f'{PATHS[1]}?overlay=1'),
        ):
            served.until(lambda: video_source.open_channels and sources.opened)
            assert video_source.open_channels == {False}
            assert sources.opened[0].annotated is False

    asyncio.run(scenario())


@pytest.mark.parametrize('path', PATHS)
def test_strangers_and_who_lacks_the_right_are_refused(served, services, session_control, path):
    assert status_of(served, path, subprotocols=['mmoment.live']) == (401, 'not_signed_in')
    opened = session_control.open(ANN, rights=('capture',))
    protocols = ['mmoment.live', f'mmoment.token.{opened.token}']
    assert status_of(served, path, subprotocols=protocols) == (403, 'forbidden')
    assert watched(served) == 0


@pytest.mark.parametrize('path', PATHS)
def test_who_looks_counts_as_there_until_the_session_ends(served, services, session_control, path):
    opened = session_control.open(ANN)
    protocols = ['mmoment.live', f'mmoment.token.{opened.token}']

    async def scenario():
        async with connect(served, path, subprotocols=protocols) as connection:
            assert connection.subprotocol == 'mmoment.live'
            told = lambda: session_control.asked_for('note_presence')  # noqa: E731
            await asyncio.to_thread(served.until, told)
            services.sessions.hear_change(opened.record.session_id, ANN, is_over=True)
            await asyncio.wait_for(connection.wait_closed(), WAIT_S)
            assert connection.close_code == 1001

    asyncio.run(scenario())


def test_all_ways_share_the_seats(served):
    async def scenario():
        async with contextlib.AsyncExitStack() as stack:
            for path in (*PATHS, *PATHS):
                await stack.enter_async_context(connect(served, path))
            for path in PATHS:
                refused = await asyncio.to_thread(status_of, served, path)
                assert refused == (503, 'too_many_viewers')
            assert watched(served) == 4
            # Browsers hide why a WebSocket is refused: this is where they ask.
            assert await asyncio.to_thread(seats, served) == (503, 'too_many_viewers')
        await asyncio.to_thread(served.until, lambda: watched(served) == 0)
        assert await asyncio.to_thread(seats, served) == (200, 0, 4)

    asyncio.run(scenario())


def plain(served, path):
    """A WebSocket that is never read from."""
    connection = served.connect(receive_buffer=4096)
    connection.sendall(
        f'GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {served.cookie}\r\n'
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'.encode()
    )
    return connection


def test_what_a_stalled_viewer_does_not_take_is_left_out_and_not_kept(
    served, services, video_source, clock
):
    figures = services.video.figures
    with plain(served, '/api/live/video?overlay=0') as stalled:
        served.until(lambda: video_source.open_channels)
        services.video.hear(False, packet(1, keyframe=True))
        for number in range(2, 60):
            services.video.hear(False, packet(number, size=50_000))
            clock.now_s += 0.033
            served.until(lambda number=number: figures.packets == number)
        # The system holds a few: the rest is skipped, and a keyframe is asked for.
        assert figures.sent < 15
        assert figures.skips >= 1
        assert video_source.asked
        served.until(lambda: any(one.sending_since_s is not None for one in services.video.viewers))
        clock.now_s += 11.0
        served.until(lambda: figures.viewers == 0)
        assert figures.timed_out == 1
        with contextlib.suppress(ConnectionResetError):
            while stalled.recv(65536):
                pass


def test_pings_of_a_client_that_takes_nothing_are_not_answered_without_end(served, video_source):
    ping = b'\x89\xfd\0\0\0\0' + bytes(125)
    with plain(served, '/api/live/video?overlay=0') as stalled:
        served.until(lambda: video_source.open_channels)
        for _ in range(60):
            stalled.sendall(ping * 500)
        (line,) = [one for one in served.server._server.server_state.connections]
        assert line.transport.get_write_buffer_size() < 300_000


def test_a_stalled_viewer_of_jpeg_is_cut_off_as_well(served, services, sources, picture, clock):
    figures = services.live.figures
    with plain(served, '/api/live/jpeg') as stalled:
        served.until(lambda: sources.opened)
        numbers = itertools.count(1)

        def has_dropped():
            number = next(numbers)
            sources.opened[0].put(picture(number, number, NOISE))
            return figures.dropped

        served.until(has_dropped)
        served.until(lambda: any(one.sending_since_s is not None for one in services.live.viewers))
        clock.now_s += 11.0
        served.until(lambda: figures.viewers == 0)
        with contextlib.suppress(ConnectionResetError, socket.timeout):
            while stalled.recv(65536):
                pass


def test_it_stops_quickly_while_somebody_looks(served, services, video_source):
    async def scenario():
        async with connect(served, PATHS[0]) as connection, connect(served, PATHS[1]):
            served.until(lambda: watched(served) == 2)
            await asyncio.to_thread(served.server.stop)
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await hear(connection)
            assert connection.close_code == 1001

    asyncio.run(scenario())
    assert not video_source.open_channels
