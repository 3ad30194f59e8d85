"""The bridge between two real nodes of one process."""

import asyncio
import contextlib
import json
import os
import threading
import time

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_api import bridge as bridge_module
from mmoment_api.bridge import Bridge
from mmoment_api.errors import ApiError
from mmoment_api.events import EventHub
from mmoment_api.graph_state import GraphState
from mmoment_camera.frame_topic import FramePublisher
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
from mmoment_interfaces.srv import ForgetFace, SetSource

pytestmark = pytest.mark.graph

NAMESPACE = f'test_bridge_{os.getpid()}'
WAIT_S = 10.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def until(condition, again=lambda: None):
    """Wait for a condition, doing something again and again meanwhile."""
    deadline_s = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, 'it never came true'
        again()
        time.sleep(0.02)
    return value


class TwoNodes:
    """The bridge's node and a node that plays all others, each in a thread of its own."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context)
        self.own = self._node('api_node')
        self.other = self._node('overlay_node')
        for name in bridge_module.LAYER_PARAMETERS:
            self.other.declare_parameter(name, True)
        self.state, self.events = GraphState(time.monotonic), EventHub()
        self.bridge = Bridge(self.own, self.state, self.events)
        self.bridge.open()
        self._ended = threading.Event()
        self._threads = []
        for node in (self.own, self.other):
            executor = SingleThreadedExecutor(context=self.context)
            executor.add_node(node)
            thread = threading.Thread(target=self._spin, args=(executor,), daemon=True)
            thread.start()
            self._threads.append(thread)
        self.bridge.resume()

    def _node(self, name):
        return rclpy.create_node(name, namespace=NAMESPACE, context=self.context)

    def _spin(self, executor):
        while not self._ended.is_set():
            executor.spin_once(timeout_sec=0.1)

    def close(self):
        self.bridge.pause()
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.bridge.close()
        for node in (self.own, self.other):
            node.destroy_node()
        self.context.try_shutdown()

    def call(self, method, *arguments):
        """Await a method of the bridge, as the event loop does."""

        async def body():
            return await getattr(self.bridge, method)(*arguments)

        return asyncio.run(body())


@pytest.fixture(scope='module')
def graph():
    nodes = TwoNodes()
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
        graph.events.bind(asyncio.get_running_loop())
        listener = graph.events.listen(['faces', 'hands', 'gestures'], lambda _: True)
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
        graph.events.leave(listener)
        graph.events.bind(None)
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
        graph.events.bind(asyncio.get_running_loop())
        # Said once, before anybody listens, and known to those who come later.
        enrollment.publish(EnrollmentStatus(active=True, step='look', progress=0.25))
        await asyncio.sleep(0.2)
        listener = graph.events.listen(wanted)
        heard = {}
        deadline_s = time.monotonic() + WAIT_S
        while heard.keys() < wanted:
            assert time.monotonic() < deadline_s, heard.keys()
            gestures.publish(GestureEvent(gesture='wave', phase=GestureEvent.MOVED))
            actions.publish(GestureAction(action='photo', outcome=GestureAction.NO_RIGHT))
            event = json.loads(await asyncio.wait_for(listener.next(), WAIT_S))
            heard[event['type']] = event['data']
        graph.events.leave(listener)
        graph.events.bind(None)
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
        listener = graph.events.listen(['enrollment'])
        deadline_s = time.monotonic() + WAIT_S
        event = None
        while event != wanted:
            assert time.monotonic() < deadline_s, event
            meanwhile()
            with contextlib.suppress(asyncio.TimeoutError):
                text = await asyncio.wait_for(listener.next(), 0.2)
                data = json.loads(text)['data']
                event = (data['active'], data['step'])
        graph.events.leave(listener)

    async def scenario():
        graph.events.bind(asyncio.get_running_loop())
        # Once: another one on its way would seem to be of the part that comes next.
        status.publish(EnrollmentStatus(active=True, step='hold'))
        await hear((True, 'hold'), lambda: None)
        await hear((False, 'failed'), lambda: tell('b2'))
        # Who listens now hears nothing else first.
        await hear((False, 'failed'), lambda: None)
        graph.events.bind(None)

    asyncio.run(scenario())
    graph.other.destroy_publisher(status)


def test_layers_are_set_in_the_other_node(graph):
    until(graph.bridge._set_layers.service_is_ready)
    assert graph.call('layers') == dict.fromkeys(bridge_module.LAYER_PARAMETERS, True)
    graph.call('set_layers', {'show_faces': False})
    assert graph.other.get_parameter('show_faces').value is False
    assert graph.call('layers')['show_faces'] is False


def test_a_refused_change_is_told(graph):
    until(graph.bridge._set_layers.service_is_ready)
    with pytest.raises(ApiError) as refusal:
        graph.call('set_layers', {'no_such_parameter': True})
    assert (refusal.value.status, refusal.value.code) == (409, 'refused')


def test_a_service_that_is_not_there_is_named_at_once(graph):
    began_s = time.monotonic()
    with pytest.raises(ApiError) as refusal:
        graph.call('set_source', 'demo')
    assert refusal.value.details == {'part': 'camera_node'}
    assert time.monotonic() - began_s < 1.0


def test_a_part_that_is_heard_is_given_time_to_be_discovered(graph):
    stage = graph.other.create_publisher(StageStatus, 'stage_status', 5)
    until(
        lambda: graph.state.is_heard('face_node'),
        lambda: stage.publish(StageStatus(stage='face_node')),
    )
    made = []

    def forget(request, response):
        response.success, response.templates = True, 3
        return response

    late = threading.Timer(
        0.5, lambda: made.append(graph.other.create_service(ForgetFace, 'forget_face', forget))
    )
    late.start()
    assert graph.call('forget', 'somebody') == 3
    graph.other.destroy_service(made[0])


def test_a_service_that_does_not_answer_is_given_up(graph, monkeypatch):
    monkeypatch.setattr(bridge_module, 'ANSWER_WAIT_S', 0.2)
    release = threading.Event()

    def never(request, response):
        release.wait(WAIT_S)
        return response

    service = graph.other.create_service(SetSource, 'set_source', never)
    until(graph.bridge._set_source.service_is_ready)
    with pytest.raises(ApiError) as refusal:
        graph.call('set_source', 'demo')
    assert refusal.value.code == 'part_not_running'
    assert 'no answer' in refusal.value.message
    release.set()
    graph.other.destroy_service(service)


def test_a_request_that_nobody_waits_for_any_more_is_not_kept(graph):
    release = threading.Event()

    def late(request, response):
        release.wait(WAIT_S)
        return response

    service = graph.other.create_service(SetSource, 'set_source', late)
    until(graph.bridge._set_source.service_is_ready)

    async def scenario():
        task = asyncio.ensure_future(graph.bridge.set_source('demo'))
        await asyncio.sleep(0.1)
        assert graph.bridge._set_source._pending_requests
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not graph.bridge._set_source._pending_requests

    asyncio.run(scenario())
    release.set()
    graph.other.destroy_service(service)


def test_the_undrawn_picture_is_the_public_one(graph):
    # `frames` shows strangers even when they are to be blurred; nobody outside may see it.
    raw = FramePublisher(graph.other, 'frames', channel='raw')
    public = FramePublisher(graph.other, 'public/frames', channel='public')
    source = graph.bridge.open_source(annotated=False)
    until(lambda: public.subscriber_count == 1)
    assert raw.subscriber_count == 0
    source.close()
    until(lambda: public.subscriber_count == 0)
    for publisher in (raw, public):
        publisher.close()


def test_pictures_come_through_the_ring_and_only_while_asked_for(graph):
    publisher = FramePublisher(graph.other, 'overlay/frames', channel='annotated')
    assert publisher.subscriber_count == 0
    source = graph.bridge.open_source(annotated=True)
    until(lambda: publisher.subscriber_count == 1)
    image = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    stamp = graph.other.get_clock().now().to_msg()
    publisher.publish(image, stamp=stamp, frame_id='camera_optical_frame', monotonic_ns=77)
    picture = until(lambda: source.newest(0.5))
    assert (picture.monotonic_ns, picture.live) == (77, True)
    assert np.array_equal(picture.image, image)
    assert picture.intact()
    source.close()
    until(lambda: publisher.subscriber_count == 0)
    publisher.close()


class OtherOverlay:
    """An overlay node of its own process, as far as others can tell; shows everybody at first."""

    def __init__(self, graph):
        self.node = rclpy.create_node(
            'overlay_node', namespace=f'{NAMESPACE}_other', context=graph.context
        )
        self.node.declare_parameter('blur_strangers', False)
        for name in bridge_module.LAYER_PARAMETERS[:-1]:
            self.node.declare_parameter(name, True)
        self.frames = FramePublisher(self.node, 'public/frames', channel='public')
        self._executor = SingleThreadedExecutor(context=graph.context)
        self._executor.add_node(self.node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self):
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    @property
    def hides(self):
        return self.node.get_parameter('blur_strangers').value

    def show(self, value):
        image = np.full((48, 64, 3), value, np.uint8)
        stamp = self.node.get_clock().now().to_msg()
        self.frames.publish(image, stamp=stamp, frame_id='camera', monotonic_ns=1)

    def end(self):
        self._ended.set()
        self._thread.join()
        self.frames.close()
        self.node.destroy_node()


@pytest.fixture
def watched(graph):
    """A bridge of another namespace whose switches are looked after, as the server does."""
    own = rclpy.create_node('api_node', namespace=f'{NAMESPACE}_other', context=graph.context)
    bridge = Bridge(own, GraphState(time.monotonic), EventHub())
    bridge.open()
    ended = threading.Event()
    executor = SingleThreadedExecutor(context=graph.context)
    executor.add_node(own)

    def spin():
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.05)

    spinning = threading.Thread(target=spin, daemon=True)
    spinning.start()
    bridge.resume()
    loop = asyncio.new_event_loop()
    serving = threading.Thread(target=loop.run_forever, daemon=True)
    serving.start()
    keeping = asyncio.run_coroutine_threadsafe(bridge.keep_layers(), loop)
    yield bridge, loop
    keeping.cancel()
    bridge.pause()
    time.sleep(0.1)
    loop.call_soon_threadsafe(loop.stop)
    serving.join()
    ended.set()
    spinning.join()
    bridge.close()
    own.destroy_node()
    loop.close()


def test_strangers_stay_hidden_when_another_overlay_takes_over(graph, watched):
    bridge, loop = watched
    first = OtherOverlay(graph)
    until(bridge._set_layers.service_is_ready)
    asyncio.run_coroutine_threadsafe(bridge.set_layers({'blur_strangers': True}), loop).result(10)
    assert first.hides
    source = bridge.open_source(annotated=False)
    until(lambda: first.frames.subscriber_count == 1)
    assert until(lambda: source.newest(0.2), lambda: first.show(1)).image[0, 0, 0] == 1
    assert bridge.layer_keeper.why_held_back == ''
    # A kill leaves no time for a farewell.
    first.end()
    second = OtherOverlay(graph)
    assert not second.hides
    until(lambda: second.frames.subscriber_count == 1)

    def shown():
        hides_before = second.hides
        second.show(2 if hides_before else 3)
        return source.newest(0.2)

    # Not one of those that were made while it showed everybody.
    assert until(shown).image[0, 0, 0] == 2
    assert second.hides
    source.close()
    second.end()
