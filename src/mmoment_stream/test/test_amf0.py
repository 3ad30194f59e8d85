import random

import pytest

from mmoment_stream.amf0 import AmfError, EcmaArray, decode, encode

# Written by hand from the specification.
CONNECT = bytes.fromhex(
    '02 0007 636f6e6e656374'  # "connect"
    '00 3ff0000000000000'  # 1
    '03 0003 617070 02 0004 6c697665 0000 09'  # {app: "live"}
)


def test_a_command_has_the_bytes_of_the_specification():
    assert encode('connect', 1, {'app': 'live'}) == CONNECT
    assert decode(CONNECT) == ['connect', 1.0, {'app': 'live'}]


def test_each_kind_has_its_bytes():
    assert encode(True, False, None) == bytes.fromhex('01 01 01 00 05')
    assert encode(EcmaArray(a=2)) == bytes.fromhex(
        '08 00000001 0001 61 00 4000000000000000 0000 09'
    )
    assert encode([None, 'x']) == bytes.fromhex('0a 00000002 05 02 0001 78')
    assert encode('x' * 65536)[:5] == bytes.fromhex('0c 00010000')


def test_what_only_servers_send_is_read():
    assert decode(bytes.fromhex('06')) == [None]
    assert decode(bytes.fromhex('0b 40f86a0000000000 0000')) == [100000.0]
    assert decode(bytes.fromhex('0c 00000002 6869')) == ['hi']
    assert decode(bytes.fromhex('02 0001 ff')) == ['\ufffd']
    assert decode(b'') == []


def test_values_come_back_as_they_were():
    values = ['a', 1.5, True, None, {'deep': {'er': [1.0, 'ü', {}]}}, EcmaArray(b=False)]
    assert decode(encode(*values)) == values


@pytest.mark.parametrize(
    'data',
    [
        '02',
        '02 0005 6162',
        '00 3ff0',
        '03 0001 61',
        '03 0001 61 05 0000',
        '0a ffffffff 05',
        '0c ffffffff 61',
        '08 0000',
        '0d',
        '11 05',
        '0a00000001' * 20 + '05',
    ],
)
def test_what_is_malformed_is_said(data):
    with pytest.raises(AmfError):
        decode(bytes.fromhex(data))


def test_any_bytes_give_values_or_an_error():
    chance = random.Random(1)
    for _ in range(3000):
        data = bytes(chance.choice((0, 1, 2, 3, 5, 8, 9, 10, 97, 255)) for _ in range(40))
        try:
            decode(data)
        except AmfError:
            continue
