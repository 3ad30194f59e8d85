"""What is heard of the graph: topics become the known state, and events for those who listen.

Callbacks run in the executor's thread and only take notes.
"""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from mmoment_api import conversions
from mmoment_api.events import EventHub
from mmoment_api.graph_state import GraphState
from mmoment_api.listening_topics import Listening
from mmoment_api.services import timestamp_ms
from mmoment_interfaces.msg import (
    CameraStatus,
    EnrollmentStatus,
    FaceArray,
    GestureAction,
    GestureEvent,
    HandArray,
    StageStatus,
)

NEWEST_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
STATE_QOS = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
EVENTS_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)


class GraphTopics:
    """The subscriptions of the web node; `open` and `close` belong to the executor's thread."""

    def __init__(self, node: Node, state: GraphState, events: EventHub) -> None:
        self._node = node
        self._listening = Listening(node)
        self._state = state
        self._events = events

    def open(self) -> None:
        """Subscribe to everything."""
        for kind, topic, callback, qos in (
            (CameraStatus, 'camera_status', self._on_camera, STATE_QOS),
            (StageStatus, 'stage_status', self._on_stage, EVENTS_QOS),
            (DiagnosticArray, '/diagnostics', self._on_diagnostics, EVENTS_QOS),
            (FaceArray, 'faces', self._on_faces, NEWEST_QOS),
            (HandArray, 'hands', self._on_hands, NEWEST_QOS),
            (GestureEvent, 'gesture_events', self._on_gesture, EVENTS_QOS),
            (GestureAction, 'gesture_actions', self._on_gesture_action, EVENTS_QOS),
            (EnrollmentStatus, 'enrollment', self._on_enrollment, STATE_QOS),
        ):
            self._listening.hear(kind, topic, callback, qos)
        self._listening.watch(self._end_lost_enrolment)

    def close(self) -> None:
        """Unsubscribe from everything."""
        self._listening.close()

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
        if message.phase == GestureEvent.MOVED:
            self._state.hear_movement(gesture)
        else:
            self._state.hear_gesture(gesture, begins=message.phase == GestureEvent.BEGIN)
        self._events.publish('gestures', conversions.gesture_event(message))

    def _on_gesture_action(self, message: GestureAction) -> None:
        self._events.publish('gesture_action', conversions.gesture_action_event(message))

    def _on_enrollment(self, message: EnrollmentStatus) -> None:
        self._state.hear_enrolment(message.active)
        self._events.publish('enrollment', conversions.enrollment_event(message))

    def _end_lost_enrolment(self) -> None:
        # Every new listener would be told that it is still under way.
        if self._state.has_lost_enrolment():
            self._on_enrollment(EnrollmentStatus(step='failed'))
