import pytest
from vault_vectors import fixed, secret, small_order_keys

from mmoment_chain.errors import Refused
from mmoment_chain.sealing import (
    SEALED_KEY_BYTES,
    decrypt,
    key_id,
    public_of,
    seal_key,
    unseal_key,
)


@pytest.fixture
def private():
    with secret(fixed('recipient')) as key:
        yield key


@pytest.fixture
def key():
    with secret(fixed('a key')) as key:
        yield key


def test_what_was_sealed_is_unsealed_by_its_recipient(private, key):
    sealed = seal_key(key, public_of(private), b'purpose')
    assert len(sealed) == SEALED_KEY_BYTES
    with unseal_key(sealed, private, b'purpose') as opened:
        assert opened.matches(key)


def test_each_sealing_differs(private, key):
    sealed = {seal_key(key, public_of(private), b'purpose') for _ in range(10)}
    assert len({each[:32] for each in sealed}) == len({each[32:] for each in sealed}) == 10


def test_another_key_or_purpose_opens_nothing(private, key):
    sealed = seal_key(key, public_of(private), b'purpose')
    with secret(fixed('somebody else')) as other:
        for who, purpose in ((other, b'purpose'), (private, b'purposf'), (private, b'')):
            with pytest.raises(Refused) as refused:
                unseal_key(sealed, who, purpose)
            assert refused.value.code == 'bad_envelope'


def test_no_bit_can_be_changed(private, key):
    """Also the one of the sealer's public key that X25519 ignores."""
    sealed = seal_key(key, public_of(private), b'purpose')
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Refused) as refused:
            unseal_key(bytes(changed), private, b'purpose')
        assert refused.value.code == 'bad_envelope'


@pytest.mark.parametrize('change', [lambda s: s[:-1], lambda s: s + b'\0', lambda s: b''])
def test_another_length_is_refused(private, key, change):
    sealed = seal_key(key, public_of(private), b'purpose')
    with pytest.raises(Refused, match='bad_envelope'):
        unseal_key(change(sealed), private, b'purpose')


@pytest.mark.parametrize('public', small_order_keys(), ids=bytes.hex)
def test_nothing_is_sealed_to_a_key_that_keeps_no_secret(key, public):
    with pytest.raises(Refused) as refused:
        seal_key(key, public, b'purpose')
    assert refused.value.code == 'bad_key'


@pytest.mark.parametrize('length', [0, 31, 33])
def test_a_public_key_has_32_bytes(key, length):
    with pytest.raises(Refused, match='bad_key'):
        seal_key(key, bytes(length), b'purpose')


@pytest.mark.parametrize('public', small_order_keys(), ids=bytes.hex)
def test_what_a_sealer_of_small_order_sent_is_refused(private, public):
    with pytest.raises(Refused, match='bad_envelope'):
        unseal_key(public + bytes(48), private, b'purpose')


def test_damaged_data_leaves_no_secret_behind(private):
    with secret(fixed('a key')) as key, pytest.raises(Refused) as refused:
        decrypt(key.view, bytes(12), bytes(64), b'purpose')
    assert refused.value.code == 'bad_envelope'
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_key_id_is_the_beginning_of_its_digest():
    assert key_id(b'').hex() == 'e3b0c44298fc1c14'
