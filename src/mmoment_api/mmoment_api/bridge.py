"""Between ROS and the web side: what is heard goes one way, what is asked for the other.

Callbacks run in the executor's thread and only take notes; requests wait in the event loop for
futures that the executor settles. Neither ever waits for the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.client import Client
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from mmoment_api import conversions
from mmoment_api.errors import ApiError, part_not_running
from mmoment_api.events import EventHub
from mmoment_api.graph_state import GraphState
from mmoment_api.mjpeg_encoder import Picture
from mmoment_api.services import timestamp_ms
from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_interfaces.msg import CameraStatus, FaceArray, GestureEvent, HandArray, StageStatus
from mmoment_interfaces.srv import SetSource

# Longer than any of our services takes; whoever waits longer is told that the part is stuck.
ANSWER_WAIT_S = 3.0
EXECUTOR_WAIT_S = 2.0
OVERLAY = 'overlay_node'
CAMERA = 'camera_node'
LAYER_PARAMETERS = ('show_faces', 'show_hands', 'show_gestures')
CHANNEL_TOPICS = {True: 'overlay/frames', False: 'frames'}

NEWEST_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
STATE_QOS = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
EVENTS_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)


class Bridge:
    """The ROS side of the web node; `open` it before use."""

    def __init__(self, node: Node, state: GraphState, events: EventHub) -> None:
        self._node = node
        self._state = state
        self._events = events
        self._subscriptions: list[Any] = []
        self._clients: list[Client] = []
        self._is_paused = True

    def open(self) -> None:
        """Subscribe to the graph and prepare its services."""
        node = self._node
        for kind, topic, callback, qos in (
            (CameraStatus, 'camera_status', self._on_camera, STATE_QOS),
            (StageStatus, 'stage_status', self._on_stage, EVENTS_QOS),
            (DiagnosticArray, '/diagnostics', self._on_diagnostics, EVENTS_QOS),
            (FaceArray, 'faces', self._on_faces, NEWEST_QOS),
            (HandArray, 'hands', self._on_hands, NEWEST_QOS),
            (GestureEvent, 'gesture_events', self._on_gesture, EVENTS_QOS),
        ):
            self._subscriptions.append(node.create_subscription(kind, topic, callback, qos))
        self._set_source = node.create_client(SetSource, 'set_source')
        self._get_layers = node.create_client(GetParameters, f'{OVERLAY}/get_parameters')
        self._set_layers = node.create_client(SetParameters, f'{OVERLAY}/set_parameters')
        self._clients = [self._set_source, self._get_layers, self._set_layers]

    def resume(self) -> None:
        """From now on entities are made and destroyed by the executor."""
        self._is_paused = False

    def pause(self) -> None:
        """From now on nothing is handed to the executor, which may wait for us or be gone."""
        self._is_paused = True

    def close(self) -> None:
        """Unsubscribe from everything."""
        self.pause()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        for client in self._clients:
            self._node.destroy_client(client)
        self._subscriptions, self._clients = [], []

    # --- pictures -------------------------------------------------------------------------

    def open_source(self, annotated: bool) -> RingSource:
        """The pictures of one ring; the node that writes it sees that somebody looks."""
        return RingSource(self, CHANNEL_TOPICS[annotated])

    def subscribe_frames(self, topic: str) -> FrameSubscriber:
        """A subscriber without callback, made in the executor's thread."""
        return self.in_executor(lambda: FrameSubscriber(self._node, topic))

    def in_executor(self, work: Callable[[], Any]) -> Any:
        """Run `work` in the executor's thread, or here if that does not spin any more.

        rclpy's lists of entities are changed where they are used.
        """
        executor = self._node.executor
        if executor is None or self._is_paused:
            return work()
        result: Future[Any] = Future()

        def once() -> None:
            if result.set_running_or_notify_cancel():
                try:
                    result.set_result(work())
                except Exception as error:
                    result.set_exception(error)

        executor.create_task(once)
        try:
            return result.result(EXECUTOR_WAIT_S)
        except FutureTimeout:
            if result.cancel():
                return work()
            return result.result()

    # --- what is heard (executor's thread) ------------------------------------------------

    def _on_camera(self, message: CameraStatus) -> None:
        ros_now_ns = self._node.get_clock().now().nanoseconds
        camera = conversions.camera_state(message, self._state.clock(), ros_now_ns)
        self._state.hear_camera(camera)
        self._events.publish('camera', conversions.camera_event(camera))

    def _on_stage(self, message: StageStatus) -> None:
        self._state.hear_stage(conversions.stage_state(message, self._state.clock()))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        # The topic is shared by all cameras of the graph; ours carry our namespace.
        namespace = self._node.get_namespace().strip('/')
        for status in message.status:
            if status.hardware_id == namespace:
                self._state.hear_diagnostic(
                    conversions.diagnostic_state(status, self._state.clock())
                )

    def _on_faces(self, message: FaceArray) -> None:
        if self._events.wants('faces'):
            self._events.publish('faces', conversions.faces_event(message))

    def _on_hands(self, message: HandArray) -> None:
        self._state.hear_hands(conversions.hands_state(message, self._state.clock()))
        if self._events.wants('hands'):
            self._events.publish('hands', conversions.hands_event(message))

    def _on_gesture(self, message: GestureEvent) -> None:
        gesture = conversions.gesture_state(message, self._state.clock(), timestamp_ms())
        self._state.hear_gesture(gesture, begins=message.phase == GestureEvent.BEGIN)
        self._events.publish('gestures', conversions.gesture_event(message))

    # --- what is asked for (event loop) ---------------------------------------------------

    async def layers(self) -> dict[str, bool]:
        """See `GraphControl`."""
        request = GetParameters.Request(names=list(LAYER_PARAMETERS))
        answer = await self._call(self._get_layers, request, OVERLAY)
        values = [value.bool_value for value in answer.values]
        return dict(zip(LAYER_PARAMETERS, values, strict=False))

    async def set_layers(self, switches: dict[str, bool]) -> None:
        """See `GraphControl`."""
        request = SetParameters.Request(
            parameters=[
                Parameter(
                    name=name,
                    value=ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value),
                )
                for name, value in switches.items()
            ]
        )
        answer = await self._call(self._set_layers, request, OVERLAY)
        refused = [result.reason for result in answer.results if not result.successful]
        if refused:
            raise ApiError(409, 'refused', f'{OVERLAY} refused the change: {refused[0]}')

    async def set_source(self, source: str) -> tuple[bool, str]:
        """See `GraphControl`."""
        request = SetSource.Request(source=source)
        answer = await self._call(self._set_source, request, CAMERA)
        return answer.success, answer.message

    async def _call(self, client: Client, request: Any, part: str) -> Any:
        """Call a service; raises `ApiError` if its node is not there or does not answer."""
        if not client.service_is_ready():
            raise part_not_running(part)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def settle(pending: Any) -> None:
            if not answer.done():
                answer.set_result(pending)

        def on_answer(pending: Any) -> None:
            # The loop is gone if the node stops just now.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, pending)

        pending = client.call_async(request)
        pending.add_done_callback(on_answer)
        try:
            return (await asyncio.wait_for(answer, ANSWER_WAIT_S)).result()
        except asyncio.TimeoutError:
            client.remove_pending_request(pending)
            raise part_not_running(part, f'no answer within {ANSWER_WAIT_S:.0f} s') from None


class RingSource:
    """The pictures of one ring, for the thread of one channel."""

    def __init__(self, bridge: Bridge, topic: str) -> None:
        self._bridge = bridge
        self._subscriber = bridge.subscribe_frames(topic)

    def newest(self, timeout_s: float) -> Picture | None:
        """See `PictureSource`."""
        return self._subscriber.newest(timeout_s)

    def close(self) -> None:
        """See `PictureSource`."""
        self._bridge.in_executor(self._subscriber.close)
