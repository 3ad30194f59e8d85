import random

import pytest
from solders.pubkey import Pubkey

from mmoment_chain.base58 import base58, from_base58


@pytest.mark.parametrize('size', range(65))
def test_base58_comes_back(size):
    data = bytes(size // 2) + random.Random(size).randbytes(size - size // 2)
    assert from_base58(base58(data)) == data


def test_base58_is_that_of_addresses():
    for number in range(50):
        key = Pubkey.new_unique() if number else Pubkey.default()
        assert base58(bytes(key)) == str(key)
        assert from_base58(str(key)) == bytes(key)


@pytest.mark.parametrize('text', ['0', 'O', 'I', 'l', 'abc ', 'é'])
def test_other_signs_are_refused(text):
    with pytest.raises(ValueError, match='no sign of base58'):
        from_base58(text)
