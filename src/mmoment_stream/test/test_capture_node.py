"""The capture node: photos and clips for whoever may have them, and for nobody else."""

import io
import itertools
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy')

from action_msgs.msg import GoalStatus
from capture_world import FPS, CaptureWorld, Person
from clip_world import wait_until
from coded_video import SECOND_NS, shown
from diagnostic_msgs.msg import DiagnosticStatus
from PIL import ExifTags, Image
from rcl_interfaces.msg import ParameterEvent
from rclpy.parameter import Parameter

from mmoment_camera.pattern import read_number
from mmoment_interfaces.msg import GestureAction, MediaEvent, MediaItem
from mmoment_interfaces.srv import (
    CapturePhoto,
    ChangeMedia,
    EraseMedia,
    GetMedia,
    ListMedia,
    StopRecording,
)

pytestmark = pytest.mark.graph

TAKEN, STARTED, RECORDED = MediaEvent.TAKEN, MediaEvent.STARTED, MediaEvent.RECORDED
FAILED, DELETED = MediaEvent.FAILED, MediaEvent.DELETED
# What read_number may see a picture later than was meant, on a busy machine.
NEAR_NS = SECOND_NS // 4


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    world = CaptureWorld(tmp_path_factory.mktemp('camera'))
    yield world
    world.close()


@pytest.fixture
def person(world):
    people = []

    def arrive(*rights):
        people.append(Person(world, *rights))
        return people[-1]

    yield arrive
    for each in people:
        if each.session in world.sessions._sessions:
            each.leave()
    wait_until(lambda: not world.node._parts.jobs.running)
    wait_until(lambda: world.recordings[-1].recordings == [])


@pytest.fixture
def ann(person):
    return person()


def is_seen(world, person):
    return any(person.wallet in named for _, named in world.node._seen._seen)


def show_face(world, person):
    """Until the node has seen it."""
    world.show_face(person.wallet)
    wait_until(lambda: is_seen(world, person))


def picture_in(item):
    return cv2.imdecode(np.fromfile(item.path, np.uint8), cv2.IMREAD_COLOR)


def running(world):
    return [each.media_id for each in world.recordings[-1].recordings] if world.recordings else []


# --- photos ---------------------------------------------------------------------------------------


def test_a_photo_is_the_clean_picture_nearest_to_the_moment_and_says_when(world, ann):
    wait_until(lambda: len(world.node._taps[False]._memory) > 8)
    moment_ns = time.monotonic_ns() - round(0.3 * SECOND_NS)
    item = ann.photo(monotonic_ns=moment_ns)
    picture = picture_in(item)
    taken_ns, utc_ns = world.stage.taken[read_number(picture)]
    assert abs(taken_ns - moment_ns) < NEAR_NS
    assert picture.shape == (180, 320, 3)
    assert picture[:20].mean() != pytest.approx(85, abs=2)
    assert (item.identity, item.session_id) == (ann.wallet, ann.session)
    assert (item.kind, item.mime_type, item.trigger) == (MediaItem.PHOTO, 'image/jpeg', 'service')
    assert item.started.sec == utc_ns // SECOND_NS
    with Image.open(io.BytesIO(Path(item.path).read_bytes())) as image:
        details = image.getexif().get_ifd(ExifTags.IFD.Exif)
    shot = time.strftime('%Y:%m:%d %H:%M:%S', time.gmtime(utc_ns // SECOND_NS))
    assert details[ExifTags.Base.DateTimeOriginal] == shot
    assert details[ExifTags.Base.ImageUniqueID] == item.media_id
    assert details[ExifTags.Base.BodySerialNumber] == world.node._keeper.camera_id
    assert Path(item.thumbnail_path).is_file()
    event = ann.event(TAKEN)
    assert (event.media.path, event.media.sha256) == (item.path, item.sha256)
    assert ann.listed() == [item.media_id]


def test_a_photo_may_have_what_the_overlay_draws_and_be_webp(world, ann, person):
    # The drawings name others.
    assert ann.refused_photo(annotated=True) == 'missing_right'
    owner = person('admin', 'capture')
    item = owner.photo(annotated=True, format='webp', trigger='api')
    assert (item.annotated, item.mime_type, item.trigger) == (True, 'image/webp', 'api')
    assert picture_in(item)[:10].mean(axis=(0, 1)) == pytest.approx([0, 0, 255], abs=12)
    assert 'annotated' in world.stage.watched


def test_a_photo_names_those_whose_faces_were_seen(world, ann, person):
    ben = person()
    world.show_face(ben.wallet, '')
    wait_until(lambda: world.node._seen._seen)
    assert ann.photo().people == [ben.wallet]


def test_a_placeholder_is_no_photo(world, ann):
    world.stage.is_live = False
    try:
        time.sleep(0.2)
        assert ann.refused_photo() == 'no_picture'
    finally:
        world.stage.is_live = True
    event = ann.event(FAILED)
    assert (event.reason, event.media.kind) == ('no_picture', MediaItem.PHOTO)
    assert event.message


@pytest.mark.parametrize(('ago_s', 'code'), [(30.0, 'too_old'), (-30.0, 'malformed')])
def test_another_moment_than_now_has_no_photo(world, ann, ago_s, code):
    moment_ns = time.monotonic_ns() - round(ago_s * SECOND_NS)
    assert ann.refused_photo(monotonic_ns=moment_ns) == code


def test_what_is_no_format_is_refused(world, ann):
    assert ann.refused_photo(format='gif') == 'malformed'


def test_the_owner_of_the_camera_needs_no_session_and_sees_all(world, ann):
    item = ann.photo()
    own = world.call(CapturePhoto, 'capture_photo')
    assert own.success
    assert (own.media.identity, own.media.session_id) == ('', '')
    everything = world.call(ListMedia, 'list_media')
    # Of the same picture, perhaps, so in either order.
    assert {each.media_id for each in everything.media[:2]} == {own.media.media_id, item.media_id}
    assert ann.listed() == [item.media_id]
    of_ann = world.call(ListMedia, 'list_media', identity=ann.wallet)
    assert [each.media_id for each in of_ann.media] == [item.media_id]


# --- rights ---------------------------------------------------------------------------------------


def test_session_node_decides_who_may(world, person):
    watcher = person('view')
    assert watcher.refused_photo() == 'missing_right'
    assert watcher.record().result().error_code == 'missing_right'
    photographer = person('capture')
    photographer.photo()
    assert photographer.record().result().error_code == 'missing_right'
    asked = world.call(CapturePhoto, 'capture_photo', session_id='nobody')
    assert (asked.success, asked.error_code) == (False, 'no_session')
    # A look at what is there is no sign that somebody is there.
    photographer.listed()
    assert [request.passive for request in world.sessions.asked[-2:]] == [False, True]


def test_while_session_node_is_away_nobody_is_served_but_the_owner(world, ann):
    item = ann.photo()
    world.sessions.go_away()
    try:
        wait_until(lambda: not world.node._sessions._client.service_is_ready())
        for answer in (
            ann.call(CapturePhoto, 'capture_photo'),
            ann.call(GetMedia, 'get_media', media=item.media_id),
            ann.stop(),
        ):
            assert (answer.success, answer.error_code) == (False, 'session_node_away')
        assert ann.record().result().error_code == 'session_node_away'
        ann.gesture('photo')
        assert ann.event(FAILED, trigger='gesture').reason == 'session_node_away'
        assert world.call(CapturePhoto, 'capture_photo').success
    finally:
        world.sessions.come_back()
    wait_until(world.node._sessions._client.service_is_ready)
    ann.photo()


def test_nobody_sees_or_changes_what_is_somebody_elses(world, ann, person):
    ben, item = person(), ann.photo()
    change = ChangeMedia.Request
    for wanted in (item.media_id, item.filename):
        assert ann.call(GetMedia, 'get_media', media=wanted).media.path == item.path
        for refused in (
            ben.call(GetMedia, 'get_media', media=wanted),
            ben.call(ChangeMedia, 'change_media', media=wanted, change=change.DELETE),
            ben.call(ChangeMedia, 'change_media', media=wanted, change=change.KEEP),
        ):
            assert (refused.success, refused.error_code) == (False, 'no_media')
    assert ann.call(ChangeMedia, 'change_media', media=item.media_id, change=change.KEEP).success
    assert ann.call(GetMedia, 'get_media', media=item.media_id).media.favourite
    odd = ann.call(ChangeMedia, 'change_media', media=item.media_id, change=77)
    assert (odd.success, odd.error_code) == (False, 'malformed')
    assert ann.call(ChangeMedia, 'change_media', media=item.media_id, change=change.DELETE).success
    assert ann.event(DELETED, media_id=item.media_id).reason == 'asked'
    assert not Path(item.path).exists()
    assert not Path(item.thumbnail_path).exists()


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


# --- gestures -------------------------------------------------------------------------------------


def test_a_gesture_takes_a_photo_of_its_moment(world, ann):
    wait_until(lambda: len(world.node._taps[False]._memory) > 8)
    moment_ns = time.monotonic_ns() - SECOND_NS // 4
    ann.gesture('photo', ago_s=0.25, gesture='peace')
    item = ann.event(TAKEN).media
    assert (item.trigger, item.gesture, item.session_id) == ('gesture', 'peace', ann.session)
    taken_ns, _ = world.stage.taken[read_number(picture_in(item))]
    assert abs(taken_ns - moment_ns) < NEAR_NS


def test_a_gesture_begins_a_clip_and_the_next_one_ends_it(world, ann, person):
    ben = person()
    ann.gesture('clip')
    begun = ann.event(STARTED).media
    ben.gesture('clip')
    other = ben.event(STARTED).media
    ann.gesture('clip')
    kept = ann.event(RECORDED).media
    assert (kept.media_id, kept.trigger) == (begun.media_id, 'gesture')
    wait_until(lambda: running(world) == [other.media_id])
    # A third one begins the next clip.
    ann.gesture('clip')
    wait_until(lambda: len(running(world)) == 2)
    assert ann.event(STARTED).media.media_id != begun.media_id


def test_a_clip_by_gesture_ends_by_itself(world, ann):
    world.set(gesture_clip_s=1.0)
    try:
        ann.gesture('clip')
        item = ann.event(RECORDED).media
        assert item.duration_s < 6.0
    finally:
        world.set(gesture_clip_s=30.0)


def test_gestures_that_stand_for_nothing_do_nothing(world, ann, person):
    # Whoever keeps the camera may sign in without a wallet: no gesture is theirs.
    nameless = world.sessions.check_in('', 'admin', 'capture')
    before = len(world.events)
    watcher = person('view')
    for fields in (
        {'outcome': GestureAction.NO_OWNER},
        {'outcome': GestureAction.NO_RIGHT},
        {'outcome': GestureAction.COOL_DOWN},
        {'action': 'stream'},
        {'identity': ''},
        {'identity': 'somebody unknown'},
        {'identity': watcher.wallet},
    ):
        asked = {'action': 'photo', 'identity': ann.wallet, **fields}
        world.gesture(asked.pop('action'), asked.pop('identity'), **asked)
    ann.gesture('photo', gesture='the only one')
    ann.event(TAKEN, gesture='the only one')
    wait_until(lambda: not world.node._gestures._pending)
    taken = [event.media.gesture for event in world.events[before:] if event.kind == TAKEN]
    assert taken == ['the only one']
    assert len(ann.listed()) == 1
    newest = world.call(ListMedia, 'list_media', limit=1).media[0]
    assert newest.gesture == 'the only one'
    world.sessions.check_out(nameless)


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


# --- what goes ------------------------------------------------------------------------------------


def test_erasing_somebody_takes_photos_clips_and_what_is_being_recorded(world, ann, person):
    ben = person()
    kept = ben.photo()
    items = [ann.photo(), ann.record(duration_s=0.2).result().media]
    goal, other = ann.record().running(), ben.record().running()
    show_face(world, ann)
    # Until both clips have a picture of that moment.
    time.sleep(3 / FPS)
    answer = world.call(EraseMedia, 'erase_media', identity=ann.wallet)
    assert (answer.success, answer.erased) == (True, 2)
    result = goal.result()
    assert (result.success, result.error_code) == (False, 'not_kept')
    assert not any(Path(item.path).exists() for item in items)
    assert list(world.media.rglob(f'*{goal.media_id}*')) == []
    world.forget_in_store(ann.wallet)
    show_face(world, ann)
    assert not other.is_over
    assert [each.people for each in ben.stop().media] == [[]]
    assert kept.media_id in ben.listed()
    assert ann.listed() == []
    # Nothing is left where clips are made.
    left = {path.name for path in (world.media / 'drafts').iterdir()} - {'.reserve'}
    assert left == set()
    nobody = world.call(EraseMedia, 'erase_media', identity='')
    assert (nobody.success, nobody.error_code) == (False, 'malformed')


def test_who_is_forgotten_is_not_named_in_clips_of_others(world, ann, person):
    ben = person()
    goal = ben.record().running()
    show_face(world, ann)
    # As session_node does: the store first, then whoever else is to know.
    world.forget_in_store(ann.wallet)
    ann.leave('forgotten')
    wait_until(lambda: not is_seen(world, ann))
    # The part that knows faces is told beside this one.
    show_face(world, ann)
    ben.stop()
    assert goal.result().media.people == []
    ann.session = world.sessions.check_in(ann.wallet)
    world.note_session(ann.session, ann.wallet)
    show_face(world, ann)
    assert ann.wallet in ben.record(duration_s=0.2).result().media.people


def test_an_odd_request_is_answered_and_ends_nothing(world, ann, monkeypatch):
    goal = ann.record().running()
    monkeypatch.setattr(world.node._parts.library, 'page', lambda *_, **__: 1 / 0)
    answer = ann.call(ListMedia, 'list_media')
    assert (answer.success, answer.error_code) == (False, 'internal')
    monkeypatch.setattr(world.node._parts.jobs, 'photo', lambda *_: 1 / 0)
    ann.gesture('photo')
    monkeypatch.undo()
    wait_until(lambda: not world.node._gestures._pending)
    ann.photo()
    assert (goal.is_over, world.node.fault) == (False, None)
