"""Answers without end belong to a session: they end with it, and tell it what is its to know."""

import asyncio
import json
import time

import pytest
import websockets

from mmoment_api.access import Access

ANN = 'So11111111111111111111111111111111111111112'
BEN = 'Vote111111111111111111111111111111111111111'
ENDS_WITHIN_S = 2.0
PATHS = ('/mjpeg-stream', '/stream', '/api/events')


@pytest.fixture
def ann(served, services, session_control):
    opened = session_control.open(ANN)
    served.cookie = f'{services.settings.person_cookie_name}={opened.token}'
    return opened


def read_to_end(connection):
    began_s = time.monotonic()
    while connection.recv(65536):
        pass
    return time.monotonic() - began_s


def ask(served, path):
    connection = served.connect()
    connection.sendall(
        f'GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {served.cookie}\r\n'
        'Connection: close\r\n\r\n'.encode()
    )
    return connection


@pytest.mark.parametrize('path', PATHS)
def test_streams_need_the_right(served, services, session_control, path):
    opened = session_control.open(ANN, rights=('capture',))
    served.cookie = f'{services.settings.person_cookie_name}={opened.token}'
    connection = ask(served, path)
    assert connection.recv(64).startswith(b'HTTP/1.1 403')
    connection.close()


@pytest.mark.parametrize('path', PATHS)
def test_streams_end_with_their_session(served, services, ann, path):
    connection = ask(served, path)
    assert connection.recv(64).startswith(b'HTTP/1.1 200')
    services.sessions.hear_change(ann.record.session_id, ANN, is_over=True)
    assert read_to_end(connection) < ENDS_WITHIN_S
    connection.close()


def test_and_with_the_right_to_look(served, services, session_control, ann):
    connection = ask(served, '/mjpeg-stream')
    assert connection.recv(64).startswith(b'HTTP/1.1 200')
    less = session_control.open(ANN, rights=(), session_id=ann.record.session_id).record
    services.sessions.hear_sessions([less], session_control.utc_ms, 'r', 1)
    assert read_to_end(connection) < ENDS_WITHIN_S
    connection.close()


def test_streams_of_others_and_of_the_owner_go_on(served, services, session_control, ann):
    ben = session_control.open(BEN)
    served.cookie = f'{services.settings.person_cookie_name}={ben.token}'
    connection = ask(served, '/api/events')
    assert connection.recv(64).startswith(b'HTTP/1.1 200')
    services.sessions.hear_change(ann.record.session_id, ANN, is_over=True)
    time.sleep(ENDS_WITHIN_S)
    assert services.events.listeners == 1
    assert asyncio.run(services.sessions.session(ben.token, Access.VIEW, '')) == ben.record
    connection.close()


@pytest.mark.parametrize('way', ['cookie', 'protocol', 'bearer'])
def test_a_websocket_ends_with_its_session(served, services, ann, way):
    arguments = {
        'cookie': {'additional_headers': {'Cookie': served.cookie}},
        'bearer': {'additional_headers': {'Authorization': f'Bearer {ann.token}'}},
        'protocol': {'subprotocols': ['mmoment.events', f'mmoment.token.{ann.token}']},
    }[way]

    async def scenario():
        url = f'ws://127.0.0.1:{served.port}/api/events?types=sessions'
        async with websockets.connect(url, **arguments) as connection:
            assert connection.subprotocol == ('mmoment.events' if way == 'protocol' else None)
            event = {'change': 'revoked', 'identity': BEN, 'session': 's9', 'reason': 'revoked'}
            services.events.publish('sessions', event)
            heard = json.loads(await asyncio.wait_for(connection.recv(), 5))
            # That somebody's session ended, but neither whose nor why.
            hidden = dict.fromkeys(('identity', 'session', 'reason'))
            assert heard['data'] == {**event, **hidden}
            services.sessions.hear_change(ann.record.session_id, ANN, is_over=True)
            await asyncio.wait_for(connection.wait_closed(), ENDS_WITHIN_S)

    asyncio.run(scenario())


def test_a_websocket_without_a_token_is_refused(served):
    async def scenario():
        url = f'ws://127.0.0.1:{served.port}/api/events'
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await websockets.connect(url, subprotocols=['mmoment.events'])
        assert refusal.value.response.status_code == 401

    asyncio.run(scenario())


@pytest.mark.parametrize(('path', 'is_there'), [('/mjpeg-stream', True), ('/api/events', False)])
def test_who_has_a_live_view_counts_as_there(served, session_control, ann, path, is_there):
    connection = ask(served, path)
    assert connection.recv(64).startswith(b'HTTP/1.1 200')

    def told():
        return session_control.asked_for('note_presence') == [('note_presence', 's1')]

    if is_there:
        served.until(told)
    connection.close()
    assert told() is is_there
