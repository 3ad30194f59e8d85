"""An enrolment that goes on, at a real server: who ends it, and who has to wait."""

import asyncio
import json
import time

import pytest
from people import ANN, BEN


def ask(served, method, path, body=None):
    """Send a request on a connection of its own, which is returned."""
    content = json.dumps(body or {}).encode()
    connection = served.connect()
    connection.sendall(
        f'{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {served.cookie}\r\n'
        f'Content-Type: application/json\r\nContent-Length: {len(content)}\r\n'
        f'Connection: close\r\n\r\n'.encode()
        + content
    )
    return connection


def answer_of(connection):
    """Status and JSON of the answer."""
    data = b''
    while chunk := connection.recv(65536):
        data += chunk
    connection.close()
    head, _, body = data.partition(b'\r\n\r\n')
    return int(head.split()[1]), json.loads(body)


@pytest.fixture
def enrolling(served, services):
    """A connection whose enrolment goes on."""
    control = services.control
    control.enrolment_may_end = asyncio.Event()
    connection = ask(served, 'POST', '/api/face/enroll', {'wallet_address': ANN})
    served.until(lambda: control.wishes)
    yield connection
    connection.close()
    served.until(lambda: control.given_up)


def test_a_client_that_leaves_ends_its_enrolment(served, services, enrolling):
    time.sleep(0.1)
    assert not services.control.given_up
    enrolling.close()
    served.until(lambda: services.control.given_up)
    services.control.enrolment_may_end.set()
    status, answer = answer_of(ask(served, 'POST', '/api/face/enroll', {'wallet_address': BEN}))
    assert (status, answer['wallet_address']) == (200, BEN)


def test_a_second_enrolment_has_to_wait(served, services, enrolling):
    status, answer = answer_of(ask(served, 'POST', '/api/face/enroll', {'wallet_address': BEN}))
    assert (status, answer['error']) == (409, 'enrolment_running')
    assert not services.control.given_up


def test_an_enrolment_is_cancelled(served, services, enrolling):
    assert answer_of(ask(served, 'POST', '/api/face/enroll/cancel')) == (
        200,
        {'success': True, 'cancelled': True},
    )
    status, answer = answer_of(enrolling)
    assert (status, answer['error']) == (409, 'enrolment_cancelled')
    assert [wish.identity for wish in services.control.given_up] == [ANN]


@pytest.mark.parametrize(
    ('method', 'path'), [('DELETE', '/api/face'), ('POST', '/api/person/forget')]
)
def test_who_is_forgotten_meanwhile_is_not_learnt(served, services, enrolling, method, path):
    assert answer_of(ask(served, method, path, {'wallet_address': BEN}))[0] == 200
    assert not services.control.given_up
    assert answer_of(ask(served, method, path, {'wallet_address': ANN}))[0] == 200
    status, answer = answer_of(enrolling)
    assert (status, answer['error']) == (409, 'enrolment_cancelled')
    assert [wish.identity for wish in services.control.given_up] == [ANN]


def test_without_an_enrolment_there_is_nothing_to_cancel(owner):
    assert owner.post('/api/face/enroll/cancel').json()['cancelled'] is False


def test_the_server_ends_in_the_middle_of_an_enrolment(served_by, services):
    services.control.enrolment_may_end = asyncio.Event()
    served = served_by(services)
    connection = ask(served, 'POST', '/api/face/enroll', {'wallet_address': ANN})
    served.until(lambda: services.control.wishes)
    began_s = time.monotonic()
    served.server.stop()
    assert time.monotonic() - began_s < 4.0
    assert services.control.given_up
    connection.close()
