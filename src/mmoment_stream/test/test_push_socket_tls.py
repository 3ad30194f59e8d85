"""Encrypted connections: who is believed, and what is noticed of a peer behind TLS."""

import ssl
import time

import pytest
from push_socket_world import MEGABYTE, back, open_echo, open_line, refusal, soon

from mmoment_stream.push_socket import trust
from tests.standins.certificates import self_signed, server_context
from tests.standins.faulty_peers import Relay, Tarpit


@pytest.fixture
def line():
    with open_line() as connection:
        yield connection


@pytest.fixture(scope='module')
def echo():
    with open_echo() as server:
        yield server


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp('tls'), 'localhost', '127.0.0.1')


@pytest.fixture(scope='module')
def tls_echo(echo, certificate):
    with Relay(echo.port, tls=server_context(certificate)) as relay:
        yield relay


def test_tls_carries_the_bytes(line, tls_echo, certificate):
    line.connect('localhost', tls_echo.port, trust(certificate), soon())
    line.send(MEGABYTE[:300_000])
    assert len(back(line, 300_000)) == 300_000
    assert line.receive() == b''


def test_an_address_can_prove_itself_too(line, tls_echo, certificate):
    line.connect('127.0.0.1', tls_echo.port, trust(certificate), soon())


def test_a_certificate_that_nobody_vouches_for_is_refused(line, tls_echo):
    error = refusal(line.connect, 'localhost', tls_echo.port, trust(None), soon())
    assert error.code == 'untrusted'
    assert 'self-signed' in error.text


def test_a_certificate_of_somebody_else_is_refused(line, echo, tmp_path):
    other = self_signed(tmp_path, 'other.example')
    with Relay(echo.port, tls=server_context(other)) as relay:
        error = refusal(line.connect, 'localhost', relay.port, trust(other), soon())
    assert error.code == 'untrusted'
    assert 'localhost' in error.text


def test_tls_is_verified_always():
    context = trust(None)
    assert context.cert_store_stats()['x509_ca'] > 10
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_authorities_of_a_file_count_beside_those_of_the_system(certificate):
    own, usual = trust(certificate), trust(None)
    assert own.cert_store_stats()['x509'] == usual.cert_store_stats()['x509'] + 1


def test_authorities_that_cannot_be_read_are_said(tmp_path):
    assert refusal(trust, tmp_path / 'none.pem').code == 'untrusted'
    (tmp_path / 'empty.pem').write_text('nothing')
    assert refusal(trust, tmp_path / 'empty.pem').code == 'untrusted'


def test_a_server_without_tls_is_not_spoken_to(line, echo, certificate):
    # It sends back what it gets, which is no answer to that.
    words = ('localhost', echo.port, trust(certificate), soon())
    assert refusal(line.connect, *words).code == 'protocol'


def test_a_server_that_is_silent_about_tls_is_given_up(line, certificate):
    with Tarpit() as peer:
        words = ('localhost', peer.port, trust(certificate), soon(0.2))
        assert refusal(line.connect, *words).code == 'timed_out'


def test_a_peer_behind_tls_that_does_not_read_is_noticed(line, echo, certificate):
    with Relay(echo.port, tls=server_context(certificate)) as relay:
        line.connect('localhost', relay.port, trust(certificate), soon())
        relay.freeze()

        def drip():
            for _ in range(1000):
                line.send(bytes(3000))
                time.sleep(0.01)

        assert refusal(drip).code == 'stalled'
