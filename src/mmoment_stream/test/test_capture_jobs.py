import math
import threading
import time

import pytest
from capture_parts import GESTURE, JobsWorld, origin, picture, present
from clip_world import wait_until
from coded_video import SECOND_NS, later
from library_world import ANNA, BEN

from mmoment_chain.media_signature import CLIP, PHOTO
from mmoment_stream import capture_jobs
from mmoment_stream.capture_parameters import CaptureParameters
from mmoment_stream.errors import Refused


@pytest.fixture
def world(tmp_path):
    world = JobsWorld(tmp_path)
    yield world
    world.close()


def code_of(work, *arguments, **named):
    with pytest.raises(Refused) as refused:
        work(*arguments, **named)
    return refused.value.code


def seconds_ago(seconds):
    return time.monotonic_ns() - round(seconds * SECOND_NS)


def test_a_photo_is_of_the_moment_that_was_meant(world):
    moment_ns = seconds_ago(0.4)
    world.clean.shown = picture(number=11, monotonic_ns=moment_ns + 10_000_000)
    record = world.jobs.photo(GESTURE, moment_ns)
    assert world.clean.asked == [moment_ns]
    assert record.facts.mime_type == 'image/jpeg'
    assert not record.facts.annotated
    assert world.told.all == [('kept', record.media_id, '')]
    assert world.assert_sound() == [record]


def test_a_photo_of_now_may_be_of_what_the_overlay_draws(world):
    before_ns = time.monotonic_ns()
    world.annotated.shown = picture(monotonic_ns=before_ns)
    record = world.jobs.photo(origin(annotated=True), kind='webp')
    assert before_ns <= world.annotated.asked[0] <= time.monotonic_ns()
    assert (record.facts.mime_type, record.facts.annotated) == ('image/webp', True)
    assert world.clean.asked == []


def test_format_and_quality_are_as_the_parameters_say_now(world):
    world.clean.shown = picture(monotonic_ns=time.monotonic_ns())
    good = world.jobs.photo(GESTURE)
    world.parameters = CaptureParameters(photo_quality=5)
    poor = world.jobs.photo(GESTURE)
    world.parameters = CaptureParameters(photo_format='webp')
    other = world.jobs.photo(GESTURE)
    assert poor.facts.bytes < good.facts.bytes / 2
    assert other.facts.mime_type == 'image/webp'


@pytest.mark.parametrize(
    ('shown_s', 'live', 'meant_s', 'code'),
    [
        (None, True, 0.0, 'no_picture'),
        (0.1, False, 0.1, 'no_picture'),
        (5.0, True, 0.1, 'no_picture'),
        (0.1, True, 5.0, 'too_old'),
        (0.1, True, -3.0, 'malformed'),
    ],
)
def test_a_photo_of_another_moment_is_none(world, shown_s, live, meant_s, code):
    """Both in seconds ago."""
    if shown_s is not None:
        world.clean.shown = picture(monotonic_ns=seconds_ago(shown_s), live=live)
    assert code_of(world.jobs.photo, GESTURE, seconds_ago(meant_s)) == code
    assert world.told.all == [('failed', PHOTO, code)]
    assert world.files() == []


def test_a_photo_of_now_is_the_next_picture_however_long_it_takes(world):
    world.clean.shown = picture(monotonic_ns=seconds_ago(-2.5))
    assert world.jobs.photo(GESTURE).media_id
    assert code_of(world.jobs.photo, GESTURE, seconds_ago(0.0)) == 'too_old'


def test_a_photo_in_another_format_is_none(world):
    world.clean.shown = picture(monotonic_ns=time.monotonic_ns())
    assert code_of(world.jobs.photo, GESTURE, kind='gif') == 'malformed'
    assert world.clean.asked == []


def test_a_clip_is_recorded_until_it_is_stopped(world):
    world.give(present(60))
    job = world.recording()
    assert world.video_needed_by == 1
    (clip,) = world.jobs.running
    (record,) = world.jobs.stop([clip])
    assert job.result(20) == record
    assert world.video_needed_by == 0
    assert world.told.all == [
        ('started', clip.media_id),
        ('over',),
        ('kept', clip.media_id, ''),
    ]
    assert world.assert_sound() == [record]


def test_a_clip_is_over_by_itself_after_its_time(world):
    world.give(present(60))
    job = world.recording(duration_s=0.5, preroll_s=0.5)
    (clip,) = world.jobs.running
    wish = clip.recording.wish
    assert (wish.preroll_s, wish.duration_s, wish.longest_s) == (0.5, 0.5, 300.0)
    record = job.result(20)
    assert record.facts.duration_ms >= 500
    assert world.told.all[-1] == ('kept', record.media_id, '')


def test_what_is_not_said_is_as_the_parameters_say(world):
    world.parameters = CaptureParameters(preroll_s=1.5, clip_at_most_s=42.0)
    world.give(present(60))
    world.recording()
    (clip,) = world.jobs.running
    wish = clip.recording.wish
    assert (wish.preroll_s, wish.duration_s, wish.longest_s) == (1.5, 42.0, 42.0)


@pytest.mark.parametrize(
    'wish',
    [
        {'duration_s': 301.0},
        {'duration_s': -1.0},
        {'duration_s': math.nan},
        {'preroll_s': 301.0},
        {'preroll_s': math.nan},
    ],
)
def test_a_clip_longer_than_clips_may_be_is_refused(world, wish):
    world.give(present(60))
    assert code_of(world.jobs.clip, GESTURE, time.monotonic_ns(), **wish) == 'malformed'
    assert world.told.all == [('failed', CLIP, 'malformed')]
    assert world.video_needed_by == 0


def test_who_waits_is_told_how_far_it_is_and_may_end_it(world):
    world.give(present(60))
    looked = []

    def look(clip):
        looked.append(clip.recording.elapsed_s)
        if len(looked) == 2:
            clip.recording.end('asked')

    record = world.jobs.clip(GESTURE, time.monotonic_ns(), look=look)
    assert len(looked) == 2
    assert world.listed() == [record.media_id]


def test_a_mistake_of_who_waits_loses_nothing(world):
    world.give(present(60))

    def look(clip):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        world.jobs.clip(GESTURE, time.monotonic_ns(), look=look)
    assert world.told.words() == ['started', 'over', 'kept']
    assert world.video_needed_by == 0
    assert len(world.assert_sound()) == 1
    assert (world.jobs.running, world.recorder.recordings) == ((), ())


def test_a_mistake_of_who_tells_loses_nothing(world):
    world.give(present(60))

    def started(clip):
        raise ZeroDivisionError

    world.told.started = started
    with pytest.raises(ZeroDivisionError):
        world.jobs.clip(GESTURE, time.monotonic_ns())
    assert len(world.assert_sound()) == 1
    assert (world.jobs.running, world.recorder.recordings) == ((), ())


def test_another_encoder_ends_a_clip_and_the_reason_is_told(world):
    world.give(present(60))
    job = world.recording()
    world.give(later(present(30, epoch=8), SECOND_NS))
    record = job.result(20)
    assert world.told.all[-1] == ('kept', record.media_id, 'video_changed')


def test_several_are_stopped_together_and_one_that_fails_takes_none_along(world):
    world.give(present(60))
    jobs = [world.recording(wallet) for wallet in (ANNA, BEN, ANNA)]
    first, erased, last = world.jobs.running
    world.folder.discard(erased.draft.name)
    records = world.jobs.stop([first, erased, last])
    assert [each.media_id for each in records] == [first.media_id, last.media_id]
    assert [job.result(20).wallet for job in (jobs[0], jobs[2])] == [ANNA, ANNA]
    assert jobs[1].exception(20).code == 'not_kept'
    assert ('failed', CLIP, 'not_kept') in world.told.all


def test_stopping_tells_why_there_is_nothing(world):
    world.give(present(60))
    world.recording()
    (clip,) = world.jobs.running
    world.folder.discard(clip.draft.name)
    assert code_of(world.jobs.stop, [clip]) == 'not_kept'


def test_who_stops_a_clip_on_a_slow_disk_is_told_so_in_time(world, monkeypatch):
    monkeypatch.setattr(capture_jobs, 'KEEP_PATIENCE_S', 0.05)
    world.give(present(60))
    job = world.recording()
    (clip,) = world.jobs.running
    with world.library._coming:
        with pytest.raises(Refused, match='slow'):
            world.jobs.stop([clip])
        assert not job.done()
    assert job.result(20).media_id == clip.media_id


def test_nobody_needs_video_while_a_clip_is_being_kept(world):
    world.give(present(60))
    job = world.recording()
    (clip,) = world.jobs.running
    with world.library._coming:
        assert world.video_needed_by == 1
        clip.recording.end('asked')
        wait_until(lambda: world.video_needed_by == 0)
        assert not job.done()
    job.result(20)


def test_many_clips_on_a_library_that_refuses_are_each_told_and_kept_later(world):
    world.give(present(60))
    jobs = [world.recording(wallet) for wallet in (ANNA, BEN, ANNA, BEN)]
    keys = world.home / 'keys'
    keys.rename(world.home / 'away')
    for clip in world.jobs.running:
        clip.recording.end('asked')
    assert [job.exception(20).code for job in jobs] == ['not_kept'] * 4
    assert world.told.words().count('failed') == 4
    assert (world.jobs.running, world.recorder.recordings) == ((), ())
    assert world.video_needed_by == 0
    (world.home / 'away').rename(keys)
    world.jobs.keep_left()
    assert world.told.words().count('kept') == 4
    assert len(world.assert_sound()) == 4


def test_the_end_of_the_camera_ends_clips_and_what_is_about_to_begin(world):
    world.give(present(60))
    job = world.recording()
    world.recorder.forget_packets()
    begun = threading.Event()
    waiting = world._pool.submit(
        lambda: begun.set() or world.jobs.clip(origin(BEN), time.monotonic_ns())
    )
    assert begun.wait(20)
    wait_until(lambda: world.recorder._beginning)
    world.recorder.close()
    assert waiting.exception(20).code == 'not_ready'
    record = job.result(20)
    assert world.listed() == [record.media_id]


def test_clips_are_of_the_channel_that_is_chosen_when_they_begin(world):
    world.give(present(60))
    for packet in present(30):
        world.drawn_recorder.take(packet)
    clean = world.recording()
    world.parameters = CaptureParameters(clip_channel='annotated')
    drawn = world.recording()
    assert (world.video_needed_by, world.drawn_video_needed_by) == (1, 1)
    assert (world.recorder.count, world.drawn_recorder.count) == (1, 1)
    world.jobs.stop(world.jobs.running)
    assert [job.result(20).facts.annotated for job in (clean, drawn)] == [False, True]
    assert drawn.result().facts.duration_ms < clean.result().facts.duration_ms
    assert (world.video_needed_by, world.drawn_video_needed_by) == (0, 0)
    assert (world.recorder.count, world.drawn_recorder.count) == (0, 0)


def test_those_who_leave_end_their_clips_through_the_jobs(world):
    world.give(present(60))
    job = world.recording(ANNA)
    assert not world.jobs.end_clips_of(BEN)
    assert world.jobs.end_clips_of(ANNA)
    assert job.result(20).wallet == ANNA
