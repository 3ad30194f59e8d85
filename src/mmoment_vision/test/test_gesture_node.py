"""The gesture node on pictures of real hands."""

import cv2
import pytest
from ros_world import RosWorld, grey

from mmoment_interfaces.msg import Face, FaceArray, GestureEvent, Hand, HandArray, StageStatus
from mmoment_vision.gesture_node import GestureNode

pytestmark = pytest.mark.graph


@pytest.fixture
def world():
    world = RosWorld()
    yield world
    world.close()


@pytest.fixture
def palm(media):
    picture = cv2.imread(str(media / 'hands' / '5-fingers-02.jpg'))
    return cv2.resize(picture, (640, 480))


def test_a_held_gesture_becomes_one_event_of_the_person_it_belongs_to(world, palm):
    events = world.listen(GestureEvent, 'gesture_events')
    hands = world.listen(HandArray, 'hands')
    status = world.listen(StageStatus, 'stage_status')
    faces = world.tester.create_publisher(FaceArray, 'faces', 2)
    world.start(GestureNode, maximum_rate_hz=15.0, hold_s=0.3)
    face = Face(track_id=42, x=430.0, y=130.0, width=110.0, height=150.0, identity='Anna')

    def publish_faces(notice):
        faces.publish(
            FaceArray(header=notice.header, monotonic_ns=notice.monotonic_ns, faces=[face])
        )

    world.show(palm, until=lambda: events, also=publish_faces)
    world.show(palm, seconds=0.5, also=publish_faces)
    world.show(grey(480, 640), until=lambda: len(events) > 1)
    begin, end = events
    assert (begin.phase, end.phase) == (GestureEvent.BEGIN, GestureEvent.END)
    assert begin.gesture == end.gesture == 'open_palm'
    assert begin.hand_track_id == end.hand_track_id > 0
    assert (begin.face_track_id, begin.identity) == (42, 'Anna')
    assert end.held_s > begin.held_s >= 0.3
    assert begin.confidence > 0.75
    seen = next(one for one in hands if one.hands)
    (hand,) = seen.hands
    assert (seen.width, seen.height, seen.header.stamp.sec) == (640, 480, 1000)
    assert hand.gesture == 'open_palm'
    assert hand.handedness in (Hand.LEFT, Hand.RIGHT)
    assert all(hand.x <= p.x <= hand.x + hand.width + 0.01 for p in hand.landmarks)
    assert hands[-1].hands == []
    world.show(grey(480, 640), until=lambda: status)
    assert status[-1].stage == 'gesture_node'
    assert status[-1].processed > 0


def test_a_node_that_is_told_to_stop_ends_what_is_held_without_a_picture(world, palm):
    events = world.listen(GestureEvent, 'gesture_events')
    node = world.start(GestureNode, hold_s=0.3)
    world.show(palm, until=lambda: events)
    node.trigger_deactivate()
    world.show(palm, until=lambda: len(events) > 1)
    begin, end = events
    assert (end.phase, end.hand_track_id) == (GestureEvent.END, begin.hand_track_id)
    assert (end.sequence, end.header.frame_id) == (0, '')
    assert end.monotonic_ns > begin.monotonic_ns


def test_rate_is_limited_and_what_is_passed_over_is_counted(world):
    hands = world.listen(HandArray, 'hands')
    status = world.listen(StageStatus, 'stage_status')
    world.start(GestureNode, maximum_rate_hz=1.0)
    world.show(grey(), until=lambda: hands)
    del hands[:]
    world.show(grey(), seconds=3.0)
    assert 1 <= len(hands) <= 5
    world.show(grey(), until=lambda: status and status[-1].dropped >= 10)


def test_placeholder_pictures_have_no_hands(world, palm):
    hands = world.listen(HandArray, 'hands')
    world.start(GestureNode)
    world.show(palm, until=lambda: len(hands) >= 3, live=False)
    assert not any(one.hands for one in hands)
    world.show(palm, until=lambda: hands[-1].hands)


def test_contradictory_limits_are_refused_with_the_reason(world):
    from rclpy.parameter import Parameter

    node = world.start(GestureNode)
    (answer,) = node.set_parameters([Parameter('keep_confidence', value=0.9)])
    assert not answer.successful
    assert 'begin_confidence' in answer.reason
    (answer,) = node.set_parameters([Parameter('hold_s', value=1.5)])
    assert answer.successful
    assert node.parameters.hold_s == 1.5
