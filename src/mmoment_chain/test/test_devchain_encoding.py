import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain.base58 import base58
from mmoment_chain.devchain_encoding import account_json, encoded, zstandard
from mmoment_chain.devchain_errors import RpcError


def test_zstandard_frames_have_the_form_of_the_standard():
    """RFC 8878: magic, one segment with a size of four bytes, then blocks of at most 128 KiB."""
    assert zstandard(b'abc') == bytes.fromhex('28b52ffd a0 03000000 190000') + b'abc'
    assert zstandard(b'') == bytes.fromhex('28b52ffd a0 00000000 010000')
    large = zstandard(bytes(200_000))
    assert large[9:12] == (131_072 << 3).to_bytes(3, 'little')
    rest = 200_000 - 131_072
    assert large[12 + 131_072 :][:3] == (rest << 3 | 1).to_bytes(3, 'little')
    assert len(large) == 9 + 2 * 3 + 200_000


def test_base58_is_for_short_data():
    assert encoded(bytes(2), 'base58') == ['11', 'base58']
    assert encoded(bytes(2), 'binary') == '11'
    with pytest.raises(RpcError, match='less than 128 bytes'):
        encoded(bytes(129), 'base58')


def test_part_of_the_data_may_lie_anywhere():
    account = Account(5, b'0123456789', Pubkey.default())
    told = account_json(account, 'base58', {'offset': 8, 'length': 100})
    assert (told['data'][0], told['space']) == (base58(b'89'), 10)
    assert account_json(account, 'base58', {'offset': 11, 'length': 1})['data'][0] == ''
