import re

import pytest
from vault_vectors import EXPIRES_MS, OTHER_WALLET, RECORD, all_sealed, wrapped

from mmoment_chain.envelope import Custody, Envelope, Record, WrappedKey, new_record_id
from mmoment_chain.errors import Refused

SEALED = all_sealed()[0].envelope()
ENVELOPE = SEALED.to_bytes()
WRAPPED = wrapped(SEALED).to_bytes()


def refusal(read, data):
    with pytest.raises(Refused) as refused:
        read(data)
    return refused.value


def test_what_was_written_is_read():
    assert Envelope.from_bytes(ENVELOPE) == SEALED
    assert WrappedKey.from_bytes(WRAPPED) == wrapped(SEALED)


def test_the_layouts_are_the_written_ones():
    template_bytes = 540
    assert ENVELOPE[:8] == b'MMEV\x01\x01' + template_bytes.to_bytes(2, 'little')
    assert ENVELOPE[8:16] == SEALED.recipient_id
    assert ENVELOPE[16:96] == SEALED.sealed_key
    assert ENVELOPE[96:108] == SEALED.nonce
    assert len(ENVELOPE) == 108 + template_bytes + 16
    assert WRAPPED[:5] == b'MMWK\x01'
    assert WRAPPED[13:21] == EXPIRES_MS.to_bytes(8, 'little')
    assert len(WRAPPED) == 5 + 8 + 8 + 80


def test_an_envelope_does_not_say_whose_it_is():
    for text in (RECORD.wallet, RECORD.model_id, RECORD.record_id):
        assert text.encode() not in ENVELOPE + WRAPPED


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (lambda data: b'', 'are not a sealed template'),
        (lambda data: data[:107], 'are not a sealed template'),
        (lambda data: b'MMEX' + data[4:], 'are not a sealed template'),
        (lambda data: WRAPPED + data, 'are not a sealed template'),
        (lambda data: data[:4] + b'\x02' + data[5:], 'Layout 2 .* reads layout 1'),
        (lambda data: data[:5] + b'\x00' + data[6:], 'Custody 0'),
        (lambda data: data[:5] + b'\x03' + data[6:], 'Custody 3'),
        (lambda data: data[:-1], 'length'),
        (lambda data: data + b'\x00', 'length'),
        (lambda data: data[:6] + b'\x00\x00' + data[8:124], 'length'),
        (lambda data: data[:6] + b'\xff\xff' + data[8:108] + bytes(65535 + 16), 'length'),
    ],
)
def test_other_bytes_are_no_envelope(change, reason):
    refused = refusal(Envelope.from_bytes, change(ENVELOPE))
    assert refused.code == 'bad_envelope'
    assert re.search(reason, refused.text)


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (lambda data: b'', 'are not a wrapped key'),
        (lambda data: data[:-1], 'are not a wrapped key'),
        (lambda data: ENVELOPE, 'are not a wrapped key'),
        (lambda data: data + b'\x00', 'has 101 bytes'),
        (lambda data: data[:4] + b'\x00' + data[5:], 'Layout 0'),
        (lambda data: data[:20] + b'\x01' + data[21:], 'no possible moment'),
    ],
)
def test_other_bytes_are_no_wrapped_key(change, reason):
    refused = refusal(WrappedKey.from_bytes, change(WRAPPED))
    assert refused.code == 'bad_envelope'
    assert re.search(reason, refused.text)


def test_texts_show_no_sealed_bytes():
    assert (
        repr(SEALED) == f'Envelope(custody={Custody.USER!r}, recipient_id={SEALED.recipient_id!r})'
    )
    assert 'sealed_key' not in repr(wrapped(SEALED))


@pytest.mark.parametrize(
    'record',
    [
        (OTHER_WALLET[:31], 'm', 'r'),
        (OTHER_WALLET.replace('4', '0'), 'm', 'r'),
        (OTHER_WALLET + '\n', 'm', 'r'),
        (OTHER_WALLET, '', 'r'),
        (OTHER_WALLET, 'm' * 256, 'r'),
        (OTHER_WALLET, 'two words', 'r'),
        (OTHER_WALLET, 'modèle', 'r'),
        (OTHER_WALLET, 'm', ''),
        (OTHER_WALLET, 'm', 'r' * 65),
        (OTHER_WALLET, 'm', "r'--"),
        (OTHER_WALLET, 'm', 'r\n'),
    ],
)
def test_a_record_is_named_as_it_must_be(record):
    with pytest.raises(ValueError):
        Record(*record)


def test_no_two_records_are_bound_to_the_same_bytes():
    records = [
        Record(OTHER_WALLET, model, record)
        for model, record in (('ab', 'c'), ('a', 'bc'), ('abc', 'x'), ('ab', 'cx'))
    ]
    assert len({record.to_bytes() for record in records}) == len(records)


def test_record_ids_are_new():
    names = {new_record_id() for _ in range(100)}
    assert len(names) == 100
    assert all(Record(OTHER_WALLET, 'm', name).record_id == name for name in names)
