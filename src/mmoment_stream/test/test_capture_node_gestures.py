"""The capture node: what gestures take and record."""

import time

import pytest

pytest.importorskip('rclpy')

from capture_world import NEAR_NS, CaptureWorld, guests, picture_in, running
from clip_world import wait_until
from coded_video import SECOND_NS

from mmoment_camera.pattern import read_number
from mmoment_interfaces.msg import GestureAction, MediaEvent
from mmoment_interfaces.srv import ListMedia

pytestmark = pytest.mark.graph

TAKEN, STARTED, RECORDED = MediaEvent.TAKEN, MediaEvent.STARTED, MediaEvent.RECORDED


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
