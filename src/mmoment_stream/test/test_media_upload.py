import io
import json
import os
import random
import signal
import threading
import time

import pytest
from library_world import ANNA, BEN, START_MS, person, world_at
from s3_server import BUCKET, Line, S3Server

from mmoment_chain import media_signature
from mmoment_node.recovery import BackOff, Recovery, RecoveryState
from mmoment_stream.media_remote import Differs, NotWanted, RemoteFault, open_remote
from mmoment_stream.media_upload import MediaUpload

WAIT_S = 60.0


class Memory:
    """A remote store that a test can break."""

    def __init__(self):
        self.copies = {}
        self.fault = None
        self.meanwhile = lambda: None

    def put(self, name, file, size, sha256, is_wanted):
        if self.fault:
            raise self.fault
        self.meanwhile()
        self.copies[name] = file.read()

    def delete(self, name, is_wanted):
        if self.fault:
            raise self.fault
        self.copies.pop(name, None)


@pytest.fixture
def world(tmp_path):
    with world_at(tmp_path) as made:
        made.remote = Memory()
        made.upload = MediaUpload(made.store, made.folder, made.remote)
        yield made


def work(world):
    """Until there is nothing to do; returns how many steps that took."""
    steps = 0
    while world.upload.step():
        steps += 1
    return steps


def names(world):
    return sorted(name.rpartition('/')[2] for name in world.remote.copies)


def uploaded(world, record):
    return world.library.get(person(record.wallet), record.media_id).uploaded_ms


def test_everything_is_copied_once_oldest_first_with_its_signed_record(world):
    photo, clip = world.photo(ANNA), world.clip(BEN)
    assert world.upload.status().pending == 2
    assert world.upload.step()
    assert names(world) == [photo.filename, f'{photo.filename}.json']
    assert world.upload.step()
    assert not world.upload.step()
    assert world.upload.status().pending == 0
    assert world.remote.copies[f'2026-11-25/{clip.filename}'] == b'a clip'
    assert uploaded(world, clip) == world.clock.now_ms
    record = json.loads(world.remote.copies[f'2026-11-25/{clip.filename}.json'])
    with world.key() as key:
        signature = bytes.fromhex(record['signature'])
        assert media_signature.verify(record['record'], signature, key.public)
    assert media_signature.facts_of(record['record']) == clip.facts
    # What goes there names nobody.
    assert not any(
        wallet.encode() in b''.join(world.remote.copies.values()) for wallet in (ANNA, BEN)
    )


def test_what_breaks_is_not_done_and_is_tried_again(world):
    kept = world.photo()
    world.remote.fault = RemoteFault('the network is down')
    for _ in range(3):
        with pytest.raises(RemoteFault):
            world.upload.step()
    assert uploaded(world, kept) is None
    world.remote.fault = None
    assert work(world) == 1
    assert uploaded(world, kept) is not None


def test_what_is_deleted_here_is_deleted_there(world):
    kept, other = world.photo(ANNA), world.photo(BEN)
    work(world)
    world.library.delete(person(ANNA), kept.media_id)
    assert world.upload.status().leaving == 1
    world.remote.fault = RemoteFault('the network is down')
    with pytest.raises(RemoteFault):
        world.upload.step()
    assert world.upload.status().leaving == 1
    world.remote.fault = None
    assert work(world) == 1
    assert world.upload.status().leaving == 0
    assert names(world) == [other.filename, f'{other.filename}.json']


def test_where_nothing_may_be_deleted_what_is_new_arrives_all_the_same(world):
    gone = world.photo()
    work(world)
    world.library.delete(person(ANNA), gone.media_id)
    new = [world.photo(), world.photo()]

    def refuse(name, is_wanted):
        raise RemoteFault('you may not delete')

    world.remote.delete = refuse
    outcomes = []
    for _ in range(6):
        try:
            outcomes.append(world.upload.step())
        except RemoteFault:
            outcomes.append('refused')
    assert outcomes == ['refused', True, 'refused', True, 'refused', 'refused']
    assert all(uploaded(world, record) for record in new)
    assert world.upload.status().leaving == 1


def test_what_was_never_sent_is_not_looked_for_there(world):
    kept = world.photo()
    world.library.delete(person(ANNA), kept.media_id)
    assert world.upload.status().leaving == 0
    assert work(world) == 0


def test_what_is_deleted_while_it_is_sent_is_deleted_there_too(world):
    kept = world.photo()

    def delete():
        world.remote.meanwhile = lambda: None
        world.library.delete(person(ANNA), kept.media_id)

    world.remote.meanwhile = delete
    work(world)
    assert world.remote.copies == {}
    status = world.upload.status()
    assert (status.pending, status.leaving, status.problem) == (0, 0, '')


def test_a_person_who_is_erased_is_erased_there_too(world):
    world.photo(ANNA)
    stays = world.photo(BEN)
    work(world)
    world.library.erase(ANNA)
    work(world)
    assert names(world) == [stays.filename, f'{stays.filename}.json']


def test_a_name_that_somebody_wrote_into_the_store_is_neither_sent_nor_deleted(world):
    world.photo()
    with world.store.transaction() as tx:
        tx.change("UPDATE media SET filename = '../keys/signing.key'")
    assert work(world) == 1
    assert world.remote.copies == {}
    world.library.erase(ANNA)
    assert work(world) == 1
    assert world.upload.status().leaving == 0


@pytest.mark.parametrize('is_missing', [True, False])
def test_a_file_that_cannot_be_sent_holds_no_other_up_and_is_told(world, is_missing):
    bad, good = world.photo(), world.photo()
    if is_missing:
        world.folder.path(bad.filename).unlink()
    else:
        put = world.remote.put

        def picky(name, file, *rest):
            if bad.filename in name and isinstance(file, io.BufferedReader):
                raise Differs(f'{bad.filename} is not what it was')
            put(name, file, *rest)

        world.remote.put = picky
    assert work(world) == 2
    assert uploaded(world, good) is not None
    status = world.upload.status()
    assert status.pending == 1
    assert status.problem.startswith(f'1 not uploaded: {bad.filename} is ')


def test_killed_at_any_step_it_is_sent_in_the_end(tmp_path):
    for number in range(7):
        folder = tmp_path / str(number)
        folder.mkdir()
        copies = f'file://{folder}/copies'
        with world_at(folder) as world:
            for _ in range(3):
                world.photo()
            gone = world.photo()
        child = os.fork()
        if child == 0:
            with world_at(folder) as world:
                upload = MediaUpload(world.store, world.folder, open_remote(copies))
                steps = 0

                def step_or_die(is_wanted=upload._is_wanted, last=number):
                    nonlocal steps
                    steps += 1
                    if steps > last:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return is_wanted()

                upload._is_wanted = step_or_die
                while upload.step():
                    pass
            os._exit(1)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        with world_at(folder) as world:
            world.library.delete(person(ANNA), gone.media_id)
            upload = MediaUpload(world.store, world.folder, open_remote(copies))
            while upload.step():
                pass
            kept = {record.filename for record in world.assert_sound()}
            found = {path.name for path in (folder / 'copies').rglob('*') if path.is_file()}
            assert found == kept | {f'{name}.json' for name in kept}
            assert upload.status().pending == upload.status().leaving == 0


def until(is_true):
    end = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)


def started(upload):
    thread = threading.Thread(target=upload.run)
    thread.start()
    return thread


def quick():
    return Recovery(back_off=BackOff(first_s=0.01, cap_s=0.05))


def test_it_works_by_itself_tells_its_faults_and_ends_at_once(world):
    upload = MediaUpload(world.store, world.folder, world.remote, quick())
    world.remote.fault = RemoteFault('the network is down')
    kept = world.photo()
    thread = started(upload)
    try:
        until(lambda: upload.status().recovery.retries > 3)
        snapshot = upload.status().recovery
        assert snapshot.last_error == 'the network is down'
        world.remote.fault = None
        until(lambda: uploaded(world, kept) is not None)
        until(lambda: upload.status().recovery.state is RecoveryState.LIVE)
        # Idle now, for a minute if nobody wakes it.
        second = world.photo()
        upload.wake()
        until(lambda: uploaded(world, second) is not None)
    finally:
        upload.stop()
        thread.join()


def test_what_is_given_up_at_the_end_is_still_to_be_done(world):
    upload = MediaUpload(world.store, world.folder, world.remote, quick())
    kept = world.photo()
    world.remote.fault = NotWanted('ended')
    thread = started(upload)
    thread.join()
    assert uploaded(world, kept) is None


@pytest.mark.graph
def test_a_server_that_comes_and_goes_has_everything_in_the_end(world, tmp_path):
    server = S3Server()
    server.start()
    line = Line(server.port)
    chance = random.Random(START_MS)
    options = server.options(tmp_path, line.endpoint)
    upload = MediaUpload(
        world.store, world.folder, open_remote(f's3://{BUCKET}', options, 'camera-1'), quick()
    )
    thread = started(upload)
    try:
        kept = []
        for number in range(8):
            kept.append(world.photo(content=chance.randbytes(200_000)))
            kept.append(world.clip(content=chance.randbytes(300_000)))
            if number % 3 == 0:
                line.cut_after = line.sent + chance.randrange(400_000)
                upload.wake()
                until(lambda: upload.status().recovery.state is not RecoveryState.LIVE)
                world.library.delete(person(ANNA), kept.pop(0).media_id)
                line.cut_after = None
            upload.wake()
        until(lambda: upload.status().pending == upload.status().leaving == 0)
        expected = {}
        for record in kept:
            name = f'camera-1/2026-11-25/{record.filename}'
            expected[name] = world.library.file(record).read_bytes()
        found = server.objects()
        assert {name: found[name] for name in found if not name.endswith('.json')} == expected
        assert {name[:-5] for name in found if name.endswith('.json')} == set(expected)
        # The server is gone for a while, and comes back with nothing: what is new arrives.
        server.kill()
        world.photo(content=b'late')
        upload.wake()
        until(lambda: upload.status().recovery.state is RecoveryState.WAITING_TO_RETRY)
        assert upload.status().pending == 1
        server.start()
        until(lambda: upload.status().pending == 0)
        assert b'late' in server.objects().values()
    finally:
        upload.stop()
        thread.join()
        line.close()
        server.kill()
