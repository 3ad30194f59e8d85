"""The limits of a connection, on a real server on loopback."""

import logging

import pytest

from mmoment_api.web_protocol import (
    HEAD_AT_MOST_BYTES,
    HEADERS_AT_MOST,
    ConnectionLimits,
)

PIECE = b'x' * 4096
PATIENT_S = 3600.0
IMPATIENT_S = 0.3


@pytest.fixture
def serve(make_services, served_by):
    def serve(request_wait_s=PATIENT_S, connections=128):
        return served_by(make_services(), ConnectionLimits(connections, request_wait_s))

    return serve


def is_cut(connection):
    """Read to the end; False if it stays open and silent."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def answer(connection):
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b''


def pour(connection, at_most):
    """Send until the other side has had enough; returns how much that was."""
    sent = 0
    try:
        while sent < at_most:
            connection.sendall(PIECE)
            sent += len(PIECE)
    except OSError:
        pass
    return sent


@pytest.mark.parametrize(
    'beginning',
    [
        b'GET /',
        b'GET / HTTP/1.1\r\nX-Long: ',
        b'GET / HTTP/1.1\r\nX-Lo',
        # What is behind the body is a head again.
        b'POST /sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'
        b'0\r\nX-Trailer: ',
        b'GET /mjpeg-stream HTTP/1.1\r\nHost: localhost\r\n\r\nGET /',
    ],
)
def test_an_endless_head_is_refused_early(serve, beginning):
    served = serve()
    with served.connect() as connection:
        connection.sendall(beginning)
        # The system's buffers on both sides take some of it.
        assert pour(connection, 64 << 20) < 16 << 20
        assert is_cut(connection)


def test_a_head_that_is_too_large_is_told(serve):
    with serve().connect() as connection:
        connection.sendall(b'GET / HTTP/1.1\r\nX-Long: ' + b'x' * HEAD_AT_MOST_BYTES)
        assert answer(connection).startswith(b'HTTP/1.1 431 ')
        assert is_cut(connection)


def test_too_many_headers_are_refused(serve):
    served = serve()
    with served.connect() as connection:
        connection.sendall(b'GET / HTTP/1.1\r\n' + b'a:b\r\n' * (HEADERS_AT_MOST + 1) + b'\r\n')
        assert answer(connection).startswith(b'HTTP/1.1 400 ')
        assert is_cut(connection)


def test_requests_do_not_pile_up(serve):
    served = serve()
    with served.connect() as connection:
        connection.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n' * 1000)
        assert is_cut(connection)


def test_a_large_body_is_told_and_not_cut(serve):
    served = serve()
    with served.connect() as connection:
        length = 1 << 20
        connection.sendall(
            b'POST /sign-in HTTP/1.1\r\nHost: localhost\r\n'
            b'Content-Length: %d\r\n\r\n' % length + b'x' * length
        )
        assert answer(connection).startswith(b'HTTP/1.1 413 ')


@pytest.mark.parametrize(
    'beginning',
    [
        b'',
        b'\r\n',
        b'GET / HTTP/1.1\r\nHost: lo',
        b'POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{',
        b'POST /api/camera/source HTTP/1.1\r\nHost: localhost\r\n'
        b'Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
        b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET',
    ],
)
def test_whoever_keeps_us_waiting_is_cut(serve, beginning, caplog):
    served = serve(IMPATIENT_S)
    with served.connect() as connection, caplog.at_level(logging.WARNING):
        connection.sendall(beginning)
        assert is_cut(connection)
    served.until(lambda: served.open_connections() == 0)
    # Everything has been told once the server has ended.
    served.server.stop()
    assert caplog.records == []


def test_a_line_break_does_not_keep_an_answered_connection(serve):
    served = serve(IMPATIENT_S)
    with served.connect() as connection:
        connection.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert answer(connection).startswith(b'HTTP/1.1 200')
        connection.sendall(b'\r\n')
        assert is_cut(connection)


def test_viewers_and_listeners_may_stay(serve, sources, picture):
    served = serve(IMPATIENT_S)
    with served.look() as viewer, served.listen_plainly() as listener:
        served.until(lambda: served.services.live.figures.viewers == 1 and sources.opened)
        served.until(lambda: served.services.events.listeners == 1)
        assert answer(viewer).startswith(b'HTTP/1.1 200')
        assert answer(listener).startswith(b'HTTP/1.1 101')
        viewer.settimeout(3 * IMPATIENT_S)
        listener.settimeout(3 * IMPATIENT_S)
        assert not is_cut(viewer)
        assert not is_cut(listener)


def test_idle_connections_make_room_for_whoever_asks(serve):
    served = serve(connections=4)
    idle = [served.connect() for _ in range(4)]
    served.until(lambda: served.open_connections() == 4)
    for _ in range(3):
        assert served.get('/')['success']
    assert is_cut(idle[0])
    assert served.open_connections() <= 4
    for connection in idle:
        connection.close()


def test_busy_connections_are_not_cut_for_newcomers(serve):
    served = serve(connections=4)
    viewers = [served.look() for _ in range(4)]
    served.until(lambda: served.services.live.figures.viewers == 4)
    with served.connect() as connection:
        assert is_cut(connection)
    assert served.services.live.figures.viewers == 4
    for viewer in viewers:
        viewer.close()
