import contextlib
import hashlib
import sqlite3

import pytest
from library_world import ANNA, BEN, person, world_at

from mmoment_chain import device_keys, media_records, media_signature
from mmoment_chain.device_keys import SigningKey
from mmoment_stream import media_verification
from mmoment_stream.media_command import public_keys
from mmoment_stream.media_verification import Fault, Finding, verify


@pytest.fixture
def world(tmp_path):
    with world_at(tmp_path) as made:
        made.check_in(ANNA, BEN)
        made.photo(BEN, people=(BEN,))
        made.target = made.photo(ANNA, session_id='s', people=(ANNA, BEN))
        made.clip(None)
        yield made


def verdict(world, keys=None):
    return verify(world.store, world.folder, keys or public_keys(world.home / 'keys'))


def findings(world):
    found = verdict(world)
    assert found.checked == 3 - (Fault.VANISHED in [each.fault for each in found.findings])
    return [(each.fault.value, each.name) for each in found.findings]


def change(world, sql, *values):
    """As anybody with the file can."""
    with contextlib.closing(sqlite3.connect(world.store.path, isolation_level=None)) as raw:
        assert raw.execute(sql, values).rowcount > 0


def test_what_is_as_it_was_kept_is_good(world):
    assert verdict(world).findings == ()
    world.library.set_favourite(person(ANNA), world.target.media_id, True)
    assert verdict(world).checked == 3
    assert verdict(world).findings == ()


def test_a_file_that_is_missing(world):
    world.library.file(world.target).unlink()
    assert findings(world) == [('missing', world.target.filename)]


@pytest.mark.parametrize('content', [b'', b'a phot0', b'a photo '])
def test_a_file_that_was_changed(world, content):
    world.library.file(world.target).write_bytes(content)
    assert findings(world) == [('changed', world.target.filename)]


def test_a_file_and_its_digest_that_were_changed_together(world):
    world.library.file(world.target).write_bytes(b'forged')
    digest = hashlib.sha256(b'forged').hexdigest()
    change(world, 'UPDATE media SET sha256 = ? WHERE wallet = ?', digest, ANNA)
    assert findings(world) == [('row', world.target.filename)]


@pytest.mark.parametrize(
    'column',
    ['started_ms', 'duration_ms', 'bytes', 'width', 'height', 'annotated'],
)
def test_a_number_of_a_row_that_was_changed(world, column):
    change(world, f'UPDATE media SET {column} = 1 - {column} WHERE wallet = ?', ANNA)
    assert findings(world) == [('row', world.target.filename)]


@pytest.mark.parametrize('column', ['kind', 'mime_type', 'trigger', 'gesture'])
def test_a_word_of_a_row_that_was_changed(world, column):
    change(world, f"UPDATE media SET {column} = 'x' WHERE wallet = ?", ANNA)
    assert findings(world) == [('row', world.target.filename)]


@pytest.mark.parametrize('name', ['../../secret', '/etc/passwd', 'x'])
def test_a_name_that_is_none_is_no_path(world, name):
    change(world, 'UPDATE media SET filename = ? WHERE wallet = ?', name, ANNA)
    found = findings(world)
    assert ('row', name) in found
    # Nobody knows the file any more, nor its thumbnail.
    assert [fault for fault, _ in found] == ['row', 'extra', 'extra']


def test_a_record_that_was_changed(world):
    record = world.target.record.replace('"width":1280', '"width":1281')
    change(world, 'UPDATE media SET record = ?, width = 1281 WHERE wallet = ?', record, ANNA)
    assert findings(world) == [('signature', world.target.filename)]


def test_a_signature_that_was_changed(world):
    change(world, 'UPDATE media SET signature = zeroblob(64) WHERE wallet = ?', ANNA)
    assert findings(world) == [('signature', world.target.filename)]


def test_a_signature_of_another_record(world):
    change(
        world,
        'UPDATE media SET signature = (SELECT signature FROM media WHERE wallet = ?) '
        'WHERE wallet = ?',
        BEN,
        ANNA,
    )
    assert findings(world) == [('signature', world.target.filename)]


def test_a_record_that_the_camera_signed_later(world):
    """By somebody who has its key: the event of the day knows another one."""
    with world.key() as key:
        signed = media_signature.signed(key, world.target.facts, ANNA, 's', (ANNA, BEN))
    change(
        world,
        'UPDATE media SET record = ?, signature = ? WHERE wallet = ?',
        signed.text,
        signed.signature,
        ANNA,
    )
    for name, opening in signed.openings.items():
        change(
            world,
            'UPDATE media_fields SET salt = ?, value = ? WHERE media_id = ? AND name = ?',
            opening.salt,
            opening.value,
            world.target.media_id,
            name,
        )
    assert findings(world) == [('record', world.target.filename)]


@pytest.mark.parametrize(
    'sql',
    [
        "UPDATE media SET wallet = 'somebody' WHERE wallet = ?",
        'UPDATE media SET wallet = NULL WHERE wallet = ?',
        "UPDATE media SET session_id = 'another' WHERE wallet = ?",
        "UPDATE media_fields SET value = 'somebody' WHERE name = 'owner' AND value = ?",
        "UPDATE media_fields SET value = 'x' WHERE value = ? AND name = 'person_1'",
        "UPDATE media_fields SET salt = zeroblob(32) WHERE value = ? AND name = 'person_1'",
        "DELETE FROM media_fields WHERE name = 'owner' AND value = ?",
    ],
)
def test_a_person_who_was_changed(world, sql):
    change(world, sql, ANNA)
    assert findings(world) == [('person', world.target.filename)]


def test_an_owner_who_was_taken_out_everywhere(world):
    change(world, "DELETE FROM media_fields WHERE name = 'owner' AND value = ?", ANNA)
    change(world, 'UPDATE media SET wallet = NULL WHERE wallet = ?', ANNA)
    assert findings(world) == [('person', world.target.filename)]


@pytest.mark.parametrize('name', ['2026-11-25/mine.jpg', 'mine', '2027-01-01/x/y'])
def test_a_file_that_is_none_of_the_library(world, name):
    path = world.folder.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('mine')
    assert findings(world) == [('extra', name)]


def test_a_copy_of_a_file_in_another_day(world):
    other = world.folder.root / '2026-11-24' / world.target.filename
    other.parent.mkdir()
    other.write_bytes(b'a photo')
    assert findings(world) == [('extra', f'2026-11-24/{world.target.filename}')]


def test_a_row_that_is_gone_with_its_file(world):
    world.library.file(world.target).unlink()
    world.library.thumbnail(world.target).unlink()
    change(world, 'DELETE FROM media WHERE wallet = ?', ANNA)
    change(world, 'DELETE FROM media_fields WHERE value = ? OR value = ?', 's', ANNA)
    assert findings(world) == [('vanished', world.target.media_id)]


def test_a_row_that_is_gone_and_its_file_is_not(world):
    change(world, 'DELETE FROM media WHERE wallet = ?', ANNA)
    assert [fault for fault, _ in findings(world)] == ['vanished', 'extra', 'extra']


def test_what_was_deleted_or_forgotten_by_rule_is_no_finding(world):
    world.library.delete(person(ANNA), world.target.media_id)
    world.library.erase(BEN)
    assert verdict(world).findings == ()
    assert verdict(world).checked == 1


def test_what_was_erased_of_others_is_no_finding(world):
    world.library.erase(BEN)
    assert verdict(world).findings == ()


def test_what_is_on_its_way_is_no_finding(world):
    draft = world.begin()
    draft.recording.write_bytes(b'half a clip')
    moved = world.library.file(world.target)
    moved.replace(world.folder.draft(world.target.filename))
    assert verdict(world).findings == ()
    with world.store.transaction() as tx:
        media_records.remove(tx, world.target.media_id)
    moved.parent.mkdir(exist_ok=True)
    world.folder.draft(world.target.filename).replace(moved)
    assert verdict(world).findings == (Finding(Fault.VANISHED, world.target.media_id),)


def test_what_goes_while_it_is_verified_is_no_finding(world, monkeypatch):
    look = world.folder.look

    def delete_first(name):
        monkeypatch.setattr(world.folder, 'look', look)
        for record in (world.target,):
            world.library.delete(person(ANNA), record.media_id)
        return look(name)

    monkeypatch.setattr(world.folder, 'look', delete_first)
    assert verdict(world).findings == ()


def test_more_than_a_page_is_verified(world, monkeypatch):
    monkeypatch.setattr(media_verification, 'ROWS_AT_ONCE', 2)
    world.photo()
    last = world.photo()
    oldest = world.library.page(person(BEN)).records[-1]
    for record in (last, oldest):
        world.library.file(record).write_bytes(b'x')
    found = verdict(world)
    assert found.checked == 5
    assert {each.name for each in found.findings} == {last.filename, oldest.filename}


def test_keys_that_were_replaced_are_known(world):
    device_keys.rotate_signing(world.home / 'keys', 6)
    device_keys.rotate_signing(world.home / 'keys', 7)
    world.photo()
    assert verdict(world).findings == ()
    with SigningKey.load(world.home / 'keys') as key:
        newest = [key.public]
    assert {each.fault for each in verdict(world, newest).findings} == {Fault.SIGNATURE}
    assert len(verdict(world, newest).findings) == 3
