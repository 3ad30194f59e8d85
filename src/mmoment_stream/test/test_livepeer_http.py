import asyncio
import datetime
import email.utils
import socket
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from livepeer_world import calling, client

from mmoment_stream.livepeer_http import MOST_BYTES, StudioHttp
from mmoment_stream.push_target import PushError
from tests.standins.livepeer_studio import LivepeerStudio

SECRET = 'raw-text-of-the-answer'
BODY = f'{{"errors": ["{SECRET}"]}}'.encode()
SOON_S = 0.4


@pytest.fixture(scope='module')
def shared():
    with LivepeerStudio() as studio:
        yield studio


@pytest.fixture
def studio(shared):
    shared.heal()
    return shared


def refusal(made, work=lambda client: client.webhooks(), secrets=()):
    """The error of a call, which tells no secret."""
    with pytest.raises(PushError) as caught:
        calling(made, work)
    error, chain = caught.value, []
    while error is not None:
        chain.append(f'{error} {error!r}')
        error = error.__cause__
    for secret in (SECRET, *secrets):
        assert secret not in ' '.join(chain)
    return caught.value


def fault(studio, work=lambda client: client.webhooks(), **what):
    studio.fail(**{'body': BODY, **what})
    return refusal(client(studio, call_s=SOON_S), work, (studio.api_key,))


@pytest.mark.parametrize(
    ('status', 'code'),
    [
        (400, 'provider_fault'),
        (401, 'provider_key'),
        (402, 'provider_forbidden'),
        (403, 'provider_forbidden'),
        (404, 'provider_no_stream'),
        (408, 'provider_away'),
        (409, 'provider_busy'),
        (410, 'provider_no_stream'),
        (418, 'provider_fault'),
        (429, 'provider_busy'),
        (500, 'provider_fault'),
        (503, 'provider_fault'),
        (302, 'provider_fault'),
    ],
)
def test_each_status_has_its_code(studio, status, code):
    assert fault(studio, status=status).code == code


@pytest.mark.parametrize('status', [400, 422])
def test_only_what_was_asked_for_is_refused_for_good(studio, status):
    error = fault(studio, lambda client: client.delete_webhook('x'), status=status)
    assert error.code == 'provider_refused'
    assert error.is_configuration
    assert not fault(studio, status=status).is_configuration


def test_a_wrong_api_key_is_told_and_not_repeated(studio):
    wrong = 'wrong-key-0123456789'
    error = refusal(client(studio, api_key=wrong), secrets=(wrong,))
    assert error.code == 'provider_key'


def test_waits_as_long_as_it_is_asked_to(studio):
    now_s = [100.0]
    made = client(studio, monotonic=lambda: now_s[0])
    studio.fail(status=429, headers={'Retry-After': '7'})
    error, asked = refusal(made), len(studio.calls)
    assert (error.code, error.retry_after_s) == ('provider_busy', 7.0)
    now_s[0] += 5
    # Without asking again.
    assert refusal(made).retry_after_s == 2.0
    assert len(studio.calls) == asked
    now_s[0] += 2
    assert calling(made, lambda client: client.webhooks()) == ()


@pytest.mark.parametrize(
    ('after', 'least', 'most'),
    [('30', 30, 30), ('999999', 3600, 3600), ('soon', 5, 5), ('-1', 5, 5), ('', 5, 5)],
)
def test_a_pause_is_between_nothing_and_an_hour(studio, after, least, most):
    headers = {'Retry-After': after} if after else {}
    assert least <= fault(studio, status=429, headers=headers).retry_after_s <= most


def test_a_pause_may_be_a_date_by_the_clock_of_the_other_side(studio):
    its_now_s = time.time() - 1000
    headers = {
        'Date': email.utils.formatdate(its_now_s, usegmt=True),
        'Retry-After': email.utils.formatdate(its_now_s + 40, usegmt=True),
    }
    error = fault(studio, status=503, headers=headers)
    assert (error.code, error.retry_after_s) == ('provider_busy', 40)


@pytest.mark.parametrize(
    'body',
    [b'', b'no json', b'{"a": ', b'null', b'{}', b'[1]', b'\xff\xfe', b'[' * 5000, b'[{"id": 5}]'],
)
def test_an_answer_that_makes_no_sense_is_a_fault_of_the_provider(studio, body):
    assert fault(studio, status=200, body=body).code == 'provider_fault'


def test_a_huge_answer_is_not_read_to_its_end(studio):
    error = fault(studio, status=200, body=b' ' * (MOST_BYTES + 1))
    assert (error.code, 'too long' in error.text) == ('provider_fault', True)


@pytest.mark.parametrize(
    'how', [{'hangs_s': 9}, {'status': 200, 'body': b' ' * 900, 'drip_s': 0.1}]
)
def test_an_answer_that_does_not_come_in_time_is_not_waited_for(studio, how):
    since = time.monotonic()
    error = fault(studio, **how)
    assert (error.code, 'in time' in error.text) == ('provider_away', True)
    assert time.monotonic() - since < SOON_S + 2


def test_a_line_that_breaks_is_told_as_away(studio):
    assert fault(studio, closes=True).code == 'provider_away'
    headers = {'Content-Length': '100', 'Connection': 'close'}
    assert fault(studio, status=200, headers=headers).code == 'provider_away'


def test_nobody_there_is_told_as_away():
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        port = held.getsockname()[1]
        made = client(None, base_url=f'http://127.0.0.1:{port}/api', api_key='k')
        assert refusal(made).code == 'provider_away'
    made = client(None, base_url='https://camera.invalid/api', api_key='k', call_s=5)
    assert refusal(made).code == 'provider_away'


def test_an_answer_that_leads_elsewhere_gets_no_key(studio):
    with LivepeerStudio() as other:
        to = {'Location': f'{other.base_url}/webhook'}
        for status in (301, 307, 308):
            assert fault(studio, status=status, headers=to).code == 'provider_fault'
        assert other.calls == []


@pytest.mark.parametrize(
    'url',
    [
        '',
        'livepeer.test/api',
        'http://livepeer.test/api',
        'https://user:pass@livepeer.test/api',
        'https://livepeer.test/api?key=1',
        'https://livepeer.test:port/api',
        'ftp://127.0.0.1/api',
    ],
)
def test_the_key_goes_only_where_nobody_reads_it_on_the_way(url):
    http = StudioHttp(url, lambda: 'k')
    with pytest.raises(PushError) as caught:
        asyncio.run(http.call('GET', '/webhook'))
    assert caught.value.code == 'bad_address'
    assert 'pass' not in caught.value.text


def test_the_answer_of_the_key_file_is_passed_on(studio):
    def no_key():
        raise PushError('no_key', 'it is not there')

    http = StudioHttp(studio.base_url, no_key)
    with pytest.raises(PushError) as caught:
        asyncio.run(http.call('GET', '/webhook'))
    assert caught.value.code == 'no_key'


def test_settings_of_the_shell_are_not_followed(studio, monkeypatch):
    for name in ('HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')
    assert calling(client(studio), lambda client: client.webhooks()) == ()


def test_a_certificate_that_nobody_vouches_for_ends_the_call(tmp_path):
    certificate = self_signed(tmp_path)
    with LivepeerStudio(certificate=str(certificate)) as studio:
        assert refusal(client(studio)).code == 'untrusted'
        assert studio.calls == []
        trusting = client(studio, ca_file=str(certificate))
        assert calling(trusting, lambda client: client.webhooks()) == ()
        elsewhere = studio.base_url.replace('localhost', '127.0.0.1')
        made = client(studio, base_url=elsewhere, ca_file=str(certificate))
        assert refusal(made).code == 'untrusted'
        assert refusal(client(studio, ca_file=str(tmp_path / 'none'))).code == 'untrusted'


def self_signed(folder):
    """A certificate of localhost with its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'localhost')])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName('localhost')]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / 'certificate.pem'
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
