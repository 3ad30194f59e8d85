"""Where a request comes from, as far as the proxies that a person named say so."""

import pytest
from starlette.requests import HTTPConnection

from mmoment_api.web_origin import is_encrypted, source_of

PROXY = '10.0.0.1'
FRONT = '10.0.0.2'
CALLER = '203.0.113.9'


def connection(*headers, peer=PROXY):
    lines = [(name.encode(), value.encode()) for name, value in headers]
    scope = {'type': 'http', 'client': (peer, 4711), 'headers': lines, 'scheme': 'http'}
    return HTTPConnection({**scope, 'path': '/', 'server': ('camera', 80), 'query_string': b''})


def forwarded(*lines, name='x-forwarded-for', peer=PROXY):
    return connection(*((name, line) for line in lines), peer=peer)


@pytest.fixture
def behind(make_services):
    return make_services(trusted_proxies=(PROXY, FRONT))


@pytest.mark.parametrize(
    'lines',
    [
        (CALLER,),
        (f'1.2.3.4, {CALLER}',),
        # What the caller made up comes first, whether the proxy adds to its line or one of its own.
        ('1.2.3.4', CALLER),
        ('1.2.3.4, 5.6.7.8', f'{CALLER}, {FRONT}'),
        ('1.2.3.4', CALLER, FRONT),
    ],
)
def test_the_caller_is_whom_the_last_line_names(behind, lines):
    assert source_of(forwarded(*lines), behind) == CALLER


@pytest.mark.parametrize(
    ('text', 'address'),
    [
        (f'{CALLER}:50123', CALLER),
        ('2001:DB8::1', '2001:db8::1'),
        ('[2001:db8::1]', '2001:db8::1'),
        ('[2001:db8::1]:50123', '2001:db8::1'),
        ('::ffff:203.0.113.9', '::ffff:203.0.113.9'),
    ],
)
def test_ports_and_brackets_are_no_part_of_an_address(behind, text, address):
    expected = {address, '::ffff:cb00:7109'} if '.' in text and '::' in text else {address}
    assert source_of(forwarded(text), behind) in expected


@pytest.mark.parametrize('text', ['', 'unknown', '_hidden', '203.0.113.9:x', '[1.2.3', '1.2.3.4.5'])
def test_what_is_no_address_is_not_believed(behind, text):
    assert source_of(forwarded(CALLER, text), behind) == PROXY


def test_others_are_not_believed(behind):
    assert source_of(forwarded('1.2.3.4', peer=CALLER), behind) == CALLER
    assert not is_encrypted(forwarded('https', name='x-forwarded-proto', peer=CALLER), behind)


@pytest.mark.parametrize(
    ('lines', 'expected'),
    [
        (('https',), True),
        (('HTTPS, https',), True),
        (('http',), False),
        (('https', 'http'), False),
        (('http', 'https'), False),
        ((), False),
    ],
)
def test_encrypted_is_what_is_so_on_the_whole_way(behind, lines, expected):
    assert is_encrypted(forwarded(*lines, name='x-forwarded-proto'), behind) is expected
