"""The real server on loopback, with fakes behind it."""

import asyncio
import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import websockets

from mmoment_api.access import FAILURES_AT_MOST, OWNER, Access, Principal
from mmoment_api.app import create_app, guarded
from mmoment_api.live_viewer import end_stalled
from mmoment_api.mjpeg_encoder import BOUNDARY
from mmoment_api.web_server import SEND_BUFFER_BYTES, WebServer, bind
from mmoment_node.errors import ConfigurationError

WAIT_S = 5.0
# Far below what waiting for any of its clients would take, far above what a busy machine makes of it.
STOP_S = 8.0


def read_until(connection, marker, at_most=1 << 22):
    data = b''
    while marker not in data and len(data) < at_most:
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


def test_a_picture_reaches_a_viewer(served, sources, picture):
    with served.look('?overlay=0&width=320') as viewer:
        served.until(lambda: sources.opened)
        assert sources.opened[0].annotated is False
        sources.opened[0].put(picture(41, 41))
        data = read_until(viewer, b'X-Sequence: 41')
        assert data.startswith(b'HTTP/1.1 200')
        head = data.partition(b'\r\n\r\n')[0].lower()
        assert f'boundary={BOUNDARY}'.encode() in head
        assert b'content-length' not in head
        assert b'no-store' in head
        served.until(lambda: served.services.live.figures.sent == 1)
    served.until(lambda: served.services.live.figures.viewers == 0)


@pytest.mark.parametrize(
    ('principal', 'query', 'is_drawn'),
    [
        (OWNER, '', True),
        (OWNER, '?overlay=0', False),
        (Principal('ann', frozenset({Access.VIEW})), '', False),
        (Principal('ann', frozenset({Access.VIEW})), '?overlay=1', False),
        (Principal('ann', frozenset(Access) - {Access.OWNER}), '?overlay=true&width=640', False),
    ],
)
def test_drawn_names_are_for_the_owner(served, sources, monkeypatch, principal, query, is_drawn):
    monkeypatch.setattr(type(served.services.sign_in), 'principal', lambda *_: principal)
    with served.look(query):
        served.until(lambda: sources.opened)
        assert [source.annotated for source in sources.opened] == [is_drawn]
    served.until(lambda: served.services.live.figures.viewers == 0)


def test_switches_are_looked_after_while_it_serves(served_by, services):
    served = served_by(services)
    served.until(lambda: services.control.is_kept)
    served.server.stop()
    assert not services.control.is_kept


def test_more_viewers_than_allowed_are_told(served):
    viewers = [served.look() for _ in range(4)]
    served.until(lambda: served.services.live.figures.viewers == 4)
    with pytest.raises(urllib.error.HTTPError) as refusal:
        served.get('/mjpeg-stream')
    assert refusal.value.code == 503
    assert json.load(refusal.value)['error'] == 'too_many_viewers'
    assert refusal.value.headers['Retry-After']
    for viewer in viewers:
        viewer.close()


def test_a_stalled_viewer_is_cut_off_and_a_reading_one_is_not(served, sources, picture, clock):
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    stalled, reading = served.look(receive_buffer=4096), served.look()
    figures = served.services.live.figures
    served.until(lambda: figures.viewers == 2 and sources.opened)
    for sequence in range(1, 9):
        sources.opened[0].put(picture(sequence, sequence, noise))
        assert f'X-Sequence: {sequence}'.encode() in read_until(
            reading, f'X-Sequence: {sequence}\r\n'.encode()
        )
    served.until(
        lambda: any(viewer.sending_since_s is not None for viewer in served.services.live.viewers)
    )
    clock.now_s += 11.0
    # The watchdog of the server looks once a second.
    served.until(lambda: figures.viewers == 1)
    assert figures.timed_out == 1
    assert end_stalled(served.services.live, clock.now_s, 10.0) == 0
    # What the system still held arrives, then the end; a connection left open would time out.
    with contextlib.suppress(ConnectionResetError):
        while stalled.recv(65536):
            pass
    reading.close()


def test_events_over_websocket(served, camera):
    async def scenario():
        async with served.listen('?types=camera,gestures') as connection:
            served.until(lambda: served.services.events.listeners == 1)
            served.services.events.publish('faces', {'number': 0})
            served.services.events.publish('gestures', {'number': 1})
            event = json.loads(await asyncio.wait_for(connection.recv(), WAIT_S))
            assert (event['type'], event['data']) == ('gestures', {'number': 1})

    asyncio.run(scenario())
    served.until(lambda: served.services.events.listeners == 0)


def test_a_websocket_needs_the_cookie_and_a_known_type(served):
    async def status(query, cookie):
        try:
            async with websockets.connect(
                f'ws://127.0.0.1:{served.port}/api/events{query}',
                additional_headers={'Cookie': cookie},
            ):
                return 101
        except websockets.InvalidStatus as error:
            body = json.loads(error.response.body)
            return error.response.status_code, body['error']

    assert asyncio.run(status('', '')) == (401, 'not_signed_in')
    assert asyncio.run(status('?types=weather', served.cookie)) == (422, 'invalid')
    assert served.services.events.listeners == 0


def test_events_as_server_sent_events(served):
    request = urllib.request.Request(
        f'http://127.0.0.1:{served.port}/api/events?types=gestures',
        headers={'Cookie': served.cookie},
    )
    with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
        assert answer.headers['Content-Type'].startswith('text/event-stream')
        served.services.events.publish('gestures', {'number': 1})
        line = answer.readline().decode()
        assert json.loads(line.removeprefix('data: '))['data'] == {'number': 1}
        assert answer.readline() == b'\n'
    # The server notices with the next thing it sends.
    served.services.events.publish('gestures', {'number': 2})
    served.until(lambda: served.services.events.listeners == 0)


def test_too_many_listeners_are_told(served):
    async def scenario():
        async with served.listen(), served.listen():
            with pytest.raises(websockets.InvalidStatus) as refusal:
                async with served.listen():
                    pass
            assert refusal.value.response.status_code == 503

    asyncio.run(scenario())


def test_streams_end_with_their_session(served, sources):
    async def scenario():
        async with served.listen() as connection:
            served.until(lambda: served.services.events.listeners == 1)
            served.services.sign_in.sign_out(served.cookie.partition('=')[2])
            async for _ in connection:
                pass
            assert connection.close_code == 1001

    with served.look() as viewer:
        served.until(lambda: served.services.live.figures.viewers == 1)
        asyncio.run(scenario())
        assert read_until(viewer, b'\r\n0\r\n\r\n').endswith(b'\r\n0\r\n\r\n')


def test_it_stops_quickly_with_open_streams(served, services, sources, picture):
    viewers = [served.look() for _ in range(3)]
    served.until(lambda: services.live.figures.viewers == 3 and sources.opened)
    sources.opened[0].put(picture(1, 1))
    served.until(lambda: services.live.figures.sent == 3)

    async def stop_while_listening():
        async with served.listen() as connection:
            began_s = time.monotonic()
            await asyncio.to_thread(served.server.stop)
            took_s = time.monotonic() - began_s
            async for _ in connection:
                pass
            assert connection.close_code == 1001
        return took_s

    assert asyncio.run(stop_while_listening()) < STOP_S
    assert services.live.figures.viewers == 0
    assert sources.opened[0].is_closed
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', served.port))
    for viewer in viewers:
        viewer.close()


def test_it_can_be_stopped_before_it_has_begun(services):
    may_begin, has_ended = threading.Event(), threading.Event()

    def spawn(work, name):
        def late():
            may_begin.wait()
            work()
            has_ended.set()

        thread = threading.Thread(target=late, name=name, daemon=True)
        thread.start()
        return thread

    server = WebServer(guarded(create_app(services)), bind('127.0.0.1', 0, 10.0), services, 10.0)
    server.start(spawn)
    threading.Timer(0.1, may_begin.set).start()
    server.stop()
    assert has_ended.wait(STOP_S)


def test_nobody_is_believed_about_where_it_comes_from(served, sources):
    for number in range(FAILURES_AT_MOST + 1):
        request = urllib.request.Request(
            f'http://127.0.0.1:{served.port}/sign-in',
            data=b'{"token": "wrong"}',
            headers={'Content-Type': 'application/json', 'X-Forwarded-For': f'192.0.2.{number}'},
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=WAIT_S)
    assert refusal.value.code == 429


def test_a_port_in_use_is_one_sentence():
    with bind('127.0.0.1', 0, 10.0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f'127.0.0.1:{port} is in use.*parameter port'):
            bind('127.0.0.1', port, 10.0)


def test_a_host_that_is_not_ours_is_one_sentence():
    with pytest.raises(ConfigurationError, match='host'):
        bind('192.0.2.1', 0, 10.0)
    with pytest.raises(ConfigurationError, match='host'):
        bind('no.such.host.invalid', 0, 10.0)


def test_connections_inherit_a_small_send_buffer():
    with bind('127.0.0.1', 0, 10.0) as listener:
        client = socket.create_connection(listener.getsockname())
        listener.setblocking(True)
        server, _ = listener.accept()
        # Linux doubles the value for its own bookkeeping.
        assert server.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER_BYTES
        assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        client.close()
        server.close()
