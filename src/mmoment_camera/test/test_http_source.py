"""A real MJPEG camera in a process of its own, and what happens when it fails."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mmoment_camera.errors import SourceError, SourceUnusable
from mmoment_camera.http_source import HttpSource
from mmoment_camera.pattern import read_mark, read_number
from mmoment_camera.source import SourceSettings
from mmoment_node.redaction import redact_url

pytestmark = pytest.mark.graph

READ_TIMEOUT_S = 0.5
SETTINGS = SourceSettings(open_timeout_s=1.0, read_timeout_s=READ_TIMEOUT_S)


def opened(url):
    source = HttpSource(url, redact_url(url), SETTINGS)
    source.open()
    return source


def refused(url):
    return str(refusal(url))


def refusal(url):
    source = HttpSource(url, redact_url(url), SETTINGS)
    try:
        with pytest.raises(SourceError) as caught:
            source.open()
        return caught.value
    finally:
        source.close()


def exhaust(source):
    while True:
        source.read()


def fault_of(source):
    """The error that reading comes to, and seconds until then."""
    start_s = time.monotonic()
    with pytest.raises(SourceError) as caught:
        exhaust(source)
    source.close()
    return str(caught.value), time.monotonic() - start_s


def test_pictures_come_in_order_and_soon(http_camera):
    source = opened(f'http://127.0.0.1:{http_camera().port}/mjpeg')
    pictures = [source.read() for _ in range(10)]
    source.close()
    numbers = [read_number(picture.image) for picture in pictures]
    assert numbers == list(range(numbers[0], numbers[0] + 10))
    assert read_mark(pictures[-1].image).age_ms(pictures[-1].monotonic_ns) < 1000


def test_a_killed_camera_is_noticed_at_once(http_camera):
    camera = http_camera()
    source = opened(f'http://127.0.0.1:{camera.port}/mjpeg')
    source.read()
    camera.kill()
    text, _ = fault_of(source)
    assert 'sent nothing' not in text, 'no time-out had to pass'
    assert 'refuses the connection' in refused(f'http://127.0.0.1:{camera.port}/mjpeg')


def test_a_stalled_camera_is_noticed_in_time(http_camera):
    camera = http_camera()
    source = opened(f'http://127.0.0.1:{camera.port}/mjpeg')
    source.read()
    camera.stall()
    text, seconds = fault_of(source)
    assert 'sent nothing' in text
    assert seconds < READ_TIMEOUT_S + 2.0
    camera.resume()


def test_the_end_of_a_live_stream_is_a_fault(http_camera):
    camera = http_camera('--end-after', '3')
    assert 'ended' in fault_of(opened(f'http://127.0.0.1:{camera.port}/mjpeg'))[0]


def test_lasting_garbage_is_a_fault(http_camera):
    camera = http_camera('--garbage-after', '3')
    assert 'no JPEG' in fault_of(opened(f'http://127.0.0.1:{camera.port}/mjpeg'))[0]


def test_name_and_password(http_camera):
    camera = http_camera('--user', 'anna', '--password', 'a/b@c')
    place = f'127.0.0.1:{camera.port}/mjpeg'
    source = opened(f'http://anna:a%2Fb%40c@{place}')
    assert read_number(source.read().image)
    source.close()
    for address in (f'http://{place}', f'http://anna:geheim@{place}'):
        error = refusal(address)
        assert isinstance(error, SourceUnusable), 'a wrong password is not tried again'
        assert 'refuses the name and password' in str(error)
        assert 'accounts' in str(error)
        assert 'geheim' not in str(error)


@pytest.mark.parametrize(
    ('status', 'challenge'),
    [
        (401, 'Digest realm="camera", nonce="1", qop="auth"'),
        (401, 'Basic realm="camera"'),
        (403, 'Basic realm="camera"'),
    ],
)
def test_a_wrong_password_is_offered_once(status, challenge):
    offered = []

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self):
            if 'Authorization' in self.headers:
                offered.append(self.headers['Authorization'].split()[0])
            self.send_response(status)
            self.send_header('WWW-Authenticate', challenge)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(('127.0.0.1', 0), Camera) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        error = refusal(f'http://anna:geheim@127.0.0.1:{server.server_port}/mjpeg')
        server.shutdown()
        thread.join()
    assert isinstance(error, SourceUnusable)
    assert len(offered) <= 1, offered


def test_what_is_no_stream_is_told(http_camera):
    port = http_camera().port
    assert 'no MJPEG stream' in refused(f'http://127.0.0.1:{port}/page')
    assert 'no MJPEG stream' in refused(f'http://127.0.0.1:{port}/still')
    assert 'nothing under this path' in refused(f'http://127.0.0.1:{port}/absent')


@pytest.mark.parametrize('answer', [b'', b'HTTP/1.0 200', b'garbage\r\n\r\n'])
def test_a_server_that_never_answers_properly_is_given_up(answer):
    with socket.create_server(('127.0.0.1', 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)
                gone.wait()

        gone = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        start_s = time.monotonic()
        text = refused(f'http://127.0.0.1:{server.getsockname()[1]}/mjpeg')
        gone.set()
        thread.join()
    assert time.monotonic() - start_s < SETTINGS.open_timeout_s + 2.0
    assert '127.0.0.1' in text


def test_a_host_that_is_not_there_is_told():
    assert 'failed' in refused('http://camera.invalid/mjpeg')
