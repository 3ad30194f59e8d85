import contextlib
import io
import threading
from concurrent import futures
from dataclasses import replace

import pytest
from capture_parts import GESTURE, MakerWorld, origin, picture, present
from clip_world import wait_until
from coded_video import SECOND_NS, START_NS, coded, moments, shown
from library_world import ANNA, BEN, person
from PIL import ExifTags, Image

from mmoment_chain import event_log
from mmoment_chain.errors import StoreFull
from mmoment_stream import media_maker, recorder
from mmoment_stream.appended_file import AppendedFile
from mmoment_stream.clip_writer import ClipWriter
from mmoment_stream.errors import Refused
from mmoment_stream.media_maker import NS_PER_MS
from mmoment_stream.media_recovery import Recovered, recover
from mmoment_stream.recorder import ASKED

UTC_NS = 1_700_000_000 * SECOND_NS


@pytest.fixture
def world(tmp_path):
    world = MakerWorld(tmp_path)
    yield world
    world.close()


def kept(world, clip):
    clip.recording.end(ASKED)
    return world.maker.keep_clip(clip)


def refusal_of(work, *arguments):
    with pytest.raises(Refused) as refused:
        work(*arguments)
    return refused.value


@pytest.mark.parametrize(('kind', 'mime_type'), [('jpeg', 'image/jpeg'), ('webp', 'image/webp')])
def test_a_photo_says_when_by_which_camera_and_which_one(world, kind, mime_type):
    record = world.maker.photo(GESTURE, picture(), kind, 90)
    assert world.assert_sound() == [record]
    facts = record.facts
    assert (facts.mime_type, facts.width, facts.height) == (mime_type, 320, 180)
    assert (facts.started_ms, facts.trigger, facts.gesture) == (
        UTC_NS // NS_PER_MS,
        'gesture',
        'thumb_up',
    )
    with Image.open(io.BytesIO(world.library.file(record).read_bytes())) as image:
        assert image.format == kind.upper()
        details = image.getexif().get_ifd(ExifTags.IFD.Exif)
    assert details[ExifTags.Base.BodySerialNumber] == world.camera_id
    assert details[ExifTags.Base.ImageUniqueID] == record.media_id
    assert details[ExifTags.Base.DateTimeOriginal] == '2023:11:14 22:13:20'


def test_a_photo_names_those_who_were_there_around_that_moment(world):
    world.check_in(ANNA, BEN)
    world.seen.note(START_NS - SECOND_NS // 4, [BEN])
    world.seen.note(START_NS + SECOND_NS // 4, [ANNA])
    world.seen.note(START_NS + 2 * SECOND_NS, ['somebody else'])
    assert world.maker.photo(GESTURE, picture(), 'jpeg', 90).people == (BEN, ANNA)


def test_a_clip_begins_before_it_was_asked_for_and_is_kept_as_what_it_is(world):
    world.check_in(BEN, 'before')
    packets = coded(180)
    world.give(packets[:120])
    world.seen.note(packets[90].monotonic_ns, ['before'])
    clip = world.clip_of(packets[:120])
    world.seen.note(packets[125].monotonic_ns, [BEN])
    world.give(packets[120:150])
    assert world.maker.running == (clip,)
    record = kept(world, clip)
    assert world.maker.running == ()
    assert clip.outcome.result(0) == record
    assert world.assert_sound() == [record]
    facts = record.facts
    assert (facts.media_id, facts.width, facts.height) == (clip.media_id, 320, 180)
    assert facts.started_ms == packets[90].utc_ns // NS_PER_MS
    assert facts.duration_ms == 2000
    assert record.people == (BEN, 'before')
    assert record.has_thumbnail
    path = world.library.file(record)
    assert shown(path) == list(range(90, 150))
    assert moments(path)[-1][0] == pytest.approx(59 / 30, abs=1e-4)
    with Image.open(world.library.thumbnail(record)) as thumbnail:
        assert thumbnail.size == (320, 180)


def test_clips_of_several_people_are_each_their_own(world):
    packets = coded(180)
    world.give(packets[:60])
    first = world.clip_of(packets[:60], ANNA)
    world.give(packets[60:90])
    second = world.clip_of(packets[:90], BEN)
    world.give(packets[90:120])
    records = [kept(world, clip) for clip in (first, second)]
    assert [shown(world.library.file(each)) for each in records] == [
        list(range(30, 120)),
        list(range(60, 120)),
    ]
    assert world.listed(person(ANNA)) == [first.media_id]
    assert world.listed(person(BEN)) == [second.media_id]


def test_what_cannot_begin_leaves_nothing(world, monkeypatch):
    monkeypatch.setattr(media_maker, 'VIDEO_PATIENCE_S', 0.01)
    assert refusal_of(world.clip_of, coded(30)).code == 'no_video'
    world.give(coded(30))
    for _ in range(4):
        world.clip_of(coded(30))
    assert refusal_of(world.clip_of, coded(30)).code == 'busy'
    for clip in world.maker.running:
        kept(world, clip)
    assert len(world.assert_sound()) == 4


def test_whoever_waits_for_a_clip_is_told_when_it_does_not_run_any_more(world):
    world.give(coded(60))
    clip = world.clip_of(coded(60))
    seen = []
    clip.outcome.add_done_callback(
        lambda _: seen.append((world.maker.running, world.recorder.recordings))
    )
    kept(world, clip)
    assert seen == [((), ())]


def test_those_who_leave_end_their_own_clips(world):
    world.give(coded(60))
    own, other = world.clip_of(coded(60), ANNA), world.clip_of(coded(60), BEN)
    assert world.maker.end_clips_of(ANNA)
    assert (own.recording.is_over, other.recording.is_over) == (True, False)
    # It is over, though not kept yet.
    assert not world.maker.end_clips_of(ANNA)
    assert not world.maker.end_clips_of('nobody')
    assert kept(world, own).wallet == ANNA
    kept(world, other)


def test_who_leaves_while_a_clip_begins_has_recorded_nothing_after_that(world):
    with futures.ThreadPoolExecutor(1) as pool:
        beginning = pool.submit(world.clip_of, present(30), ANNA)
        wait_until(lambda: world.recorder.is_needed)
        assert world.maker.end_clips_of(ANNA)
        world.give(present(30))
        clip = beginning.result(20)
    assert clip.recording.is_over
    assert kept(world, clip).wallet == ANNA


def test_a_clip_that_waits_for_video_is_given_up_at_once_when_the_camera_ends(world):
    with futures.ThreadPoolExecutor(1) as pool:
        beginning = pool.submit(world.clip_of, present(30))
        wait_until(lambda: world.recorder.is_needed)
        world.recorder.close()
        assert beginning.exception(20).code == 'not_ready'
    assert world.files() == []
    world.give(coded(30))
    assert refusal_of(world.clip_of, coded(30)).code == 'not_ready'


def test_nothing_is_kept_of_somebody_who_was_erased_meanwhile(world):
    world.give(coded(60))
    clip = world.clip_of(coded(60), ANNA)
    wait_until(lambda: clip.recording.packets)
    world.library.erase(ANNA)
    refusal = refusal_of(kept, world, clip)
    assert (refusal.code, refusal.text) == ('not_kept', media_maker.FORGOTTEN)
    assert clip.outcome.exception(0) is refusal
    assert world.maker.keep_left() == []
    assert world.files() == []
    assert world.recorder.recordings == ()


def test_who_is_erased_while_a_clip_begins_leaves_no_file(world):
    with futures.ThreadPoolExecutor(1) as pool:
        beginning = pool.submit(world.clip_of, present(30), ANNA)
        wait_until(lambda: world.recorder.is_needed)
        world.library.erase(ANNA)
        world.give(present(30))
        clip = beginning.result(20)
    assert refusal_of(kept, world, clip).text == media_maker.FORGOTTEN
    assert world.files() == []


@contextlib.contextmanager
def full_store(world):
    """The file of the store may not grow."""
    connection = world.store._main
    (pages,) = connection.execute('PRAGMA page_count').fetchone()
    (usual,) = connection.execute('PRAGMA max_page_count').fetchone()
    connection.execute(f'PRAGMA max_page_count = {pages}')
    with contextlib.suppress(StoreFull):
        while True:
            with world.store.transaction() as tx:
                event_log.append(tx, 'filler')
    try:
        yield
    finally:
        connection.execute(f'PRAGMA max_page_count = {usual}')


def test_clips_that_a_full_store_has_no_room_for_are_kept_once_there_is_some(world):
    packets = coded(120)
    world.give(packets[:60])
    clips = [world.clip_of(packets[:60], wallet) for wallet in (ANNA, BEN, ANNA)]
    world.give(packets[60:])
    with full_store(world):
        for clip in clips:
            assert refusal_of(kept, world, clip).code == 'disk_full'
        # No slot of the recorder is lost by it.
        assert (world.maker.running, world.recorder.recordings) == ((), ())
        assert world.maker.keep_left() == []
        assert world.listed() == []
    world.library.erase(ANNA)
    (record,) = world.maker.keep_left()
    assert (record.media_id, record.wallet) == (clips[1].media_id, BEN)
    assert shown(world.library.file(record)) == list(range(30, 120))
    assert world.assert_sound() == [record]
    assert world.maker.keep_left() == []


def test_a_clip_that_was_never_kept_is_kept_by_the_next_start(world):
    world.give(coded(60))
    clip = world.clip_of(coded(60))
    with full_store(world):
        refusal_of(kept, world, clip)
    assert recover(world.library, world.maker.salvage) == Recovered(salvaged=1)
    (record,) = world.assert_sound()
    assert record.media_id == clip.media_id


def test_a_clip_of_which_nothing_reached_the_disk_is_refused_and_gone(world):
    packets = present(60)
    world.give(packets)
    real = world.library.begin_clip

    def elsewhere(*arguments):
        draft = real(*arguments)
        # There is no such folder.
        return replace(draft, recording=draft.recording.parent / 'none' / 'clip')

    world.library.begin_clip = elsewhere
    clip = world.clip_of(packets)
    wait_until(lambda: clip.recording.wait(0.01))
    assert clip.recording.reason == 'not_kept'
    assert refusal_of(kept, world, clip).code == 'not_kept'
    assert world.files() == []


def test_a_file_without_a_picture_is_refused_and_gone(world):
    world.give(coded(60))
    clip = world.clip_of(coded(60))
    clip.recording.end(ASKED)
    clip.recording.finish()
    clip.draft.recording.write_bytes(b'noise' * 100)
    assert refusal_of(world.maker.keep_clip, clip).code == 'not_kept'
    assert world.files() == []


def test_a_disk_that_fills_up_ends_the_clip_and_keeps_what_is_there(small_disk, tmp_path):
    folder = tmp_path / 'home'
    folder.mkdir()
    # The store has room, the media have little.
    (folder / 'media').symlink_to(small_disk)
    with contextlib.closing(MakerWorld(folder)) as world:
        packets = present(700, gop=2)
        world.give(packets[:60])
        clip = world.clip_of(packets[:60])
        world.give(packets[60:])
        wait_until(lambda: clip.recording.wait(0.01))
        assert clip.recording.reason == 'disk_full'
        record = world.maker.keep_clip(clip)
        numbers = shown(world.library.file(record))
        assert numbers == list(range(30, 30 + len(numbers)))
        assert 50 < len(numbers) < 670
        world.assert_sound()


def test_what_a_killed_process_has_left_is_a_clip_of_its_owner(world):
    packets = coded(90)
    draft = world.library.begin_clip(origin(BEN), world.clock.now_ms)
    writer = ClipWriter(draft.recording, packets[0])
    for packet in packets:
        writer.add(packet)
    writer.finish()
    with draft.recording.open('ab') as file:
        file.write(b'half a fragment')
    # Of these two there is nothing.
    world.library.begin_clip(origin(BEN), world.clock.now_ms)
    world.library.begin_clip(origin(BEN), world.clock.now_ms).recording.write_bytes(b'')
    assert recover(world.library, world.maker.salvage) == Recovered(salvaged=1, dropped=2)
    (record,) = world.assert_sound()
    assert (record.wallet, record.facts.gesture) == (BEN, 'thumb_up')
    assert shown(world.library.file(record)) == list(range(90))
    assert record.facts.started_ms == packets[0].utc_ns // NS_PER_MS


def test_a_clip_that_a_hanging_disk_has_not_taken_is_kept_later(world, monkeypatch):
    may_go_on = threading.Event()

    class Hanging(AppendedFile):
        def append(self, piece):
            assert may_go_on.wait(20)
            super().append(piece)

    monkeypatch.setattr(
        recorder, 'ClipWriter', lambda path, first: ClipWriter(path, first, open_file=Hanging)
    )
    monkeypatch.setattr(ClipWriter.finish, '__defaults__', (0.05,))
    packets = coded(120)
    world.give(packets)
    clip = world.clip_of(packets)
    refusal = refusal_of(kept, world, clip)
    assert (refusal.code, refusal.text) == ('not_kept', media_maker.LATER)
    assert world.maker.running == ()
    assert world.maker.keep_left() == []
    may_go_on.set()
    late = []
    wait_until(lambda: late.extend(world.maker.keep_left()) or late)
    (record,) = late
    assert record.media_id == clip.media_id
    assert shown(world.library.file(record)) == list(range(90, 120))
    assert world.assert_sound() == [record]
