"""Hands and gestures: takes the newest pictures, publishes hands, events, and asked-for actions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile

from mmoment_camera.frame_topic import SUBSCRIBER_QOS, Frame, FrameSubscriber
from mmoment_interfaces.msg import FaceArray, GestureAction, GestureEvent, Hand, HandArray
from mmoment_node.errors import ConfigurationError
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.parameters import parameter
from mmoment_node.picture_rate import PictureRate
from mmoment_node.stage import StageReporter
from mmoment_vision import hand_landmarks
from mmoment_vision.gesture_actions import DEFAULT_ACTIONS, GestureActions, parse_actions
from mmoment_vision.gesture_hold import BEGIN, END, HoldEvent, HoldSettings
from mmoment_vision.gesture_messages import HandOf, action_message, event_message
from mmoment_vision.gesture_movements import MovementSettings
from mmoment_vision.gesture_people_topic import PeopleRights
from mmoment_vision.gesture_pipeline import MOVED, GesturePipeline
from mmoment_vision.gesture_rules import model_id
from mmoment_vision.hand_landmarks import HandLandmarker, Picture
from mmoment_vision.hand_messages import hand_message
from mmoment_vision.hand_owner import FaceBox
from mmoment_vision.hand_tracking import LONGEST_PAUSE_S

RESULT_QOS = QoSProfile(depth=2)
EVENT_QOS = QoSProfile(depth=10)
WAIT_S = 0.5
# Faces of a picture further away in time say nothing about a hand.
FACES_LIMIT_S = 0.5
# A hand that moves fast is lost for a picture or two and found again.
HANDS_LINGER_S = 1.0
REMEMBERED_HANDS = 100


@dataclass(frozen=True, slots=True)
class GestureParameters:
    """Parameters of the gesture node."""

    maximum_rate_hz: float = parameter(
        30.0, 'Pictures looked at per second at most', unit='Hz', minimum=0.5, maximum=120.0
    )
    searching_rate_hz: float = parameter(
        15.0,
        'The same while no hand is in view: looking for one costs as much as following two',
        unit='Hz',
        minimum=0.5,
        maximum=120.0,
    )
    maximum_hands: int = parameter(
        2,
        'Hands followed at once; the search for hands runs while there are fewer',
        minimum=1,
        maximum=8,
        read_only=True,
    )
    model_complexity: int = parameter(
        1,
        'MediaPipe model: 0 takes half the time, 1 is more exact and may miss a few pictures of '
        'thirty a second on two cores',
        minimum=0,
        maximum=1,
        read_only=True,
    )
    detection_confidence: float = parameter(
        0.5, 'Confidence needed to find a hand', minimum=0.05, maximum=0.99, read_only=True
    )
    tracking_confidence: float = parameter(
        0.5, 'Confidence needed to go on following it', minimum=0.05, maximum=0.99, read_only=True
    )
    is_mirrored: bool = parameter(
        False, 'Pictures are mirrored, as a selfie is; swaps left and right hands', read_only=True
    )
    keep_track_s: float = parameter(
        0.5,
        'A hand out of sight keeps its track id this long',
        unit='s',
        minimum=0.0,
        maximum=5.0,
    )
    hold_s: float = parameter(
        0.4, 'A gesture begins after being shown this long', unit='s', minimum=0.0, maximum=5.0
    )
    release_s: float = parameter(
        0.3, 'A gesture ends after not being shown this long', unit='s', minimum=0.0, maximum=5.0
    )
    begin_confidence: float = parameter(
        0.75, 'Mean confidence needed to begin', minimum=0.0, maximum=1.0
    )
    keep_confidence: float = parameter(
        0.5, 'A picture below this does not show the gesture', minimum=0.0, maximum=1.0
    )
    cool_down_s: float = parameter(
        1.0,
        'The same hand does not begin the same gesture again this soon after its end',
        unit='s',
        minimum=0.0,
        maximum=60.0,
    )
    movement_confidence: float = parameter(
        0.7, 'Confidence needed for a wave or a swipe', minimum=0.0, maximum=1.0
    )
    movement_cool_down_s: float = parameter(
        1.5,
        'The same hand makes no movement again this soon: a hand that swipes comes back',
        unit='s',
        minimum=0.0,
        maximum=60.0,
    )
    actions: tuple[str, ...] = parameter(
        DEFAULT_ACTIONS,
        'What gestures stand for, as GESTURE=ACTION: a gesture, wave or swipe_left, swipe_right, '
        'swipe_up, swipe_down; photo needs the right capture, clip record, stream stream',
    )
    action_cool_down_s: float = parameter(
        3.0,
        'The same person may ask for the same action again after this time',
        unit='s',
        minimum=0.0,
        maximum=3600.0,
    )


class GestureNode(ManagedNode[GestureParameters]):
    """Publishes `hands`, `gesture_events` and `gesture_actions` for the pictures of `frames`."""

    NAME = 'gesture_node'
    PARAMETERS = GestureParameters

    def open(self) -> None:
        """Load the models and make the publishers."""
        self._frames: FrameSubscriber | None = None
        self._landmarker: HandLandmarker | None = None
        self._faces = FaceArray()
        try:
            _check(self.parameters)
        except ValueError as error:
            raise ConfigurationError(f'gesture_node: {error}') from error
        try:
            self._landmarker = HandLandmarker(
                maximum_hands=self.parameters.maximum_hands,
                minimum_detection=self.parameters.detection_confidence,
                minimum_tracking=self.parameters.tracking_confidence,
                model_complexity=self.parameters.model_complexity,
                is_mirrored=self.parameters.is_mirrored,
            )
        except ImportError as error:
            raise ConfigurationError(
                f'gesture_node needs mediapipe ({error}): install mediapipe==0.10.18'
            ) from error
        self._pipeline = GesturePipeline(
            self.parameters.keep_track_s,
            _hold_settings(self.parameters),
            _movement_settings(self.parameters),
            self.parameters.is_mirrored,
        )
        self._actions = GestureActions(
            parse_actions(self.parameters.actions), self.parameters.action_cool_down_s
        )
        self._hands: dict[int, HandOf] = {}
        self._event_counts: Counter[str] = Counter()
        self._hands_publisher = self.create_publisher(HandArray, 'hands', RESULT_QOS)
        self._events_publisher = self.create_publisher(GestureEvent, 'gesture_events', EVENT_QOS)
        self._actions_publisher = self.create_publisher(GestureAction, 'gesture_actions', EVENT_QOS)

    def start(self) -> None:
        """Begin to look at pictures."""
        self._frames = FrameSubscriber(self, 'frames')
        self._rate = PictureRate(self._rate_without_hands(), self._frames)
        self._hands_ns = 0
        self._faces_subscription = self.create_subscription(
            FaceArray, 'faces', self._on_faces, SUBSCRIBER_QOS
        )
        self._people = PeopleRights(self)
        self._reporter = StageReporter(self, self._rate, hand_landmarks.BACKEND)
        self._looked_ns = time.monotonic_ns()
        self._is_wanted = True
        self._worker = self.spawn(self._work, 'hands')

    def stop(self) -> None:
        """Stop looking at pictures; also after start() has failed half-way."""
        self._is_wanted = False
        if self._frames is not None:
            self._frames.close()
            self._frames = None
        if worker := self.__dict__.pop('_worker', None):
            worker.join()
        if reporter := self.__dict__.pop('_reporter', None):
            reporter.close()
        if faces := self.__dict__.pop('_faces_subscription', None):
            self.destroy_subscription(faces)
        if self.context.ok():
            self._publish_events(self._pipeline.hold.end_all(), self._now())
        self._pipeline.movements.clear()
        if people := self.__dict__.pop('_people', None):
            people.close()
        self._faces = FaceArray()

    def close(self) -> None:
        """Free the models and the publishers."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None
        for name in ('_hands_publisher', '_events_publisher', '_actions_publisher'):
            publisher = self.__dict__.pop(name, None)
            if publisher is not None:
                self.destroy_publisher(publisher)

    def parameters_changed(self, old: GestureParameters, new: GestureParameters) -> None:
        """Take new limits at once."""
        _check(new)
        if self.is_running:
            self._pipeline.tracker.keep_s = new.keep_track_s
            self._pipeline.hold.settings = _hold_settings(new)
            self._pipeline.movements.settings = _movement_settings(new)
            self._actions.actions = parse_actions(new.actions)
            self._actions.cool_down_s = new.action_cool_down_s

    def diagnose(self) -> list[DiagnosticStatus]:
        """How the stage keeps up, and what came of gestures."""
        return [self._reporter.diagnostic(), self._gesture_diagnostic()]

    def _gesture_diagnostic(self) -> DiagnosticStatus:
        events, outcomes = self._event_counts, self._actions.counts
        return self.diagnostic(
            'gestures',
            DiagnosticStatus.OK,
            f'{events[BEGIN]} gestures, {events[MOVED]} movements, '
            f'{outcomes["requested"]} actions requested',
            model=model_id(),
            begun=events[BEGIN],
            ended=events[END],
            moved=events[MOVED],
            people_with_rights=len(self._people.current()),
            **{f'actions_{outcome}': count for outcome, count in outcomes.items()},
        )

    def _on_faces(self, faces: FaceArray) -> None:
        self._faces = faces

    def _work(self) -> None:
        frames = self._frames
        assert frames is not None
        while self._is_wanted:
            frame = frames.newest(WAIT_S)
            if frame is None:
                self._look_away()
            elif self._rate.takes(frame.monotonic_ns * 1e-9):
                self._look_at(frame)

    def _look_away(self) -> None:
        """No picture came: after a while of this holds must end all the same."""
        now = self._now()
        if now.monotonic_ns - self._looked_ns > LONGEST_PAUSE_S * 1e9:
            self._publish_events(self._pipeline.hold.passed(now.monotonic_ns * 1e-9), now)

    def _now(self) -> HandArray:
        """The present without a picture, for events that no picture decided."""
        message = HandArray(monotonic_ns=time.monotonic_ns())
        message.header.stamp = self.get_clock().now().to_msg()
        return message

    def _look_at(self, frame: Frame) -> None:
        assert self._landmarker is not None
        now_s = frame.monotonic_ns * 1e-9
        self._looked_ns = frame.monotonic_ns
        self._landmarker.take(_as_bgr(frame.image))
        if not frame.intact():
            self._rate.lost()
            return
        # A placeholder picture has no hands, whatever a model may see in it.
        found = self._landmarker.find() if frame.live else []
        self._adapt_rate(bool(found), frame.monotonic_ns)
        message = HandArray(
            header=frame.header, sequence=frame.sequence, monotonic_ns=frame.monotonic_ns
        )
        message.height, message.width = frame.image.shape[:2]
        faces = self._faces_near(frame.monotonic_ns)
        hands, events = self._pipeline.process(
            found, (message.width, message.height), now_s, _boxes(faces)
        )
        message.hands = [hand_message(hand) for hand in hands]
        self._remember(message.hands)
        self._hands_publisher.publish(message)
        self._publish_events(events, message)
        self._reporter.done(frame.monotonic_ns)

    def _adapt_rate(self, has_hands: bool, monotonic_ns: int) -> None:
        """Look more often while there are hands, and for a moment after they were lost."""
        if has_hands:
            self._hands_ns = monotonic_ns
        if monotonic_ns - self._hands_ns <= HANDS_LINGER_S * 1e9:
            self._rate.maximum_hz = self.parameters.maximum_rate_hz
        else:
            self._rate.maximum_hz = self._rate_without_hands()

    def _rate_without_hands(self) -> float:
        return min(self.parameters.searching_rate_hz, self.parameters.maximum_rate_hz)

    def _remember(self, hands: Sequence[Hand]) -> None:
        """For the events of a hand, also of one that is gone already."""
        for hand in hands:
            # Taken out first, so that the hand not seen for longest stays the first one.
            self._hands.pop(hand.track_id, None)
            self._hands[hand.track_id] = HandOf(hand.face_track_id, hand.handedness)
        while len(self._hands) > REMEMBERED_HANDS:
            del self._hands[next(iter(self._hands))]

    def _faces_near(self, monotonic_ns: int) -> FaceArray:
        faces = self._faces
        is_near = abs(faces.monotonic_ns - monotonic_ns) <= FACES_LIMIT_S * 1e9
        return faces if is_near else FaceArray()

    def _publish_events(self, events: list[HoldEvent], source: HandArray) -> None:
        if not events:
            return
        # Names as of this moment: who was recognised before may have been forgotten since.
        names = {f.track_id: f.identity for f in self._faces_near(source.monotonic_ns).faces}
        for event in events:
            hand = self._hands.get(event.track_id, HandOf())
            message = event_message(event, source, hand, names.get(hand.face_track_id, ''))
            self._event_counts[event.phase] += 1
            self._events_publisher.publish(message)
            if event.phase != END:
                self._act(message)

    def _act(self, event: GestureEvent) -> None:
        decision = self._actions.decide(
            event.gesture, event.identity, self._people.current(), event.monotonic_ns * 1e-9
        )
        if decision is not None:
            self._actions_publisher.publish(action_message(decision, event))


def _as_bgr(picture: Picture) -> Picture:
    if picture.ndim == 3:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)


def _boxes(faces: FaceArray) -> list[FaceBox]:
    return [FaceBox(f.track_id, f.x, f.y, f.width, f.height) for f in faces.faces]


def _check(parameters: GestureParameters) -> None:
    if parameters.keep_confidence > parameters.begin_confidence:
        raise ValueError(
            f'keep_confidence {parameters.keep_confidence:g} must not be above '
            f'begin_confidence {parameters.begin_confidence:g}'
        )
    parse_actions(parameters.actions)


def _hold_settings(parameters: GestureParameters) -> HoldSettings:
    return HoldSettings(
        hold_s=parameters.hold_s,
        release_s=parameters.release_s,
        begin_confidence=parameters.begin_confidence,
        keep_confidence=parameters.keep_confidence,
        cool_down_s=parameters.cool_down_s,
    )


def _movement_settings(parameters: GestureParameters) -> MovementSettings:
    return MovementSettings(
        least_confidence=parameters.movement_confidence,
        cool_down_s=parameters.movement_cool_down_s,
    )


def main(args: list[str] | None = None) -> None:
    """Run the gesture node."""
    run_node(GestureNode, args)
