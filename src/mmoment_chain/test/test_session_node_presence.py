import pytest
from session_world import LATCHED, Wallet, wait_until

from mmoment_interfaces.msg import CameraStatus, GestureAction, SessionEvent
from mmoment_interfaces.srv import ListSessions

pytestmark = pytest.mark.graph


def test_who_is_seen_or_gestures_stays_and_who_is_not_is_checked_out(world):
    seen, gesturing, away = Wallet(), Wallet(), Wallet()
    events = world.events()
    actions = world.tester.create_publisher(GestureAction, 'gesture_actions', 10)
    faces = world.start_faces()
    world.start(absent_minutes=0.05)
    for wallet in (seen, gesturing, away):
        assert world.check_in(wallet).success

    def departed():
        faces.sees(seen.address)
        actions.publish(GestureAction(outcome=GestureAction.REQUESTED, identity=gesturing.address))
        # Asked for by somebody who may not: no sign that they are who they seem.
        actions.publish(GestureAction(outcome=GestureAction.NO_RIGHT, identity=away.address))
        return [one for one in events if one.kind == SessionEvent.CHECKED_OUT]

    wait_until(departed, 'a check-out')
    assert [(one.identity, one.reason) for one in departed()] == [(away.address, 'absent')]
    staying = world.call(ListSessions, 'list_sessions').sessions
    assert {one.identity for one in staying} == {seen.address, gesturing.address}
    assert [one.face_known for one in staying if one.identity == seen.address] == [True]


def test_a_camera_that_delivers_nothing_makes_nobody_absent(world, anna):
    faces = world.start_faces()
    camera = world.tester.create_publisher(CameraStatus, 'camera_status', LATCHED)
    camera.publish(CameraStatus(frame_age_s=60.0))
    node = world.start(absent_minutes=0.05)
    wait_until(lambda: not node._is_picture_live, 'the status')
    world.check_in(anna)
    clock, presence = node._parts.clock, node._book.presence
    ends_s = clock.elapsed_s() + 5.0

    def has_waited():
        faces.sees()
        return clock.elapsed_s() > ends_s

    wait_until(has_waited)
    assert len(presence) == 1

    def is_gone():
        faces.sees()
        return len(presence) == 0

    camera.publish(CameraStatus(frame_age_s=0.1))
    wait_until(is_gone, 'the check-out')
