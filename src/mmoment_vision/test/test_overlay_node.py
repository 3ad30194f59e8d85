"""The overlay node: draws what belongs to a picture, while someone looks."""

import functools
import time

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from overlay_world import (
    HAND_POINTS,
    LATCHED,
    NAMED,
    ONLY_FACES,
    is_drawn,
    lower_part_is_drawn,
    noise,
    publish_face,
    publish_hand,
    watch,
)
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_world import RosWorld, grey
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mmoment_camera.frame_ring import SharedMemoryFull
from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_camera.image_messages import CvBridgeUnusable
from mmoment_interfaces.msg import (
    EnrollmentStatus,
    FaceArray,
    Frame,
    GestureAction,
    GestureEvent,
    Recording,
    RecordingArray,
    StageStatus,
)
from mmoment_node import stage
from mmoment_node.stall_watch import StallWatch
from mmoment_vision import overlay_node
from mmoment_vision.overlay_node import OverlayNode

pytestmark = pytest.mark.graph


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv('MMOMENT_DATA', str(tmp_path))
    world = RosWorld()
    world.faces = world.tester.create_publisher(FaceArray, 'faces', 2)
    yield world
    world.close()


def test_faces_are_drawn_until_they_are_stale_and_only_while_the_layer_is_on(world):
    seen = watch(world)
    node = world.start(OverlayNode, faces_limit_s=0.2, **ONLY_FACES)
    publish = publish_face(world)
    world.show(grey(), until=lambda: is_drawn(seen), also=publish)
    changed = (seen[-1][0] != grey()).any(axis=2)
    assert changed[77:84, 97:104].any()
    assert not changed[:, 200:].any()
    node.set_parameters([Parameter('show_faces', value=False)])
    world.show(grey(), until=lambda: not is_drawn(seen), also=publish)
    node.set_parameters([Parameter('show_faces', value=True)])
    world.show(grey(), until=lambda: is_drawn(seen), also=publish)
    world.show(grey(), until=lambda: not is_drawn(seen))


def test_placeholder_is_passed_on_as_it_is_and_marked(world):
    seen = watch(world)
    world.start(OverlayNode)
    world.show(grey(), until=lambda: seen, live=False, also=publish_face(world))
    picture, live = seen[-1]
    assert not live
    np.testing.assert_array_equal(picture, grey())


def test_nothing_is_drawn_while_nobody_looks(world):
    status = world.listen(StageStatus, 'stage_status')
    world.start(OverlayNode)
    world.show(grey(), until=lambda: len(status) >= 2)
    assert status[-1].processed == 0
    watch(world)
    world.show(grey(), until=lambda: status[-1].processed > 0)


def test_no_more_pictures_are_drawn_than_asked_for(world):
    seen = watch(world)
    status = world.listen(StageStatus, 'stage_status')
    world.start(OverlayNode, maximum_rate_hz=2.0)
    world.show(grey(), until=lambda: status and status[-1].processed >= 2)
    assert status[-1].dropped > 3 * status[-1].processed
    shown = len(seen)
    world.show(grey(), seconds=1.0)
    assert 1 <= len(seen) - shown <= 3


def test_health_is_bad_when_pictures_cannot_be_read_but_not_when_nobody_looks(world, monkeypatch):
    monkeypatch.setattr(stage, 'StallWatch', functools.partial(StallWatch, 0.5, 0.5))
    node = world.start(OverlayNode)
    levels = []

    def diagnose(notice=None):
        (status,) = node.diagnose()
        levels.append(status.level)

    world.show(grey(), seconds=2.0, also=diagnose)
    assert set(levels) == {DiagnosticStatus.OK}
    del levels[:]
    notices = world.tester.create_publisher(Frame, 'frames', 1)
    for sequence in range(1000, 1030):
        notices.publish(Frame(sequence=sequence, epoch=1, segment='mmoment.that.is.gone'))
        diagnose()
        time.sleep(0.05)
    assert levels[-1] == DiagnosticStatus.ERROR


def test_a_start_that_fails_half_way_leaves_nothing_behind(world, monkeypatch):
    def broken(*_):
        raise RuntimeError('no more publishers')

    node = world.start(OverlayNode, autostart=False)
    node.trigger_configure()
    with monkeypatch.context() as broken_world:
        broken_world.setattr(overlay_node, 'StageReporter', broken)
        assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert [one.topic_name for one in node.subscriptions] == []
    seen = watch(world)
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    world.show(grey(), until=lambda: seen)


def test_images_for_other_tools_are_the_annotated_picture(world):
    images = world.listen(Image, 'overlay/image', depth=1)
    compressed = world.listen(CompressedImage, 'overlay/image/compressed', depth=1)
    world.start(OverlayNode, jpeg_quality=95, **ONLY_FACES)
    publish = publish_face(world)
    world.show(grey(), until=lambda: len(images) > 2 and len(compressed) > 2, also=publish)
    image = images[-1]
    assert (image.height, image.width, image.encoding, image.step) == (240, 320, 'bgr8', 960)
    assert image.header.frame_id == 'camera_optical_frame'
    pixels = np.frombuffer(image.data, np.uint8).reshape(240, 320, 3)
    assert (pixels != grey()).any()
    decoded = cv2.imdecode(np.frombuffer(compressed[-1].data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - pixels).mean() < 3


def test_viewers_have_the_picture_before_it_is_converted_for_other_tools(world, monkeypatch):
    seen, came_first = [], []
    FrameSubscriber(
        world.tester, 'overlay/frames', lambda frame: seen.append(frame.header.stamp.nanosec)
    )
    convert = overlay_node.to_image

    def slow(picture, header):
        deadline = time.monotonic() + 1.0
        while header.stamp.nanosec not in seen and time.monotonic() < deadline:
            time.sleep(0.01)
        came_first.append(header.stamp.nanosec in seen)
        return convert(picture, header)

    monkeypatch.setattr(overlay_node, 'to_image', slow)
    world.listen(Image, 'overlay/image', depth=1)
    world.start(OverlayNode)
    world.show(grey(), until=lambda: seen and len(came_first) > 3)
    assert came_first[-1]


def test_without_cv_bridge_only_whole_images_are_missing(world, monkeypatch):
    tries = []

    def unusable(picture, header):
        tries.append(header)
        raise CvBridgeUnusable('install it')

    monkeypatch.setattr(overlay_node, 'to_image', unusable)
    images = world.listen(Image, 'overlay/image', depth=1)
    compressed = world.listen(CompressedImage, 'overlay/image/compressed', depth=1)
    node = world.start(OverlayNode)
    world.show(grey(), until=lambda: tries and len(compressed) > 3)
    assert (len(tries), images, node.fault) == (1, [], None)


def test_grey_pictures_become_coloured_ones(world):
    seen = watch(world)
    world.start(OverlayNode, **ONLY_FACES)
    world.show(grey()[:, :, 0].copy(), until=lambda: seen)
    np.testing.assert_array_equal(seen[-1][0], grey())


def test_similarity_is_drawn_beside_a_name_while_wanted(world):
    seen = watch(world)
    node = world.start(OverlayNode, **ONLY_FACES)
    publish = publish_face(world, NAMED)
    world.show(grey(), until=lambda: is_drawn(seen), also=publish)
    with_similarity = seen[-1][0]
    node.set_parameters([Parameter('show_similarity', value=False)])
    world.show(
        grey(),
        until=lambda: is_drawn(seen) and (seen[-1][0] != with_similarity).any(),
        also=publish,
    )


@pytest.fixture
def enrolment(world):
    """The latched topic of an enrolment of `FACE`, and the messages of its course."""
    publisher = world.tester.create_publisher(EnrollmentStatus, 'enrollment', LATCHED)
    message = EnrollmentStatus(
        active=True, face_track_id=7, step='look', instruction='Look here', progress=0.5
    )
    return publisher, message


def test_an_enrolment_is_drawn_until_it_ends_also_if_it_began_earlier(world, enrolment):
    publisher, message = enrolment
    publisher.publish(message)
    seen = watch(world)
    node = world.start(OverlayNode, **ONLY_FACES)
    publish = publish_face(world)
    world.show(grey(), until=lambda: lower_part_is_drawn(seen), also=publish)
    node.set_parameters([Parameter('show_enrolment', value=False)])
    world.show(grey(), until=lambda: not lower_part_is_drawn(seen), also=publish)
    node.set_parameters([Parameter('show_enrolment', value=True)])
    world.show(grey(), until=lambda: lower_part_is_drawn(seen), also=publish)
    publisher.publish(EnrollmentStatus(active=False, step='done', instruction='Done'))
    world.show(grey(), until=lambda: is_drawn(seen) and not lower_part_is_drawn(seen), also=publish)


def test_an_enrolment_goes_with_its_publisher(world, enrolment):
    publisher, message = enrolment
    seen = watch(world)
    world.start(OverlayNode, **ONLY_FACES)
    publish = publish_face(world)
    publisher.publish(message)
    world.show(grey(), until=lambda: lower_part_is_drawn(seen), also=publish)
    world.tester.destroy_publisher(publisher)
    world.show(grey(), until=lambda: not lower_part_is_drawn(seen), also=publish)


def test_an_enrolment_goes_when_the_faces_fall_silent(world, enrolment):
    publisher, message = enrolment
    seen = watch(world)
    world.start(OverlayNode, **ONLY_FACES)
    publisher.publish(message)
    world.show(grey(), until=lambda: lower_part_is_drawn(seen), also=publish_face(world))
    world.show(grey(), until=lambda: not lower_part_is_drawn(seen))


def test_whoever_is_in_the_picture_sees_that_it_is_recorded(world):
    recordings = world.tester.create_publisher(RecordingArray, 'recordings', LATCHED)
    recordings.publish(RecordingArray(recordings=[Recording(elapsed_s=65.0)]))
    seen = watch(world)
    node = world.start(OverlayNode)
    world.show(grey(), until=lambda: is_drawn(seen) and node._recording.shown(time.monotonic()))
    assert node._status(Header(), 0, 0, '').startswith('REC 1:0')
    recordings.publish(RecordingArray())
    world.show(grey(), until=lambda: not node._recording.shown(time.monotonic()))
    assert 'REC' not in node._status(Header(), 0, 0, '')


def test_hold_progress_is_drawn_beside_the_gesture(world):
    seen = watch(world)
    world.start(OverlayNode, **ONLY_FACES, show_hands=False)
    fields = {'gesture': 'peace', 'gesture_confidence': 0.9}
    world.show(grey(), until=lambda: is_drawn(seen), also=publish_hand(world, **fields))
    without = seen[-1][0]
    filling = publish_hand(world, **fields, hold_progress=0.6)
    world.show(
        grey(), until=lambda: is_drawn(seen) and (seen[-1][0] != without).any(), also=filling
    )


def test_a_movement_is_shown_for_a_while_and_ends_no_hold(world):
    events = world.tester.create_publisher(GestureEvent, 'gesture_events', 10)
    seen = watch(world)
    world.start(OverlayNode, **ONLY_FACES, show_hands=False)
    publish = publish_hand(world, gesture='fist', gesture_confidence=0.9)
    below = int(HAND_POINTS[:, 1].max()) + 1

    def picture():
        return seen[-1][0] if seen else grey()

    def is_noted():
        return bool((picture()[below:] != 90).any())

    world.show(grey(), until=lambda: is_drawn(seen), also=publish)
    loose = picture()
    events.publish(GestureEvent(phase=GestureEvent.BEGIN, gesture='fist', hand_track_id=3))
    world.show(grey(), until=lambda: (picture() != loose).any(), also=publish)
    held = picture()
    events.publish(GestureEvent(phase=GestureEvent.MOVED, gesture='wave', hand_track_id=3))
    world.show(grey(), until=is_noted, also=publish)
    np.testing.assert_array_equal(picture()[:below], held[:below])
    world.show(grey(), until=lambda: not is_noted(), also=publish)
    np.testing.assert_array_equal(picture(), held)
    events.publish(GestureEvent(phase=GestureEvent.END, gesture='fist', hand_track_id=3))
    world.show(grey(), until=lambda: (picture() == loose).all(), also=publish)


def test_what_becomes_of_an_action_is_shown_at_the_face_if_the_hand_is_gone(world):
    actions = world.tester.create_publisher(GestureAction, 'gesture_actions', 10)
    seen = watch(world)
    world.start(OverlayNode, **ONLY_FACES)
    publish = publish_face(world)

    def is_noted():
        return bool(seen) and bool((seen[-1][0][165:, 100:160] != 90).any())

    world.show(grey(), until=lambda: is_drawn(seen), also=publish)
    assert not is_noted()
    pictures = []
    for outcome in (GestureAction.REQUESTED, GestureAction.NO_RIGHT, GestureAction.COOL_DOWN):
        actions.publish(
            GestureAction(outcome=outcome, action='photo', hand_track_id=3, face_track_id=7)
        )
        world.show(grey(), until=is_noted, also=publish)
        pictures.append(seen[-1][0].tobytes())
        world.show(grey(), until=lambda: not is_noted(), also=publish)
    assert len(set(pictures)) == 3


def test_the_public_channel_is_the_picture_without_drawings(world):
    public, seen = watch(world, 'public/frames'), watch(world)
    world.start(OverlayNode)
    world.show(noise(), until=lambda: len(public) > 3 and len(seen) > 3, also=publish_face(world))
    np.testing.assert_array_equal(public[-1][0], noise())
    assert (seen[-1][0] != noise()).any()
    assert public[-1][1]


def test_each_channel_is_made_only_while_it_is_watched(world, monkeypatch):
    drawings, copies = [], []
    draw, copy = overlay_node.draw_overlay, overlay_node._copy_as_bgr
    monkeypatch.setattr(
        overlay_node, 'draw_overlay', lambda *args, **more: drawings.append(draw(*args, **more))
    )
    monkeypatch.setattr(overlay_node, '_copy_as_bgr', lambda *args: copies.append(copy(*args)))
    status = world.listen(StageStatus, 'stage_status')
    node = world.start(OverlayNode)
    public = watch(world, 'public/frames')
    world.show(grey(), until=lambda: len(public) > 5 and status and status[-1].processed)
    assert drawings == []
    assert node._annotated._ring is None
    seen = watch(world)
    world.show(grey(), until=lambda: len(seen) > 5)
    node.trigger_deactivate()
    assert drawings
    # Both channels of a picture come from one copy of it.
    assert len(copies) == node._public._ring.next_sequence - 1
    assert len(drawings) == node._annotated._ring.next_sequence - 1


def test_without_viewers_of_it_there_is_no_public_ring(world):
    seen = watch(world)
    node = world.start(OverlayNode)
    world.show(grey(), until=lambda: len(seen) > 5)
    assert node._public._ring is None


def test_a_public_ring_that_cannot_be_made_does_not_stop_the_drawing(world, monkeypatch):
    public, seen = watch(world, 'public/frames'), watch(world)
    node = world.start(OverlayNode, autostart=False)
    node.trigger_configure()

    def full(geometry):
        raise SharedMemoryFull('no room')

    monkeypatch.setattr(node._public, 'reserve', full)
    node.trigger_activate()
    world.show(grey(), until=lambda: len(seen) > 5)
    assert public == []
