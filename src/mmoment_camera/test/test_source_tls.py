"""Cameras that speak TLS are trusted only when somebody vouches for them, or by wish."""

import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from mmoment_camera.errors import SourceError
from mmoment_camera.source import SourceSettings
from mmoment_camera.source_address import parse_source
from mmoment_camera.source_factory import make_source

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(shutil.which('openssl') is None, reason='openssl is not installed'),
]
ANSWERS = {
    b'OPTI': b'RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n',
    b'GET ': b'HTTP/1.0 404 Not Found\r\n\r\n',
}


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tls')
    command = (
        'openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out camera.pem -days 2 '
        '-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1'
    )
    subprocess.run(command.split(), cwd=folder, check=True, stderr=subprocess.DEVNULL)
    return folder


@pytest.fixture
def camera(certificate):
    """A TLS server that knows no stream; returns its port and the requests that reached it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / 'camera.pem', certificate / 'key.pem')
    requests = []
    server = socket.create_server(('127.0.0.1', 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as tunnel:
                    request = tunnel.recv(4096)
                    if request:
                        requests.append(request)
                        tunnel.sendall(ANSWERS[request[:4]])
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1], requests
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def refusal(scheme, port, verify_tls):
    address = parse_source(f'{scheme}://127.0.0.1:{port}/live')
    source = make_source(address, SourceSettings(verify_tls=verify_tls, open_timeout_s=3.0))
    try:
        with pytest.raises(SourceError) as caught:
            source.open()
        return str(caught.value)
    finally:
        source.close()


@pytest.mark.parametrize('scheme', ['rtsps', 'https'])
def test_a_certificate_of_nobody_is_refused_before_anything_is_said(camera, scheme):
    port, requests = camera
    assert 'verify_tls' in refusal(scheme, port, True)
    assert requests == []


@pytest.mark.parametrize('scheme', ['rtsps', 'https'])
def test_it_can_be_accepted_by_wish(camera, scheme):
    port, requests = camera
    assert 'under this path' in refusal(scheme, port, False)
    assert len(requests) == 1


@pytest.mark.parametrize('scheme', ['rtsps', 'https'])
def test_a_certificate_that_this_machine_trusts_is_accepted(
    camera, certificate, scheme, monkeypatch
):
    monkeypatch.setenv('SSL_CERT_FILE', str(certificate / 'camera.pem'))
    port, _ = camera
    assert 'under this path' in refusal(scheme, port, True)
