import pytest
from library_world import ANNA, BEN, person, world_at

from mmoment_chain import media_records, session_records
from mmoment_chain.session_records import Session
from mmoment_stream.errors import Refused
from mmoment_stream.media_intake import ClipLook
from mmoment_stream.media_library import MediaLibrary
from mmoment_stream.media_recovery import Recovered, recover, recover_left
from tests.killed_child import killed_at_line


@pytest.fixture
def world(tmp_path):
    with world_at(tmp_path) as made:
        yield made


def salvage(draft):
    """As the recorder does: what was recorded becomes the clip, if it is enough for one."""
    if not draft.path.exists():
        if not draft.recording.exists() or len(draft.recording.read_bytes()) < 4:
            return None
        draft.recording.replace(draft.path)
    return ClipLook(started_ms=7, duration_ms=9, width=640, height=360, thumbnail=b'small')


def restarted(world):
    """The library of another process, which has nothing in memory."""
    world.library = MediaLibrary(world.store, world.folder, world.key)
    return recover(world.library, salvage)


def test_a_start_after_a_clean_end_has_nothing_to_do(world):
    kept = world.photo()
    assert restarted(world) == Recovered()
    assert world.assert_sound() == [kept]


def test_a_clip_that_was_cut_short_is_kept_as_what_it_was(world):
    draft = world.begin(BEN)
    draft.recording.write_bytes(b'half a clip')
    found = restarted(world)
    assert found == Recovered(salvaged=1)
    (kept,) = world.assert_sound()
    assert found.kept == (kept,)
    assert (kept.wallet, kept.media_id, kept.filename) == (BEN, draft.media_id, draft.name)
    facts = kept.facts
    assert (facts.trigger, facts.gesture, facts.started_ms) == ('gesture', 'thumb_up', 7)
    assert world.listed(person(ANNA)) == []


def test_a_clip_that_was_whole_but_not_kept_is_kept(world):
    draft = world.begin()
    draft.recording.write_bytes(b'a clip')
    world.finished(draft)
    assert restarted(world) == Recovered(salvaged=1)
    assert len(world.assert_sound()) == 1


@pytest.mark.parametrize('content', [None, b'', b'abc'])
def test_a_clip_of_which_there_is_nothing_is_dropped(world, content):
    draft = world.begin()
    if content is not None:
        draft.recording.write_bytes(content)
    assert restarted(world) == Recovered(dropped=1)
    assert world.assert_sound() == []


def test_a_photo_that_nobody_was_told_of_is_dropped(world):
    kept = world.photo()
    world.folder.draft(kept.filename.replace('Z-', 'Z-aa')[:43] + '.jpg').write_bytes(b'x')
    (world.folder.drafts / '.x.draft').write_bytes(b'x')
    assert restarted(world) == Recovered(dropped=1)
    assert world.assert_sound() == [kept]


def test_what_is_kept_and_not_in_its_place_is_placed(world):
    photo, clip = world.photo(), world.clip()
    for record in (photo, clip):
        world.folder.path(record.filename).replace(world.folder.draft(record.filename))
    world.folder.note(clip.filename).write_text('{}')
    world.folder.recording(clip.filename).write_bytes(b'a clip')
    assert restarted(world) == Recovered(placed=2)
    assert world.assert_sound() == [clip, photo]


def test_a_deletion_that_was_cut_short_is_finished(world):
    kept = world.photo()
    with world.store.transaction() as tx:
        media_records.remove(tx, kept.media_id)
    assert restarted(world) == Recovered(deleted=1)
    assert world.assert_sound() == []


def test_a_clip_of_somebody_who_was_forgotten_meanwhile_is_dropped(world):
    with world.store.transaction() as tx:
        times = dict.fromkeys(('created_ms', 'expires_ms', 'renewed_ms', 'last_seen_ms'), 5)
        session_records.add(tx, Session('s', None, None, frozenset(), None, None, **times))
    draft = world.begin(ANNA, 's')
    draft.recording.write_bytes(b'half a clip')
    assert restarted(world) == Recovered(dropped=1)
    assert world.assert_sound() == []


def test_what_cannot_be_dealt_with_stays_and_holds_nothing_up(world):
    bad, good = world.begin(ANNA), world.begin(BEN)
    for draft in (bad, good):
        draft.recording.write_bytes(b'half a clip')

    def picky(draft):
        if draft.media_id == bad.media_id:
            raise Refused('disk_full')
        return salvage(draft)

    found = recover(world.library, picky)
    assert (found.salvaged, found.dropped) == (1, 0)
    assert found.problems[0].startswith(f'{bad.name}: disk_full')
    assert bad.recording.exists()
    assert restarted(world) == Recovered(salvaged=1)
    assert len(world.assert_sound()) == 2


def test_what_is_left_on_a_full_disk_is_tried_again_without_a_start(world):
    draft, forgotten = world.begin(ANNA), world.begin(BEN)
    for each in (draft, forgotten):
        each.recording.write_bytes(b'half a clip')
    is_full = True

    def salvage_with_room(draft):
        if is_full:
            raise Refused('disk_full')
        return salvage(draft)

    found = recover(world.library, salvage_with_room)
    assert set(found.left) == {draft.name, forgotten.name}
    # What began meanwhile is nobody's concern.
    running = world.begin(ANNA)
    assert set(recover_left(world.library, found.left, salvage_with_room).left) == set(found.left)
    world.library.erase(BEN)
    is_full = False
    found = recover_left(world.library, found.left, salvage_with_room)
    assert found == Recovered(salvaged=1, dropped=1)
    assert [each.media_id for each in found.kept] == world.listed() == [draft.media_id]
    assert world.folder.note(running.name).exists()


def test_a_note_that_is_damaged_is_no_reason_not_to_start(world):
    draft = world.begin()
    world.folder.note(draft.name).write_bytes(b'\xff{')
    draft.recording.write_bytes(b'half a clip')
    assert restarted(world) == Recovered(dropped=1)


MODULES = ('media_library', 'media_folder', 'media_draft', 'media_recovery', 'durable_files')


def do(world, action):
    """Each way in which something comes or goes."""
    if action == 'photo':
        world.photo(BEN)
    elif action == 'clip':
        world.clip(BEN, b'another clip')
    elif action == 'delete':
        world.library.delete(person(ANNA), world.listed(person(ANNA))[0])
    elif action == 'erase':
        world.library.erase(ANNA)
    else:
        restarted(world)


@pytest.mark.parametrize('action', ['photo', 'clip', 'delete', 'erase', 'recover'])
def test_killed_at_any_line_nothing_is_half_there(tmp_path, action):
    number, counts = 0, set()
    is_killed = True
    while is_killed:
        folder = tmp_path / str(number)
        folder.mkdir()
        with world_at(folder) as world:
            first, second = world.photo(ANNA), world.clip(ANNA)
            if action == 'recover':
                # Something of each kind.
                world.begin(BEN).recording.write_bytes(b'half a clip')
                world.folder.path(first.filename).replace(world.folder.draft(first.filename))
                with world.store.transaction() as tx:
                    media_records.remove(tx, second.media_id)

        def in_the_child(folder=folder):
            with world_at(folder) as world:
                do(world, action)

        is_killed = killed_at_line(number, MODULES, in_the_child)
        with world_at(folder) as world:
            found = restarted(world)
            assert found.problems == ()
            records = world.assert_sound()
            assert restarted(world) == Recovered()
        counts.add(len(records))
        number += 11 if action == 'recover' else 5
    expected = {
        'photo': {2, 3},
        # Of what was recorded nothing is lost, whenever it ends.
        'clip': {2, 3},
        'delete': {2, 1},
        'erase': {2, 0},
        'recover': {2},
    }
    assert counts == expected[action]
