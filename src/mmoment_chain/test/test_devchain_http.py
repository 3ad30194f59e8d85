"""The dev chain as a web server: what browsers and other callers may do."""

import http.client
import json
import socket

import pytest
from devchain_world import Offline, body, run, server

from mmoment_chain.devchain_control import Control
from mmoment_chain.devchain_http import BODY_AT_MOST_BYTES, DevchainApp
from mmoment_chain.devchain_subscriptions import Subscriptions

JSON = {'content-type': 'application/json'}


@pytest.fixture(scope='module')
def app(tmp_path_factory):
    world = Offline(tmp_path_factory.mktemp('http'))
    world.rpc.control = Control(world.rpc.faults).methods()
    yield DevchainApp(world.rpc, Subscriptions(world.chain, world.faucet))
    world.close()


def answer(app, given=b'', headers=None, method='POST', path='/', caller='127.0.0.1'):
    """Status, headers and body of the answer to a request that comes in two pieces."""
    pieces = [
        {'type': 'http.request', 'body': given[:10], 'more_body': True},
        {'type': 'http.request', 'body': given[10:], 'more_body': False},
    ]
    said = []

    async def receive():
        return pieces.pop(0)

    async def send(message):
        said.append(message)

    raw = [(name.encode(), value.encode()) for name, value in (headers or JSON).items()]
    scope = {
        'type': 'http',
        'method': method,
        'path': path,
        'headers': raw,
        'client': (caller, 1),
    }
    run(app(scope, receive, send))
    start, last = said
    told = {name.decode(): value.decode() for name, value in start['headers']}
    return start['status'], told, last['body']


def test_any_page_may_ask(app):
    status, headers, text = answer(app, body('getHealth'), {**JSON, 'origin': 'https://a.example'})
    assert (status, json.loads(text)['result']) == (200, 'ok')
    assert headers['access-control-allow-origin'] == '*'


def test_browser_that_asks_first_is_told_that_it_may(app):
    asked = {
        'origin': 'https://a.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,solana-client',
        'access-control-request-private-network': 'true',
    }
    status, headers, text = answer(app, b'', asked, 'OPTIONS')
    assert (status, text) == (204, b'')
    assert headers['access-control-allow-headers'] == 'content-type,solana-client'
    assert 'POST' in headers['access-control-allow-methods']
    assert headers['access-control-allow-private-network'] == 'true'
    assert 'content-length' not in headers


def test_health_is_a_page(app):
    assert answer(app, method='GET', path='/health')[2] == b'ok'


@pytest.mark.parametrize(
    ('method', 'headers', 'status'),
    [('GET', JSON, 405), ('PUT', JSON, 405), ('POST', {'content-type': 'text/plain'}, 415)],
)
def test_other_requests_are_refused(app, method, headers, status):
    assert answer(app, body('getHealth'), headers, method)[0] == status


def test_body_is_limited(app):
    call = body('getHealth')
    fits = call + b' ' * (BODY_AT_MOST_BYTES - len(call))
    assert answer(app, fits)[0] == 200
    assert answer(app, fits + b' ')[0] == 413


@pytest.mark.parametrize(
    ('caller', 'more', 'may'),
    [
        ('127.0.0.1', {}, True),
        ('::1', {}, True),
        ('192.168.1.7', {}, False),
        ('127.0.0.1', {'origin': 'https://a.example'}, False),
        ('127.0.0.1', {'origin': 'null'}, False),
        ('127.0.0.1', {'sec-fetch-site': 'same-origin'}, False),
    ],
)
def test_control_is_for_programs_on_this_machine(app, caller, more, may):
    text = answer(app, body('devchain_state'), {**JSON, **more}, caller=caller)[2]
    assert ('result' in json.loads(text)) == may


def test_one_connection_serves_many_calls(tmp_path):
    with server(tmp_path) as chain:
        host, port = chain.url.removeprefix('http://').split(':')
        connection = http.client.HTTPConnection(host, int(port))
        connection.connect()
        used = connection.sock
        for _ in range(3):
            connection.request('POST', '/', body('getSlot'), JSON)
            assert json.load(connection.getresponse())['id'] == 1
            assert connection.sock is used
        connection.close()


def test_chain_goes_on_while_clients_say_nothing_or_nonsense(tmp_path):
    with server(tmp_path) as chain:
        host, port = chain.url.removeprefix('http://').split(':')
        silent = [socket.create_connection((host, int(port))) for _ in range(20)]
        for each in silent[:10]:
            each.sendall(b'\x00\xff nonsense\r\n\r\n')
        connection = http.client.HTTPConnection(host, int(port))
        connection.request('POST', '/', body('getHealth'), JSON)
        assert json.load(connection.getresponse())['result'] == 'ok'
        for each in [*silent, connection]:
            each.close()
