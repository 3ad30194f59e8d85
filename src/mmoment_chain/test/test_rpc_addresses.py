import pytest

from mmoment_chain.rpc_addresses import DEFAULT_URL, RpcAddressError, read_addresses, shown
from mmoment_node.errors import ConfigurationError


@pytest.mark.parametrize(
    ('url', 'text'),
    [
        ('http://127.0.0.1:8899', 'http://127.0.0.1:8899'),
        ('https://rpc.test/', 'https://rpc.test'),
        ('https://rpc.test/v2/SECRET', 'https://rpc.test/***'),
        ('https://rpc.test/?api-key=SECRET', 'https://rpc.test/***'),
        ('https://rpc.test?SECRET', 'https://rpc.test/***'),
        ('https://name:SECRET@rpc.test:444', 'https://rpc.test:444/***'),
        ('https://rpc.test:SECRET/', '***'),
        ('https://rpc.test#SECRET', 'https://rpc.test'),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_key(url, text):
    assert shown(url) == text


def test_the_file_comes_first_and_nothing_twice(tmp_path):
    file = tmp_path / 'rpc'
    file.write_text('# ours\nhttps://a.test/KEY\n\n  https://b.test \n')
    file.chmod(0o600)
    assert read_addresses(['https://c.test', 'https://b.test'], file) == (
        'https://a.test/KEY',
        'https://b.test',
        'https://c.test',
    )


def test_without_any_it_is_the_chain_for_development():
    assert read_addresses([]) == (DEFAULT_URL,)


def test_or_the_one_that_is_named_for_that(tmp_path):
    file = tmp_path / 'rpc'
    file.write_text('# none yet\n')
    file.chmod(0o600)
    assert read_addresses([], file, 'https://a.test') == ('https://a.test',)
    assert read_addresses(['https://b.test'], file, 'https://a.test') == ('https://b.test',)


@pytest.mark.parametrize(
    'url',
    ['', 'rpc.test', 'ftp://SECRET.test', 'https://', 'http://SECRET:99999', 'http://a b/SECRET'],
)
def test_what_is_no_address_is_told_by_its_number_only(url):
    with pytest.raises(RpcAddressError) as caught:
        read_addresses(['https://good.test', url])
    assert str(caught.value) == 'RPC address 2 is no http:// or https:// address'
    assert isinstance(caught.value, ConfigurationError)


def test_what_others_on_the_way_could_read_is_for_this_machine_only():
    local = ['http://127.0.0.1:1', 'http://localhost:2', 'http://[::1]:3']
    assert read_addresses(local) == tuple(local)
    with pytest.raises(RpcAddressError, match=r'RPC address 2 is of another machine.*https'):
        read_addresses([*local[:1], 'http://10.0.0.7:8899/SECRET'])


def test_a_file_that_others_may_read_is_refused(tmp_path):
    file = tmp_path / 'rpc'
    file.write_text('https://a.test/KEY\n')
    file.chmod(0o640)
    with pytest.raises(RpcAddressError, match='chmod 600'):
        read_addresses([], file)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(RpcAddressError, match='No such file'):
        read_addresses([], tmp_path / 'none')
    binary = tmp_path / 'binary'
    binary.write_bytes(b'\xff\xfe')
    binary.chmod(0o600)
    with pytest.raises(RpcAddressError, match='no text'):
        read_addresses([], binary)
