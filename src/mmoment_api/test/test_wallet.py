import pytest

from mmoment_api.wallet import ALPHABET, is_wallet_address


def base58(data):
    """Written the long way round, by the definition."""
    number, digits = int.from_bytes(data, 'big'), ''
    while number:
        number, rest = divmod(number, 58)
        digits = ALPHABET[rest] + digits
    return '1' * (len(data) - len(data.lstrip(b'\0'))) + digits


@pytest.mark.parametrize(
    'data', [bytes(32), bytes(31) + b'\1', b'\0' + b'\xff' * 31, b'\xff' * 32, bytes(range(32))]
)
def test_32_bytes_are_an_address(data):
    assert is_wallet_address(base58(data))


@pytest.mark.parametrize('data', [bytes(31), bytes(33), b'\xff' * 31, b'\1' + bytes(32)])
def test_other_lengths_are_not(data):
    assert not is_wallet_address(base58(data))


@pytest.mark.parametrize(
    'text',
    [
        '',
        'x',
        '0' * 32,
        ' ' + '1' * 32,
        '1' * 31 + 'l',
        'So11111111111111111111111111111111111111112' + '1',
        '1' * 10_000,
    ],
)
def test_other_text_is_not(text):
    assert not is_wallet_address(text)


def test_a_known_address_is():
    assert is_wallet_address('So11111111111111111111111111111111111111112')
