import base64

import pytest
import small_order
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from solders.keypair import Keypair
from solders.signature import Signature

from mmoment_chain.errors import Refused
from mmoment_chain.wallet import parse_signature, parse_wallet, verify, wallet_text

PERSON = Keypair.from_seed(bytes(range(32)))
WALLET = bytes(PERSON.pubkey())
TEXT = b'camera.example wants you to sign in'
SIGNATURE = bytes(PERSON.sign_message(TEXT))


def refusal(function, *arguments):
    with pytest.raises(Refused) as caught:
        function(*arguments)
    return caught.value


@pytest.mark.parametrize('wallet', [WALLET, bytes(32), b'\xff' * 32, b'\0' * 5 + b'\1' * 27])
def test_an_address_stands_for_its_32_bytes(wallet):
    assert parse_wallet(wallet_text(wallet)) == wallet


@pytest.mark.parametrize(
    'text',
    [
        '',
        '1' * 31,
        '1' * 33,
        '1' * 44,
        wallet_text(b'\xff' * 32) + '1',
        '1' + wallet_text(b'\0' + b'\xff' * 31),
        wallet_text(b'\0' + b'\xff' * 31)[1:],
        '1' + wallet_text(WALLET),
        wallet_text(WALLET) + '\n',
        ' ' + wallet_text(WALLET),
        wallet_text(WALLET)[:-1],
        wallet_text(WALLET)[:-1] + '0',
        wallet_text(WALLET)[:-1] + 'ß',
        wallet_text(WALLET)[:-1] + '\ud800',
        wallet_text(WALLET)[:-1] + '\0',
        "'; DROP TABLE challenges; --" + '1' * 10,
        '0x' + 'ab' * 20,
        'z' * 44,
        '１' * 32,
        'x' * 1_000_000,
    ],
)
def test_anything_else_is_no_wallet(text):
    assert refusal(parse_wallet, text).code == 'bad_wallet'


def test_a_signature_verifies_for_its_wallet_and_bytes_only():
    assert verify(WALLET, TEXT, SIGNATURE)
    other = bytes(Keypair.from_seed(bytes(32)).pubkey())
    assert not verify(other, TEXT, SIGNATURE)
    assert not verify(WALLET, TEXT + b' ', SIGNATURE)
    assert not verify(WALLET, b'', SIGNATURE)
    for bit in range(0, 512, 7):
        spoilt = bytearray(SIGNATURE)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert not verify(WALLET, TEXT, bytes(spoilt))


@pytest.mark.parametrize('length', [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_is_none(length):
    assert not verify(WALLET, TEXT, (SIGNATURE * 2)[:length])
    assert not verify(WALLET[:31], TEXT, SIGNATURE)
    assert not verify(WALLET + b'\0', TEXT, SIGNATURE)


@pytest.mark.parametrize(('key', 'order'), small_order.KEYS)
def test_keys_of_small_order_sign_nothing(key, order):
    forged = small_order.forged(key, order, TEXT)
    # What makes this a test: a library that follows the standard loosely takes the forgery.
    Ed25519PublicKey.from_public_bytes(key).verify(forged, TEXT)
    assert not verify(key, TEXT, forged)
    assert not verify(key, TEXT, bytes(64))


def test_a_commitment_of_small_order_signs_nothing():
    for point, _ in small_order.KEYS:
        assert not verify(WALLET, TEXT, point + bytes(32))


def test_a_signature_has_one_spelling():
    number = int.from_bytes(SIGNATURE[32:], 'little') + small_order.GROUP_ORDER
    again = SIGNATURE[:32] + number.to_bytes(32, 'little')
    assert not verify(WALLET, TEXT, again)
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(WALLET).verify(again, TEXT)


@pytest.mark.parametrize('signature', [SIGNATURE, bytes(64), b'\xff' * 64])
def test_a_signature_is_read_in_base58_and_base64(signature):
    assert parse_signature(str(Signature.from_bytes(signature))) == signature
    assert parse_signature(base64.b64encode(signature).decode()) == signature


@pytest.mark.parametrize(
    'text',
    [
        '',
        '1' * 63,
        '1' * 65,
        'z' * 88,
        '=' * 88,
        base64.b64encode(SIGNATURE[:63]).decode(),
        base64.b64encode(SIGNATURE + b'x').decode(),
        base64.b64encode(SIGNATURE).decode()[:-3] + 'B==',
        base64.urlsafe_b64encode(b'\xff' * 64).decode(),
        base64.b64encode(SIGNATURE).decode() + '\n',
        'é' * 88,
        'x' * 1_000_000,
    ],
)
def test_any_other_text_is_no_signature(text):
    refused = refusal(parse_signature, text)
    assert refused.code == 'bad_signature'
    assert refused.__cause__ is None
    assert refused.__suppress_context__ or refused.__context__ is None
