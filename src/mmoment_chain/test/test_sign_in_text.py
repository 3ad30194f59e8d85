import dataclasses

import pytest

from mmoment_chain import siws
from mmoment_chain.errors import Refused
from mmoment_chain.memo_sign_in import unsigned_transaction
from mmoment_chain.sign_in_text import (
    LONGEST_DOMAIN,
    STATEMENTS,
    Purpose,
    SignInTexts,
    parsed_origin,
    require_same,
)
from mmoment_chain.wallet import wallet_text
from mmoment_node.errors import ConfigurationError

WALLET = wallet_text(bytes(range(32)))
ISSUED_MS = 1_767_225_600_000
NONCE = 'abcdefghijklmnopqrstuvwxyzA'


def texts(camera_id='lobby', domains=('https://camera.example',), chain_id='devnet'):
    return SignInTexts(camera_id, domains, chain_id)


def asked(**changes):
    message = texts().message(
        Purpose.CHECK_IN, WALLET, 'camera.example', NONCE, ISSUED_MS, ISSUED_MS + 300_000
    )
    return dataclasses.replace(message, **changes)


def test_a_challenge_binds_to_site_camera_chain_and_time():
    assert asked().text() == (
        'camera.example wants you to sign in with your Solana account:\n'
        f'{WALLET}\n'
        '\n'
        'Check in at this Mmoment camera. This costs nothing and sends no transaction.\n'
        '\n'
        'URI: https://camera.example\n'
        'Version: 1\n'
        'Chain ID: devnet\n'
        f'Nonce: {NONCE}\n'
        'Issued At: 2026-01-01T00:00:00.000Z\n'
        'Expiration Time: 2026-01-01T00:05:00.000Z\n'
        'Resources:\n'
        '- urn:mmoment:camera:lobby'
    )


def test_each_purpose_has_a_sentence_of_its_own():
    assert set(STATEMENTS) == set(Purpose)
    assert len(set(STATEMENTS.values())) == len(Purpose)


@pytest.mark.parametrize('purpose', Purpose)
def test_the_longest_text_fits_its_transaction(purpose):
    domain = 'a' * (LONGEST_DOMAIN - 6) + ':65535'
    longest = texts('c' * 64, [domain], 'solana:mainnet')
    message = longest.message(purpose, 'z' * 43 + '1', domain, NONCE, ISSUED_MS, ISSUED_MS)
    unsigned_transaction(bytes(32), message.text())


@pytest.mark.parametrize(
    ('origin', 'domain', 'uri'),
    [
        ('camera.example', 'camera.example', 'https://camera.example'),
        ('https://camera.example:8443', 'camera.example:8443', 'https://camera.example:8443'),
        ('http://192.168.1.2:5002', '192.168.1.2:5002', 'http://192.168.1.2:5002'),
        ('192.168.1.2:5002', '192.168.1.2:5002', 'https://192.168.1.2:5002'),
        ('localhost:5002', 'localhost:5002', 'http://localhost:5002'),
        ('127.0.0.1:5002', '127.0.0.1:5002', 'http://127.0.0.1:5002'),
        ('[::1]:5002', '[::1]:5002', 'http://[::1]:5002'),
        ('https://localhost', 'localhost', 'https://localhost'),
        ('localhost.evil.example', 'localhost.evil.example', 'https://localhost.evil.example'),
    ],
)
def test_an_origin_is_a_domain_and_its_uri(origin, domain, uri):
    assert parsed_origin(origin) == (domain, uri)
    assert siws.is_uri(uri)


@pytest.mark.parametrize(
    'origin',
    ['', 'https://', 'ftp://a', '://a', 'a/b', 'https://a/', 'Camera.example', 'u@a', 'a b', 'a:', 'ä.example',
     'https://a:443', 'http://a:80', 'a:443', 'a\n', '*', '*.example', "a'b", 'a%20b', '[v1.a]', 'a,b', 'a' * 261],
)  # fmt: skip
def test_other_origins_are_refused_with_what_is_wanted(origin):
    with pytest.raises(ConfigurationError, match='host:port'):
        parsed_origin(origin)


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'camera_id': ''}, 'camera id'),
        ({'camera_id': 'a b'}, 'camera id'),
        ({'camera_id': '-a'}, 'camera id'),
        ({'camera_id': 'a/b'}, 'camera id'),
        ({'camera_id': 'ä'}, 'camera id'),
        ({'camera_id': 'a\n'}, 'camera id'),
        ({'camera_id': 'a' * 65}, 'camera id'),
        ({'chain_id': 'ethereum'}, 'one of mainnet'),
        ({'domains': []}, 'at least one'),
        ({'domains': ['http://a', 'https://a']}, 'choose one'),
    ],
)
def test_a_camera_that_cannot_ask_says_so_at_once(changes, reason):
    with pytest.raises(ConfigurationError, match=reason):
        texts(**changes)


def test_several_domains_are_asked_for_each_with_its_uri():
    several = texts(domains=['https://a.example', 'localhost:5002', 'https://a.example'])
    assert several.domains == ('a.example', 'localhost:5002')
    message = several.message(Purpose.CHECK_IN, WALLET, 'localhost:5002', NONCE, 0, 1)
    assert message.uri == 'http://localhost:5002'
    with pytest.raises(Refused) as caught:
        several.message(Purpose.CHECK_IN, WALLET, 'localhost', NONCE, 0, 1)
    assert caught.value.code == 'wrong_domain'


@pytest.mark.parametrize(
    ('changes', 'code'),
    [
        ({'domain': 'evil.example'}, 'wrong_domain'),
        ({'domain': 'camera.example:443'}, 'wrong_domain'),
        ({'domain': 'Camera.example'}, 'wrong_domain'),
        ({'resources': None}, 'wrong_camera'),
        ({'resources': ()}, 'wrong_camera'),
        ({'resources': ('urn:mmoment:camera:bar',)}, 'wrong_camera'),
        ({'resources': ('urn:mmoment:camera:lobby', 'urn:mmoment:camera:bar')}, 'wrong_camera'),
        ({'resources': ('urn:mmoment:camera:lobby',) * 2}, 'wrong_camera'),
    ],
)
def test_what_is_for_others_is_refused_whoever_asked(changes, code):
    with pytest.raises(Refused) as caught:
        texts().require_ours(asked(**changes))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ('changes', 'code'),
    [
        ({'address': wallet_text(bytes(32))}, 'wrong_wallet'),
        ({'domain': 'evil.example'}, 'wrong_domain'),
        ({'resources': ('urn:mmoment:camera:bar',)}, 'wrong_camera'),
        ({'uri': 'https://evil.example'}, 'wrong_uri'),
        ({'uri': 'https://camera.example/'}, 'wrong_uri'),
        ({'uri': None}, 'wrong_uri'),
        ({'chain_id': 'mainnet'}, 'wrong_chain'),
        ({'chain_id': None}, 'wrong_chain'),
        ({'nonce': NONCE[:-1] + 'B'}, 'unknown_nonce'),
        ({'nonce': None}, 'unknown_nonce'),
        ({'version': None}, 'malformed'),
        ({'statement': None}, 'malformed'),
        ({'statement': 'Give me everything'}, 'malformed'),
        ({'not_before': '2026-01-01T00:00:00Z'}, 'malformed'),
        ({'request_id': ''}, 'malformed'),
        ({'issued_at': None}, 'malformed'),
        ({'issued_at': '2026-01-01T00:00:00.001Z'}, 'malformed'),
        ({'issued_at': '2026-01-01T00:00:00.0001Z'}, 'malformed'),
        ({'expiration_time': None}, 'malformed'),
        ({'expiration_time': '2027-01-01T00:05:00.000Z'}, 'malformed'),
    ],
)
def test_a_text_written_anew_must_say_the_same(changes, code):
    with pytest.raises(Refused) as caught:
        require_same(asked(), asked(**changes))
    assert caught.value.code == code


def test_every_part_of_a_text_is_compared():
    compared = {
        'domain', 'address', 'statement', 'uri', 'version', 'chain_id', 'nonce', 'issued_at',
        'expiration_time', 'not_before', 'request_id', 'resources',
    }  # fmt: skip
    assert {part.name for part in dataclasses.fields(siws.SignInMessage)} == compared


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'issued_at': '2026-01-01T00:00:00Z'},
        {'issued_at': '2026-01-01T01:00:00+01:00', 'expiration_time': '2026-01-01T00:05:00.0Z'},
    ],
)
def test_the_same_moment_may_be_written_differently(changes):
    require_same(asked(), asked(**changes))


# --- every port of this machine -------------------------------------------------------------------


@pytest.fixture
def any_port():
    return SignInTexts('lobby', ['127.0.0.1:*', 'localhost:*', '[::1]:*'], 'devnet')


@pytest.mark.parametrize(
    'domain', ['127.0.0.1:5002', 'localhost:1', 'localhost:65535', '[::1]:8080', 'localhost']
)
def test_at_any_port_of_this_machine(any_port, domain):
    assert any_port.is_ours(domain)
    message = any_port.message(Purpose.CHECK_IN, WALLET, domain, NONCE, 0, 1000)
    assert message.uri == f'http://{domain}'
    any_port.require_ours(message)


@pytest.mark.parametrize(
    'domain',
    [
        'localhost:0',
        'localhost:80',
        'localhost:65536',
        'localhost:05002',
        'localhost:*',
        'localhost:5002:1',
        'localhost:',
        'localhost:\u0665',
        'evil.example:5002',
        '127.0.0.1.evil.example:5002',
        'evil.localhost:5002',
        '',
    ],
)
def test_and_nowhere_else(any_port, domain):
    assert not any_port.is_ours(domain)
    with pytest.raises(Refused):
        any_port.message(Purpose.CHECK_IN, WALLET, domain, NONCE, 0, 1000)


@pytest.mark.parametrize(
    'origin', ['*', 'example.com:*', '192.168.1.20:*', 'https://localhost:*', 'localhost:**', ':*']
)
def test_any_port_is_for_this_machine_only(origin):
    with pytest.raises(ConfigurationError, match='domain'):
        SignInTexts('lobby', [origin], 'devnet')
