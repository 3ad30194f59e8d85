"""The capture node: clips, by those who may record, for as long as they are there."""

import itertools
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from action_msgs.msg import GoalStatus
from capture_stage import FPS
from capture_world import CaptureWorld, guests, running
from clip_world import wait_until
from coded_video import SECOND_NS, shown
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import ParameterEvent
from rclpy.parameter import Parameter

from mmoment_interfaces.msg import MediaEvent, MediaItem
from mmoment_interfaces.srv import StopRecording

pytestmark = pytest.mark.graph

STARTED, RECORDED, FAILED = MediaEvent.STARTED, MediaEvent.RECORDED, MediaEvent.FAILED


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    world = CaptureWorld(tmp_path_factory.mktemp('camera'))
    yield world
    world.close()


@pytest.fixture
def person(world):
    with guests(world) as arrive:
        yield arrive


@pytest.fixture
def ann(person):
    return person()


# --- clips ----------------------------------------------------------------------------------------


def test_a_clip_begins_before_it_was_asked_for_and_tells_how_far_it_is(world, ann):
    wait_until(lambda: len(world.node._video[False].recorder._ring.since(0)) > 1.5 * FPS)
    asked_ns = time.time_ns()
    goal = ann.record(duration_s=0.6, preroll_s=0.8)
    status, result = goal.ended()
    assert (status, result.success) == (GoalStatus.STATUS_SUCCEEDED, True), result.message
    item = result.media
    assert (item.identity, item.kind, item.mime_type) == (ann.wallet, MediaItem.CLIP, 'video/mp4')
    numbers = shown(item.path)
    steps = {(later - earlier) % 100 for earlier, later in itertools.pairwise(numbers)}
    assert steps == {1}
    begun_ns = item.started.sec * SECOND_NS + item.started.nanosec
    # At a keyframe: as long before as a group of pictures is.
    assert 0.5 < (asked_ns - begun_ns) / SECOND_NS < 2.0
    assert 1.1 < item.duration_s < 4.0
    assert (goal.feedback[-1].media_id, goal.feedback[-1].packets > 0) == (item.media_id, True)
    assert goal.feedback[-1].elapsed_s > goal.feedback[0].elapsed_s
    begun = ann.event(STARTED)
    assert (begun.media.media_id, begun.media.kind) == (item.media_id, MediaItem.CLIP)
    kept = ann.event(RECORDED)
    assert (kept.media.path, kept.reason) == (item.path, '')
    assert Path(item.thumbnail_path).read_bytes()[:2] == b'\xff\xd8'
    told = [each for message in world.recordings for each in message.recordings]
    (first, *_) = [each for each in told if each.media_id == item.media_id]
    assert (first.identity, first.session_id) == (ann.wallet, ann.session)
    assert first.limit_s == pytest.approx(0.6 + (asked_ns - begun_ns) / SECOND_NS, abs=0.5)
    wait_until(lambda: running(world) == [])


def test_a_goal_that_is_cancelled_keeps_its_clip(world, ann):
    goal = ann.record().running()
    goal.cancel()
    status, result = goal.ended()
    assert (status, result.success) == (GoalStatus.STATUS_CANCELED, True)
    assert ann.listed() == [result.media.media_id]


def test_a_clip_is_stopped_by_its_owner_or_the_owner_of_the_camera_only(world, ann, person):
    ben = person()
    first, second = ann.record().running(), ben.record().running()
    wait_until(lambda: sorted(running(world)) == sorted([first.media_id, second.media_id]))
    refused = ann.stop(media_id=second.media_id)
    assert (refused.success, refused.error_code) == (False, 'no_recording')
    stopped = ann.stop()
    assert [each.media_id for each in stopped.media] == [first.media_id]
    assert first.result().media.identity == ann.wallet
    assert not second.is_over
    again = ann.stop()
    assert (again.success, again.error_code) == (False, 'no_recording')
    left = world.call(StopRecording, 'stop_recording')
    assert [each.media_id for each in left.media] == [second.media_id]
    assert second.result().media.identity == ben.wallet
    assert second.media_id not in ann.listed()


def test_no_more_clips_at_once_than_the_parameter_says_at_this_moment(world, ann):
    world.set(recordings_at_most=1)
    try:
        first = ann.record().running()
        assert ann.record().result().error_code == 'busy'
        assert ann.event(FAILED).reason == 'busy'
        # More goals than that need threads, and those that stop them another one.
        world.set(recordings_at_most=20)
        others = [ann.record() for _ in range(15)]
        for other in others:
            other.running()
        assert len(ann.stop().media) == 16
        assert all(goal.result().success for goal in (first, *others))
    finally:
        world.set(recordings_at_most=4)


def test_a_camera_without_video_records_nothing(world, ann, monkeypatch):
    monkeypatch.setattr('mmoment_stream.media_maker.VIDEO_PATIENCE_S', 0.2)
    world.stage.has_video = False
    try:
        # For what is on its way.
        time.sleep(4 / FPS)
        world.node._video[False].recorder.forget_packets()
        assert ann.record().result().error_code == 'no_video'
        assert list((world.media / 'drafts').glob('*.mp4*')) == []
    finally:
        world.stage.has_video = True


def test_another_encoder_ends_a_clip_and_the_event_says_so(world, ann):
    goal = ann.record().running()
    world.stage.restart_encoder()
    assert goal.result().success
    assert ann.event(RECORDED, media_id=goal.media_id).reason == 'video_changed'


@pytest.mark.parametrize('wish', [{'duration_s': 1e6}, {'preroll_s': float('nan')}])
def test_a_clip_that_nobody_may_have_is_refused(world, ann, wish):
    assert ann.record(**wish).result().error_code == 'malformed'


def test_clips_have_drawings_if_they_are_to_from_the_next_one_on(world, ann, person):
    ben = person()
    goal = ann.record().running()
    assert 'overlay/video' not in world.stage.watched
    world.set(clip_channel='annotated', recordings_at_most=2)
    try:
        drawn = ben.record().running()
        # Neither ends the other, and they count together.
        assert ann.record().result().error_code == 'busy'
        assert {'video', 'overlay/video'} <= world.stage.watched
        for each, is_annotated in ((goal, False), (drawn, True)):
            each.cancel()
            media = each.result().media
            assert media.annotated == is_annotated
            assert media.duration_s > 0
        wait_until(lambda: 'video' not in world.stage.watched)
    finally:
        world.set(clip_channel='public', recordings_at_most=4)
    assert not ann.record(duration_s=0.2).result().media.annotated
    wait_until(lambda: 'overlay/video' not in world.stage.watched)


@pytest.mark.parametrize('trigger', ['gesture', 'x'])
def test_nobody_says_that_something_else_asked(world, ann, trigger):
    assert ann.refused_photo(trigger=trigger) == 'malformed'
    assert ann.record(trigger=trigger).result().error_code == 'malformed'
    assert ann.listed() == []


# --- people come and go ---------------------------------------------------------------------------


def test_who_checks_out_records_no_longer_and_keeps_what_there_is(world, ann, person):
    ben = person()
    goal, other = ann.record().running(), ben.record().running()
    ann.leave()
    assert goal.result().media.identity == ann.wallet
    assert not other.is_over


def test_a_clip_goes_on_when_its_person_has_another_session(world, ann):
    goal = ann.record().running()
    other = world.sessions.check_in(ann.wallet)
    ann.leave()
    ann.session = world.sessions.replace(other, ann.wallet)
    # What comes after it was heard.
    ann.photo()
    count = len(goal.feedback)
    wait_until(lambda: len(goal.feedback) > count + 1)
    assert not goal.is_over
    ann.leave()
    assert goal.result().media.identity == ann.wallet


def test_a_clip_ends_when_somebody_else_takes_the_browser(world, ann, person):
    ben = person()
    goal = ann.record().running()
    ben_too = world.sessions.replace(ann.session, ben.wallet)
    assert goal.result().media.identity == ann.wallet
    world.sessions.check_out(ben_too)


def test_a_clip_ends_when_a_list_is_without_its_person(world, ann):
    goal = ann.record().running()
    world.sessions.lose(ann.session)
    assert goal.result().media.identity == ann.wallet


def test_a_clip_ends_when_its_person_may_not_record_any_more(world, ann):
    goal = ann.record().running()
    world.sessions.give(ann.session, 'view', 'capture')
    assert goal.result().media.identity == ann.wallet


def test_once_strangers_are_to_be_blurred_none_is_left_in_memory(world, ann):
    def change(node, name, is_wanted):
        value = Parameter(name, value=is_wanted).to_parameter_msg()
        event = ParameterEvent(node=f'/{world.namespace}/{node}', changed_parameters=[value])
        world.parameter_events.publish(event)

    ring, memory = world.node._video[False].recorder._ring, world.node._taps[False]._memory
    wait_until(lambda: ring.bytes and len(memory) > 3)
    wait_until(lambda: world.parameter_events.get_subscription_count())
    world.stage.is_paused = True
    try:
        # For what is on its way.
        time.sleep(4 / FPS)
        change('another_node', 'blur_strangers', True)
        change('overlay_node', 'blur_strangers', False)
        change('overlay_node', 'show_names', True)
        time.sleep(0.2)
        assert ring.bytes
        assert len(memory) > 0
        change('overlay_node', 'blur_strangers', True)
        wait_until(lambda: (ring.bytes, len(memory)) == (0, 0))
    finally:
        world.stage.is_paused = False


def test_pictures_and_video_are_taken_only_while_somebody_may_want_them(world, person, monkeypatch):
    monkeypatch.setattr('mmoment_stream.picture_topic.LINGER_S', 0.0)
    for tap in world.node._taps.values():
        tap._wanted_until_s = 0.0
    wait_until(lambda: world.stage.watched == set())
    assert world.diagnosed()['recordings'] == (DiagnosticStatus.OK, '0 running')
    recorder = person('record')
    wait_until(lambda: world.stage.watched == {'video'})
    photographer = person('capture')
    wait_until(lambda: world.stage.watched == {'video', 'public'})
    wait_until(lambda: world.node._video[False].recorder._ring.bytes)
    recorder.leave()
    wait_until(lambda: world.stage.watched == {'public'})
    # Of whoever was to be seen nothing stays in memory.
    assert world.node._video[False].recorder._ring.bytes == 0
    photographer.leave()
    wait_until(lambda: world.stage.watched == set())
    wait_until(lambda: len(world.node._taps[False]._memory) == 0)
    world.set(preroll='always')
    wait_until(lambda: world.stage.watched == {'video'})
    world.set(preroll='never')
    wait_until(lambda: world.stage.watched == set())
    # Without the seconds before, video comes for the clip alone.
    goal = person('record').record().running()
    assert world.stage.watched == {'video'}
    goal.cancel()
    assert goal.result().success
    wait_until(lambda: world.stage.watched == set())
    world.set(preroll='while_checked_in')
