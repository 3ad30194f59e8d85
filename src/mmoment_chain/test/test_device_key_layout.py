import dataclasses
import re

import pytest
from vault_vectors import fixed, secret

from mmoment_chain.device_key_layout import (
    MOST_ENTRIES,
    KeyFile,
    KeyKind,
    LayoutError,
    RotationStatement,
    follow,
)
from mmoment_chain.secret_bytes import SecretBytes

STATEMENT = RotationStatement(fixed('old'), fixed('new'), 7, fixed('signature', 64))


def some_file(keys=2, statements=1):
    entries = [(secret(fixed(f'key {i}')), 1000 + i) for i in range(keys)]
    return KeyFile(KeyKind.SIGNING, entries, [STATEMENT] * statements)


def written(**counts):
    with some_file(**counts) as content, content.to_secret() as data:
        return bytes(data.view)


def read(data, kind=KeyKind.SIGNING):
    with secret(data) as content:
        return KeyFile.from_secret(kind, content)


def test_what_was_written_is_read():
    with some_file(keys=3, statements=2) as content, read(written(keys=3, statements=2)) as again:
        assert [when for _, when in again.keys] == [1000, 1001, 1002]
        for (one, _), (other, _) in zip(content.keys, again.keys, strict=True):
            assert one.matches(other)
        assert again.statements == content.statements


def test_the_layout_is_the_written_one():
    data = written(keys=1, statements=1)
    assert data[:8] == b'MMDK\x01\x01\x01\x01'
    assert data[8:40] == fixed('key 0')
    assert data[40:48] == (1000).to_bytes(8, 'little')
    assert data[48:112] == STATEMENT.old + STATEMENT.new
    assert data[112:120] == (7).to_bytes(8, 'little')
    assert data[120:184] == STATEMENT.signature
    assert len(data) == 184 + 32


def test_no_bit_can_be_changed():
    data = written()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LayoutError):
            read(bytes(changed))


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (lambda data: b'MMDX' + data[4:], 'no file of device keys'),
        (lambda data: data[:7], 'no file of device keys'),
        (lambda data: data[:4] + b'\x02' + data[5:], 'layout 2 is unknown'),
        (lambda data: data[:5] + b'\x02' + data[6:], 'other keys than those for signing'),
        (lambda data: data[:6] + b'\x00' + data[7:], 'length'),
        (lambda data: data[:-1], 'length'),
        (lambda data: data + b'\0', 'length'),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), 'damaged'),
    ],
)
def test_other_bytes_are_refused_with_the_reason(change, reason):
    with pytest.raises(LayoutError) as refused:
        read(change(written()))
    assert re.search(reason, str(refused.value))


def test_there_is_a_limit_to_what_a_file_holds():
    content = some_file(keys=1, statements=MOST_ENTRIES)
    content.to_secret().close()
    content.statements.append(STATEMENT)
    with content, pytest.raises(LayoutError, match='no room for more than 255'):
        content.to_secret()


def test_a_new_key_comes_first_and_a_removed_one_is_wiped():
    with KeyFile.new(KeyKind.UNSEALING, 1) as content:
        old = content.keys[0]
        content.replace(2)
        assert content.keys[1] is old
        assert content.keys[0][1] == 2
        assert any(content.keys[0][0].view)
        content.remove(old)
        assert old[0].closed
        (left,) = content.keys
    assert left[0].closed


def test_private_keys_are_in_no_text():
    with some_file() as content:
        assert isinstance(content.keys[0][0], SecretBytes)
        assert fixed('key 0').hex() not in repr(content)
        assert repr(fixed('key 0'))[2:-1] not in repr(content)


def test_a_statement_that_was_made_up_is_not_genuine():
    assert not STATEMENT.is_genuine()
    assert not dataclasses.replace(STATEMENT, signature=b'').is_genuine()
    assert not dataclasses.replace(STATEMENT, old=b'').is_genuine()
    with pytest.raises(ValueError, match='not signed by the old one'):
        follow([STATEMENT], STATEMENT.old)


def test_statements_of_others_lead_nowhere():
    assert follow([STATEMENT], fixed('trusted')) == fixed('trusted')
