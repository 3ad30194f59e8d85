import shutil
import threading
from concurrent import futures

import pytest
from clip_world import wait_until
from library_world import ANNA, BEN, LibraryWorld, person

from mmoment_chain.clock import SystemClock
from mmoment_chain.errors import StoreBusy, StoreUnusable
from mmoment_chain.store import Store
from mmoment_stream.errors import Refused
from mmoment_stream.media_intake import ClipLook
from mmoment_stream.media_keeper import MediaKeeper, await_keeper, await_recovery
from mmoment_stream.media_recovery import Recovered
from mmoment_stream.media_retention import RetentionLimits

LOOK = ClipLook(started_ms=7, duration_ms=9, width=640, height=360)


@pytest.fixture
def world(tmp_path):
    """What session_node has made and keeps."""
    world = LibraryWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def keeper(world):
    keeper = keeper_of(world)
    keeper.recover(lambda draft: None)
    yield keeper
    keeper.close()


def keeper_of(world):
    return MediaKeeper(world.home / 'store.sqlite3', world.home / 'keys')


def salvaged(draft):
    draft.recording.replace(draft.path)
    return LOOK


def test_it_works_beside_whoever_keeps_the_store(world, keeper):
    record = world.photo(library=keeper.library)
    assert world.assert_sound() == [record]
    assert keeper.library.get(person(ANNA), record.media_id) == record
    with world.key() as key:
        assert keeper.camera_id == key.camera_id


def test_it_waits_until_the_store_is_made(tmp_path):
    tries, ending = [], threading.Event()

    def make():
        tries.append(1)
        return MediaKeeper(tmp_path / 'store.sqlite3', tmp_path / 'keys')

    with futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(await_keeper, make, ending)
        wait_until(lambda: tries)
        world = LibraryWorld(tmp_path)
        keeper = waiting.result(20)
        keeper.close()
        world.close()


def test_who_waits_for_the_store_in_vain_ends_when_told(tmp_path):
    tries, ending = [], threading.Event()

    def make():
        tries.append(1)
        raise StoreBusy('not yet')

    with futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(await_keeper, make, ending)
        wait_until(lambda: tries)
        ending.set()
        assert waiting.result(20) is None


def test_a_store_that_is_none_is_told_at_once(tmp_path):
    (tmp_path / 'store.sqlite3').write_bytes(b'no store' * 1000)
    with pytest.raises(StoreUnusable):
        await_keeper(
            lambda: MediaKeeper(tmp_path / 'store.sqlite3', tmp_path / 'keys'), threading.Event()
        )


def test_missing_keys_leave_no_store_open(world):
    shutil.rmtree(world.home / 'keys')
    with pytest.raises(Exception, match='keys'):
        keeper_of(world)
    # Nobody but us holds it: the file can be brought to its end.
    world.store.close()
    assert not (world.home / 'store.sqlite3-wal').exists()


def test_recovery_finishes_what_was_left(world):
    draft = world.begin(BEN)
    draft.recording.write_bytes(b'half a clip')
    keeper = keeper_of(world)
    assert await_recovery(keeper, salvaged, threading.Event()) == Recovered(salvaged=1)
    (record,) = world.assert_sound()
    assert record.wallet == BEN
    keeper.close()


def test_recovery_is_tried_until_the_folder_can_be_used(world):
    draft = world.begin(BEN)
    draft.recording.write_bytes(b'half a clip')
    media, away = world.home / 'media', world.home / 'away'
    media.rename(away)
    media.write_text('in the way')
    keeper = keeper_of(world)
    with futures.ThreadPoolExecutor(1) as pool:
        recovering = pool.submit(await_recovery, keeper, salvaged, threading.Event())
        wait_until(lambda: keeper.problem)
        assert 'media' in keeper.problem
        media.unlink()
        away.rename(media)
        assert recovering.result(20) == Recovered(salvaged=1)
    assert len(world.assert_sound()) == 1
    keeper.close()


def test_a_recovery_that_is_not_wanted_any_more_leaves_the_rest_to_the_next_start(world):
    drafts = [world.begin(BEN) for _ in range(3)]
    for draft in drafts:
        draft.recording.write_bytes(b'half a clip')
    ending = threading.Event()

    def first_only(draft):
        ending.set()
        return salvaged(draft)

    keeper = keeper_of(world)
    assert await_recovery(keeper, first_only, ending) is None
    assert len(world.listed()) == 1
    assert await_recovery(keeper, salvaged, threading.Event()) == Recovered(salvaged=2)
    assert len(world.assert_sound()) == 3
    keeper.close()


def test_it_deletes_what_is_too_much_and_says_what(world, keeper):
    records = [world.photo() for _ in range(5)]
    keeper.library.set_favourite(person(ANNA), records[0].media_id, True)
    gone = keeper.put_in_order(RetentionLimits(count=3))
    assert [record.media_id for record in gone] == [each.media_id for each in records[1:3]]
    assert world.listed() == [each.media_id for each in (records[4], records[3], records[0])]
    assert keeper.problem == ''
    assert keeper.put_in_order(RetentionLimits(count=3)) == []


def test_a_disk_that_something_else_fills_is_told_and_costs_nothing(world, keeper):
    for _ in range(3):
        world.photo()
    assert keeper.put_in_order(RetentionLimits(free_bytes=2**60)) == []
    assert 'filled by something else' in keeper.problem
    assert len(world.listed()) == 3
    keeper.put_in_order(RetentionLimits())
    assert keeper.problem == ''


def test_what_cannot_be_put_in_order_is_told_and_done_later(world, keeper):
    for _ in range(3):
        world.photo()
    locked = Store(world.home / 'store.sqlite3', SystemClock(), beside=True)
    keeper.store._busy_timeout_s = 0.0
    keeper.store._main.execute('PRAGMA busy_timeout = 0')
    with locked.transaction():
        assert keeper.put_in_order(RetentionLimits(count=1)) == []
        assert keeper.problem
    assert len(keeper.put_in_order(RetentionLimits(count=1))) == 2
    assert keeper.problem == ''
    locked.close()


def test_a_folder_that_is_gone_is_told_and_ends_nothing(world, keeper):
    assert keeper.free_bytes() > 0
    world.photo()
    shutil.rmtree(world.home / 'media')
    assert keeper.free_bytes() is None
    assert keeper.put_in_order(RetentionLimits(free_bytes=1)) == []
    assert 'media' in keeper.problem


def test_after_its_end_everything_is_refused(world, keeper):
    keeper.close()
    with pytest.raises(Refused) as refused:
        world.photo(library=keeper.library)
    assert refused.value.code == 'not_kept'
    assert world.listed() == []
