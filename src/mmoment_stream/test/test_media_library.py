import contextlib
import hashlib
import os
import sqlite3
import stat
import subprocess
import threading

import pytest
from library_world import ANNA, BEN, START_MS, person, refusal, world_at

from mmoment_chain import media_records
from mmoment_chain.errors import StoreFull
from mmoment_stream import media_folder
from mmoment_stream.errors import Refused
from mmoment_stream.media_cursor import CAMERA_OWNER, Viewer
from mmoment_stream.media_folder import MediaFolder
from mmoment_stream.media_library import MediaLibrary


@pytest.fixture
def world(tmp_path):
    with world_at(tmp_path) as made:
        yield made


def test_a_photo_is_kept_with_all_that_is_known_of_it(world):
    world.check_in(ANNA, BEN)
    kept = world.photo(people=(ANNA, BEN), annotated=True, trigger='gesture', gesture='thumb_up')
    facts = kept.facts
    assert (facts.kind, facts.bytes, facts.width, facts.height) == ('photo', 7, 1280, 720)
    assert (facts.trigger, facts.gesture, facts.annotated) == ('gesture', 'thumb_up', True)
    assert facts.sha256 == hashlib.sha256(b'a photo').hexdigest()
    assert (kept.wallet, kept.people, kept.favourite) == (ANNA, (ANNA, BEN), False)
    # In its place at once, without anybody looking for it.
    assert world.folder.look(kept.filename) == world.folder.path(kept.filename)
    assert world.library.get(person(ANNA), kept.media_id) == kept
    assert world.library.get(person(ANNA), kept.filename) == kept
    path, thumbnail = world.library.file(kept), world.library.thumbnail(kept)
    assert path.read_bytes() == b'a photo'
    assert path.parent.name == '2026-11-25'
    assert thumbnail.read_bytes() == b'a thumbnail'
    assert world.assert_sound() == [kept]


def test_a_clip_is_kept_with_all_that_is_known_of_it(world):
    world.check_in(BEN)
    draft = world.begin(BEN)
    draft.recording.write_bytes(b'a clip')
    kept = world.library.keep_clip(draft, world.finished(draft, people=(BEN,)))
    facts = kept.facts
    assert (facts.kind, facts.duration_ms, facts.mime_type) == ('clip', 7040, 'video/mp4')
    assert (kept.media_id, kept.wallet, kept.people) == (draft.media_id, BEN, (BEN,))
    assert world.assert_sound() == [kept]


def test_names_tell_the_time_and_cannot_be_guessed(world):
    names = {world.photo(started_ms=START_MS).filename for _ in range(50)}
    assert len(names) == 50
    assert {name[:17] for name in names} == {'20261125T221030Z-'}
    # Each of the 26 signs is one of 32.
    assert all(len(name) == 17 + 26 + len('.jpg') for name in names)


def test_files_are_for_the_user_of_the_camera_alone(world):
    earlier = os.umask(0)
    try:
        world.photo()
        draft = world.begin()
    finally:
        os.umask(earlier)
    paths = list(world.folder.root.rglob('*'))
    assert draft.path.with_name(f'{draft.name}.note.json') in paths
    for path in [world.folder.root, *paths]:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_the_log_says_what_came_and_went_and_about_whom(world):
    photo, clip = world.photo(BEN), world.clip(BEN)
    world.library.delete(person(BEN), photo.media_id)
    taken, recorded, deleted = world.events()
    assert (taken.kind, taken.subject) == ('photo_taken', BEN)
    assert taken.data == {'trigger': 'api', 'bytes': 7}
    assert taken.personal['media_id'] == photo.media_id
    digest = hashlib.sha256(photo.record.encode()).hexdigest()
    assert taken.personal['record_sha256'] == digest
    assert (recorded.kind, recorded.personal['media_id']) == ('clip_recorded', clip.media_id)
    assert (deleted.kind, deleted.subject) == ('media_deleted', BEN)
    assert deleted.data == {'reason': 'asked'}
    assert deleted.personal == {'media_id': photo.media_id}


def test_a_person_sees_their_own_the_owner_of_the_camera_all_and_others_nothing(world):
    first, second, third = world.photo(ANNA), world.clip(BEN), world.photo(None)
    ids = [third.media_id, second.media_id, first.media_id]
    assert world.listed() == ids
    assert world.listed(wallet=ANNA) == [first.media_id]
    assert world.listed(person(ANNA)) == [first.media_id]
    assert world.listed(person(BEN)) == [second.media_id]
    # Also if they ask for those of others.
    assert world.listed(person(BEN), wallet=ANNA) == [second.media_id]
    assert world.listed(person('Carl')) == []
    assert world.library.page(person(BEN)).total == 1
    assert world.listed(kind='clip') == [second.media_id]
    for media in (first.media_id, first.filename, third.media_id):
        assert refusal(world.library.get, person(BEN), media) == 'no_media'
        assert refusal(world.library.delete, person(BEN), media) == 'no_media'
        assert refusal(world.library.set_favourite, person(BEN), media, True) == 'no_media'
        assert world.library.get(CAMERA_OWNER, media)
    world.library.delete(CAMERA_OWNER, second.filename)
    assert world.listed(person(BEN)) == []
    assert len(world.assert_sound()) == 2


def fill(path):
    with contextlib.suppress(OSError), path.open('wb', 0) as file:
        while True:
            file.write(bytes(1024))


def test_what_is_not_there_and_what_is_somebody_elses_are_told_alike(world):
    kept = world.photo(ANNA)
    with pytest.raises(Refused) as one:
        world.library.get(person(BEN), kept.media_id)
    with pytest.raises(Refused) as other:
        world.library.get(person(BEN), '0' * 32)
    assert str(one.value) == str(other.value)


def test_nobody_is_the_owner_of_the_camera_by_mistake():
    with pytest.raises(ValueError):
        Viewer('')


def test_the_list_is_walked_by_a_cursor_while_things_come_and_go(world):
    kept = [world.photo().media_id for _ in range(7)]
    found, cursor = [], ''
    while True:
        page = world.library.page(person(ANNA), limit=2, cursor=cursor)
        found += [record.media_id for record in page.records]
        cursor = page.next_cursor
        if not cursor:
            break
        world.photo()
        world.library.delete(person(ANNA), found[-1])
    assert found == kept[::-1]


def test_the_last_page_has_no_cursor_also_where_it_is_full(world):
    for _ in range(4):
        world.photo()
    first = world.library.page(CAMERA_OWNER, limit=2)
    last = world.library.page(CAMERA_OWNER, limit=2, cursor=first.next_cursor)
    assert (len(last.records), last.next_cursor, last.total) == (2, '', 4)


@pytest.mark.parametrize('cursor', ['x', '5', '5-5', f'5-{"g" * 32}', f"5-{'a' * 32}'"])
def test_a_cursor_that_is_none_is_refused(world, cursor):
    assert refusal(world.library.page, CAMERA_OWNER, cursor=cursor) == 'bad_cursor'


@pytest.mark.parametrize('options', [{'limit': -1}, {'limit': 201}, {'kind': 'painting'}])
def test_a_list_that_cannot_be_is_refused(world, options):
    assert refusal(world.library.page, CAMERA_OWNER, **options) == 'malformed'


def test_a_favourite_is_one_until_it_is_none(world):
    kept = world.photo()
    for favourite in (True, False):
        changed = world.library.set_favourite(person(ANNA), kept.media_id, favourite)
        assert changed.favourite is favourite
        assert world.library.get(person(ANNA), kept.media_id) == changed


def test_what_is_deleted_is_gone_with_everything_beside_it(world):
    kept = world.photo()
    assert len(world.files()) == 2
    world.library.delete(person(ANNA), kept.media_id)
    assert world.files() == []
    assert [path.name for path in world.folder.root.iterdir()] == ['drafts']
    assert refusal(world.library.delete, person(ANNA), kept.media_id) == 'no_media'
    world.assert_sound()


def test_a_file_that_the_disk_does_not_give_up_is_deleted_later(world, monkeypatch):
    kept = world.photo()
    path = world.library.file(kept)

    def refuse(name):
        raise OSError(30, 'Read-only file system')

    monkeypatch.setattr(world.folder, 'delete', refuse)
    world.library.delete(person(ANNA), kept.media_id)
    assert refusal(world.library.get, person(ANNA), kept.media_id) == 'no_media'
    assert path.exists()
    monkeypatch.undo()
    assert world.library.sweep() == 1
    assert not path.exists()
    assert world.library.sweep() == 0


def test_a_name_that_somebody_wrote_into_the_store_leads_nowhere(world):
    kept, other = world.photo(), world.photo()
    secret = world.home / 'keys' / 'signing.key'
    name = '../keys/signing.key'
    with world.store.transaction() as tx:
        tx.change('UPDATE media SET filename = ? WHERE media_id = ?', name, kept.media_id)
    found = world.library.get(person(ANNA), kept.media_id)
    assert world.library.file(found) is world.library.thumbnail(found) is None
    assert world.library.file(other) is not None
    world.library.delete(person(ANNA), kept.media_id)
    assert world.library.sweep() == 0
    assert secret.exists()


def test_a_favourite_does_not_make_room_also_if_it_became_one_since_it_was_chosen(world):
    favourite, other = world.photo(), world.photo()
    chosen = [favourite.media_id, other.media_id]
    world.library.set_favourite(person(ANNA), favourite.media_id, True)
    assert world.library.retire(chosen) == [other]
    assert world.listed() == [favourite.media_id]
    assert len(world.assert_sound()) == 1


def test_a_full_store_keeps_nothing_and_leaves_nothing(world, monkeypatch):
    draft = world.begin()
    draft.recording.write_bytes(b'a clip')
    look = world.finished(draft)

    def full(*arguments):
        raise StoreFull('the disk is full')

    monkeypatch.setattr(media_records, 'add', full)
    assert refusal(world.photo) == 'disk_full'
    assert refusal(world.library.keep_clip, draft, look) == 'disk_full'
    assert {path.split('.mp4')[-1] for path in world.files()} == {'', '.note.json', '.thumb.jpg'}
    monkeypatch.undo()
    kept = world.library.keep_clip(draft, look)
    assert world.assert_sound() == [kept]


def test_a_missing_key_keeps_nothing(world):
    (world.home / 'keys' / 'signing.key').unlink()
    assert refusal(world.photo) == 'not_kept'
    assert world.files() == []


def test_a_photo_that_is_there_already_is_a_mistake_of_the_program(world):
    kept = world.photo()
    with pytest.raises(sqlite3.IntegrityError):
        world.photo(media_id=kept.media_id)
    assert world.assert_sound() == [kept]


def test_on_a_full_disk_photos_are_refused_and_what_is_there_is_kept(
    small_disk, tmp_path, monkeypatch
):
    with world_at(tmp_path) as world:
        # The store has room, the media have none: the other way round is above.
        world.folder = MediaFolder(small_disk / 'media')
        monkeypatch.setattr(media_folder, 'RESERVE_BYTES', 1)
        world.folder.prepare()
        world.library = MediaLibrary(world.store, world.folder, world.key)
        kept = [world.photo(content=os.urandom(100_000)) for _ in range(4)]
        fill(small_disk / 'ballast')
        assert refusal(world.photo) == 'disk_full'
        assert refusal(world.begin) == 'disk_full'
        assert world.assert_sound() == kept[::-1]
        # Deleting works on a full disk, and makes room.
        world.library.delete(person(ANNA), kept.pop(0).media_id)
        kept.append(world.photo(content=os.urandom(50_000)))
        assert world.assert_sound() == kept[::-1]


def test_on_a_disk_on_which_not_even_the_store_can_write_deleting_makes_room(tmp_path):
    """What the refusal advises works."""
    with small_world(tmp_path) as world:
        kept = [world.photo(content=os.urandom(50_000)) for _ in range(5)]
        fill(world.home / 'ballast')
        assert refusal(world.photo) == 'disk_full'
        favourite = world.library.set_favourite, person(ANNA), kept[0].media_id, True
        assert refusal(*favourite) == 'disk_full'
        world.library.delete(person(ANNA), kept.pop(0).media_id)
        assert world.assert_sound() == kept[::-1]
        # That was little. The reserve is there again all the same, once there is room for it.
        (world.home / 'ballast').unlink()
        world.library.retire([kept.pop(0).media_id])
        fill(world.home / 'ballast')
        assert refusal(world.photo, content=os.urandom(100_000)) == 'disk_full'
        world.library.retire([kept.pop(0).media_id])
        assert world.assert_sound() == kept[::-1]


@contextlib.contextmanager
def small_world(folder):
    """A camera with a disk of four MiB for all it has."""
    disk = folder / 'disk'
    disk.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('this user may not mount a small file system')
    try:
        with world_at(disk) as world:
            yield world
    finally:
        subprocess.run(['umount', '--lazy', str(disk)], check=True)


def test_a_photo_for_which_its_day_has_no_room_is_kept_where_it_is(world, monkeypatch):
    with monkeypatch.context() as full:
        refuse = OSError(28, 'No space left on device')

        def mkdir(self, mode=0o777, **options):
            raise refuse

        full.setattr(type(world.home), 'mkdir', mkdir)
        kept, clip = world.photo(), world.clip()
        for record in (kept, clip):
            assert world.library.file(record).parent == world.folder.drafts
        assert world.library.thumbnail(kept).read_bytes() == b'a thumbnail'
        assert world.assert_sound() == [clip, kept]
    assert world.library.file(kept).parent.name == '2026-11-25'
    assert world.assert_sound() == [clip, kept]


def test_threads_keep_delete_and_list_at_once(world):
    faults = []

    def work(wallet):
        try:
            for number in range(15):
                record = world.photo(wallet) if number % 3 else world.clip(wallet)
                assert world.library.file(record) is not None
                page = world.library.page(person(wallet))
                assert record.media_id in [each.media_id for each in page.records]
                if number % 2:
                    world.library.delete(person(wallet), record.media_id)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(wallet,)) for wallet in (ANNA, BEN, None)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(world.assert_sound()) == 3 * 8


def test_a_photo_is_on_the_disk_before_its_row_is(world, monkeypatch):
    order = []
    sync, add = os.fsync, media_records.add
    monkeypatch.setattr(os, 'fsync', lambda fd: (order.append('sync'), sync(fd)))
    monkeypatch.setattr(media_records, 'add', lambda *given: (order.append('row'), add(*given)))
    world.photo()
    # The thumbnail, the photo, and the folder after each.
    assert order[: order.index('row')] == ['sync'] * 4
