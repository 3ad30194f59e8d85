"""What the bridge hears of a node becomes state and events."""

import asyncio
import contextlib
import json
import os
import time

import pytest
from bridge_world import BridgeWorld
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from two_nodes import LATCHED, WAIT_S, until

from mmoment_interfaces.msg import (
    CameraStatus,
    ComponentState,
    EnrollmentStatus,
    Face,
    FaceArray,
    GestureAction,
    GestureEvent,
    Hand,
    HandArray,
    StageStatus,
)

pytestmark = pytest.mark.graph

NAMESPACE = f'test_bridge_{os.getpid()}'


@pytest.fixture(scope='module')
def graph():
    nodes = BridgeWorld(NAMESPACE)
    yield nodes
    nodes.close()


def test_what_nodes_say_is_known(graph):
    camera = graph.other.create_publisher(CameraStatus, 'camera_status', LATCHED)
    live = ComponentState(state=ComponentState.LIVE)
    camera.publish(CameraStatus(kind='demo', connection=live, width=640, height=480))
    assert until(graph.state.live_camera).resolution == '640x480'
    stage = graph.other.create_publisher(StageStatus, 'stage_status', 5)
    until(
        lambda: 'face_node' in graph.state.stages,
        lambda: stage.publish(StageStatus(stage='face_node', fps=12.5)),
    )
    assert graph.state.stages['face_node'].fps == 12.5


def test_diagnostics_of_other_cameras_are_not_ours(graph):
    publisher = graph.other.create_publisher(DiagnosticArray, '/diagnostics', 10)
    message = DiagnosticArray(
        status=[
            DiagnosticStatus(name='elsewhere/x_node: a', hardware_id='elsewhere'),
            DiagnosticStatus(name=f'{NAMESPACE}/y_node: b', hardware_id=NAMESPACE),
        ]
    )
    until(lambda: graph.state.diagnostics, lambda: publisher.publish(message))
    assert set(graph.state.diagnostics) == {('y_node', 'b')}


def test_results_become_events_and_the_current_gesture(graph):
    faces = graph.other.create_publisher(FaceArray, 'faces', 1)
    hands = graph.other.create_publisher(HandArray, 'hands', 1)
    gestures = graph.other.create_publisher(GestureEvent, 'gesture_events', 10)
    hand = Hand(track_id=5, gesture='peace', gesture_confidence=0.75)

    async def scenario():
        graph.hub.bind(asyncio.get_running_loop())
        listener = graph.hub.listen(['faces', 'hands', 'gestures'], lambda _: True)
        heard = {}
        deadline_s = time.monotonic() + WAIT_S
        while heard.keys() < {'faces', 'hands', 'gestures'}:
            assert time.monotonic() < deadline_s, heard.keys()
            faces.publish(FaceArray(faces=[Face(track_id=7, identity='wallet')]))
            hands.publish(HandArray(hands=[hand]))
            gestures.publish(
                GestureEvent(gesture='peace', hand_track_id=5, phase=GestureEvent.BEGIN)
            )
            event = json.loads(await asyncio.wait_for(listener.next(), WAIT_S))
            heard[event['type']] = event['data']
        graph.hub.leave(listener)
        graph.hub.bind(None)
        return heard

    heard = asyncio.run(scenario())
    assert heard['faces']['faces'][0]['track_id'] == 7
    assert heard['faces']['faces'][0]['identity'] == 'wallet'
    assert heard['gestures']['phase'] == 'begin'
    assert until(
        graph.state.current_gesture, lambda: hands.publish(HandArray(hands=[hand]))
    ).confidence == pytest.approx(0.75)


def test_movements_actions_and_enrolments_become_events(graph):
    gestures = graph.other.create_publisher(GestureEvent, 'gesture_events', 10)
    actions = graph.other.create_publisher(GestureAction, 'gesture_actions', 10)
    enrollment = graph.other.create_publisher(EnrollmentStatus, 'enrollment', LATCHED)
    wanted = {'gestures', 'gesture_action', 'enrollment'}

    async def scenario():
        graph.hub.bind(asyncio.get_running_loop())
        # Said once, before anybody listens, and known to those who come later.
        enrollment.publish(EnrollmentStatus(active=True, step='look', progress=0.25))
        await asyncio.sleep(0.2)
        listener = graph.hub.listen(wanted)
        heard = {}
        deadline_s = time.monotonic() + WAIT_S
        while heard.keys() < wanted:
            assert time.monotonic() < deadline_s, heard.keys()
            gestures.publish(GestureEvent(gesture='wave', phase=GestureEvent.MOVED))
            actions.publish(GestureAction(action='photo', outcome=GestureAction.NO_RIGHT))
            event = json.loads(await asyncio.wait_for(listener.next(), WAIT_S))
            heard[event['type']] = event['data']
        graph.hub.leave(listener)
        graph.hub.bind(None)
        return heard

    heard = asyncio.run(scenario())
    assert (heard['gestures']['phase'], heard['gestures']['gesture']) == ('moved', 'wave')
    assert (heard['gesture_action']['action'], heard['gesture_action']['outcome']) == (
        'photo',
        'no_right',
    )
    assert (heard['enrollment']['step'], heard['enrollment']['progress']) == ('look', 0.25)
    # A movement that was noticed is the current gesture for a moment.
    assert until(
        graph.state.current_gesture,
        lambda: gestures.publish(GestureEvent(gesture='wave', phase=GestureEvent.MOVED)),
    )


def test_an_enrolment_whose_part_is_gone_is_over_for_those_who_come_later(graph):
    status = graph.other.create_publisher(EnrollmentStatus, 'enrollment', LATCHED)
    diagnostics = graph.other.create_publisher(DiagnosticArray, '/diagnostics', 10)

    def tell(run):
        values = [KeyValue(key='run', value=run)]
        name = f'{NAMESPACE}/face_node: recognition'
        diagnostics.publish(
            DiagnosticArray(
                status=[DiagnosticStatus(name=name, hardware_id=NAMESPACE, values=values)]
            )
        )

    until(lambda: graph.state.run_of('face_node') == 'a1', lambda: tell('a1'))

    async def hear(wanted, meanwhile):
        listener = graph.hub.listen(['enrollment'])
        deadline_s = time.monotonic() + WAIT_S
        event = None
        while event != wanted:
            assert time.monotonic() < deadline_s, event
            meanwhile()
            with contextlib.suppress(asyncio.TimeoutError):
                text = await asyncio.wait_for(listener.next(), 0.2)
                data = json.loads(text)['data']
                event = (data['active'], data['step'])
        graph.hub.leave(listener)

    async def scenario():
        graph.hub.bind(asyncio.get_running_loop())
        # Once: another one on its way would seem to be of the part that comes next.
        status.publish(EnrollmentStatus(active=True, step='hold'))
        await hear((True, 'hold'), lambda: None)
        await hear((False, 'failed'), lambda: tell('b2'))
        # Who listens now hears nothing else first.
        await hear((False, 'failed'), lambda: None)
        graph.hub.bind(None)

    asyncio.run(scenario())
    graph.other.destroy_publisher(status)
