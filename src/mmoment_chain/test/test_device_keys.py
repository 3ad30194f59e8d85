import shutil

import pytest
from vault_vectors import NOW_MS, RECORD

from mmoment_chain import vault
from mmoment_chain.device_key_layout import KeyFile, KeyKind
from mmoment_chain.device_keys import (
    DeviceKeyError,
    SigningKey,
    UnsealingKeys,
    create_missing,
    drop_retired,
    follow,
    rotate_signing,
    rotate_unsealing,
)
from mmoment_chain.envelope import Custody
from mmoment_chain.sealing import key_id
from mmoment_chain.wallet import verify
from tests.killed_child import killed_at_line

TEMPLATE = b'a template'
MODULES = ('device_key_files', 'device_key_layout', 'device_keys')


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'keys'
    assert create_missing(folder, NOW_MS)
    return folder


def publics(folder):
    with SigningKey.load(folder) as signing, UnsealingKeys.load(folder) as unsealing:
        return signing.public, unsealing.public


def kept(folder):
    """An envelope in the keeping of this device."""
    with UnsealingKeys.load(folder) as keys:
        return vault.seal(TEMPLATE, keys.public, RECORD, Custody.CAMERA)


def opens(folder, envelope):
    with UnsealingKeys.load(folder) as keys, vault.open_in_custody(envelope, RECORD, keys) as found:
        return bytes(found.view) == TEMPLATE


def test_keys_are_made_once(folder):
    before = publics(folder)
    assert not create_missing(folder, NOW_MS + 1)
    assert publics(folder) == before


def test_two_devices_have_different_keys(tmp_path):
    for name in ('one', 'other'):
        create_missing(tmp_path / name, NOW_MS)
    assert not set(publics(tmp_path / 'one')) & set(publics(tmp_path / 'other'))


def test_what_it_signs_is_a_signature_as_solana_knows_it(folder):
    with SigningKey.load(folder) as key:
        signature = key.sign(b'message')
        assert verify(key.public, b'message', signature)
        assert not verify(key.public, b'other', signature)


def test_it_opens_what_is_sealed_to_it(folder):
    assert opens(folder, kept(folder))


def test_signing_alone_reads_no_key_that_opens(folder):
    (folder / 'unsealing.key').unlink()
    with SigningKey.load(folder) as key:
        assert key.sign(b'message')
    with pytest.raises(DeviceKeyError, match=r'unsealing\.key is missing'):
        UnsealingKeys.load(folder)


@pytest.mark.parametrize('name', ['signing.key', 'unsealing.key'])
def test_a_lost_file_stops_the_start_and_is_not_made_anew(folder, name):
    (folder / name).unlink()
    assert not create_missing(folder, NOW_MS)
    with pytest.raises(DeviceKeyError) as refused:
        publics(folder)
    assert f'{folder / name} is missing: put {folder} back from a backup' in str(refused.value)


@pytest.mark.parametrize('name', ['signing.key', 'unsealing.key'])
def test_a_damaged_file_stops_the_start_and_stays_as_it_is(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[20] ^= 1
    (folder / name).write_bytes(data)
    for call in (publics, lambda folder: rotate_signing(folder, 1) and rotate_unsealing(folder, 1)):
        with pytest.raises(DeviceKeyError) as refused:
            call(folder)
        assert f'{folder / name}: it is damaged; put {folder} back' in str(refused.value)
    assert not create_missing(folder, NOW_MS)
    assert (folder / name).read_bytes() == data


def test_files_put_in_each_others_place_are_refused(folder):
    (folder / 'signing.key').rename(folder / 'x')
    (folder / 'unsealing.key').rename(folder / 'signing.key')
    (folder / 'x').rename(folder / 'unsealing.key')
    with pytest.raises(DeviceKeyError, match='other keys than those for signing'):
        SigningKey.load(folder)
    with pytest.raises(DeviceKeyError, match='other keys than those for unsealing'):
        UnsealingKeys.load(folder)


def test_no_text_shows_a_private_key(folder):
    data = (folder / 'signing.key').read_bytes()[8:40]
    with SigningKey.load(folder) as signing, UnsealingKeys.load(folder) as unsealing:
        assert repr(signing) == f'SigningKey({key_id(signing.public).hex()})'
        assert repr(unsealing) == f'UnsealingKeys({key_id(unsealing.public).hex()}, 0 retired)'
        assert data.hex() not in repr(signing)


def test_after_closing_nothing_is_signed_or_opened(folder):
    with SigningKey.load(folder) as signing, UnsealingKeys.load(folder) as unsealing:
        envelope = kept(folder)
    with pytest.raises(ValueError, match='wiped'):
        signing.sign(b'message')
    with pytest.raises(ValueError, match='wiped'):
        vault.open_in_custody(envelope, RECORD, unsealing)


def test_a_replaced_unsealing_key_opens_until_it_is_dropped(folder):
    envelope, (signing, old) = kept(folder), publics(folder)
    with rotate_unsealing(folder, NOW_MS) as keys:
        assert keys.public != old
        assert keys.retired_ids == {key_id(old)}
        assert opens(folder, envelope)
        again = vault.reseal(envelope, RECORD, keys)
    with drop_retired(folder, still_used={envelope.recipient_id}) as keys:
        assert keys.retired_ids == {key_id(old)}
    with drop_retired(folder, still_used={again.recipient_id}) as keys:
        assert keys.ids == {key_id(keys.public)}
    assert opens(folder, again)
    assert publics(folder)[0] == signing


def test_a_dropped_key_is_in_the_file_no_more(folder):
    old = (folder / 'unsealing.key').read_bytes()[8:40]
    rotate_unsealing(folder, NOW_MS).close()
    assert old in (folder / 'unsealing.key').read_bytes()
    drop_retired(folder, still_used=()).close()
    assert old not in (folder / 'unsealing.key').read_bytes()


def test_the_key_in_use_is_never_dropped(folder):
    before = publics(folder)
    drop_retired(folder, still_used=()).close()
    assert publics(folder) == before


def test_a_replaced_signing_key_vouches_for_the_new_one(folder):
    first = publics(folder)[0]
    with SigningKey.load(folder) as key:
        camera_id = key.camera_id
    statements = [rotate_signing(folder, NOW_MS + i) for i in range(3)]
    with SigningKey.load(folder) as key:
        assert list(key.statements) == statements
        assert key.camera_id == camera_id == key_id(first).hex()
        assert follow(statements, first) == key.public
        assert follow(statements, statements[0].new) == key.public
        assert verify(key.public, b'message', key.sign(b'message'))
    assert [each.created_ms for each in statements] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]
    assert all(verify(each.old, each.signed_text(), each.signature) for each in statements)


def test_a_key_that_does_not_fit_its_history_is_not_used(folder):
    rotate_signing(folder, NOW_MS)
    with SigningKey.load(folder) as key:
        statements = list(key.statements)
    with KeyFile.new(KeyKind.SIGNING, NOW_MS) as other:
        other.statements.extend(statements)
        with other.to_secret() as data:
            (folder / 'signing.key').write_bytes(data.view)
    with pytest.raises(DeviceKeyError, match='does not fit its own history'):
        SigningKey.load(folder)


def test_there_is_an_end_to_rotations_not_to_the_keys(folder):
    with KeyFile.new(KeyKind.UNSEALING, NOW_MS) as content:
        for _ in range(254):
            content.replace(NOW_MS)
        with content.to_secret() as data:
            (folder / 'unsealing.key').write_bytes(data.view)
    before = publics(folder)
    with pytest.raises(DeviceKeyError, match='stays as it is: it has no room'):
        rotate_unsealing(folder, NOW_MS)
    assert publics(folder) == before


def test_killed_at_any_line_of_a_rotation_everything_opens(folder):
    envelope, old = kept(folder), publics(folder)[1]
    number, seen = 0, []
    while killed_at_line(number, MODULES, lambda: rotate_unsealing(folder, NOW_MS).close()):
        assert opens(folder, envelope)
        with UnsealingKeys.load(folder) as keys:
            seen.append(keys.public != old)
        drop_retired(folder, still_used=[envelope.recipient_id]).close()
        with UnsealingKeys.load(folder) as keys:
            envelope, old = vault.reseal(envelope, RECORD, keys), keys.public
        drop_retired(folder, still_used=()).close()
        number += 1
    assert opens(folder, envelope)
    assert {True, False} == set(seen)


def test_killed_at_any_line_of_a_signing_rotation_the_history_leads_to_the_key(folder):
    first, counts = publics(folder)[0], []
    while True:
        copy = folder.with_name(f'copy {len(counts)}')
        shutil.copytree(folder, copy)
        if not killed_at_line(len(counts), MODULES, lambda copy=copy: rotate_signing(copy, NOW_MS)):
            break
        with SigningKey.load(copy) as key:
            assert follow(key.statements, first) == key.public
            counts.append(len(key.statements))
    assert set(counts) == {0, 1}
    assert counts == sorted(counts)


def test_killed_at_any_line_while_dropping_the_key_in_use_stays(folder):
    envelope = kept(folder)
    number, dropped = 0, []
    while True:
        rotate_unsealing(folder, NOW_MS).close()
        with UnsealingKeys.load(folder) as keys:
            envelope = vault.reseal(envelope, RECORD, keys)
        if not killed_at_line(number, MODULES, lambda: drop_retired(folder, still_used=()).close()):
            break
        assert opens(folder, envelope)
        with UnsealingKeys.load(folder) as keys:
            dropped.append(not keys.retired_ids)
        drop_retired(folder, still_used=()).close()
        number += 1
    assert {True, False} == set(dropped)
