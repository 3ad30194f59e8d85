"""The one place that draws: results on the newest picture, while someone looks."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mmoment_camera.frame_ring import FrameOverwritten, Geometry, RingInUse, SharedMemoryFull
from mmoment_camera.frame_topic import SUBSCRIBER_QOS, Frame, FramePublisher, FrameSubscriber
from mmoment_camera.image_messages import (
    IMAGE_QOS,
    CvBridgeUnusable,
    to_compressed_image,
    to_image,
)
from mmoment_interfaces.msg import Face, FaceArray, GestureEvent, Hand, HandArray
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.parameters import parameter
from mmoment_node.picture_rate import PictureRate
from mmoment_node.rates import RateMeter
from mmoment_node.stage import StageReporter
from mmoment_vision.overlay_drawing import DrawnFace, DrawnHand, Layers, Picture, draw_overlay
from mmoment_vision.overlay_holds import HeldGestures
from mmoment_vision.overlay_pairing import ResultPairing

EVENT_QOS = QoSProfile(depth=10)
WAIT_S = 0.5
BACKEND = 'opencv'
HANDEDNESS = {Hand.UNKNOWN: '', Hand.LEFT: 'left', Hand.RIGHT: 'right'}


@dataclass(frozen=True, slots=True)
class OverlayParameters:
    """Parameters of the overlay node."""

    show_faces: bool = parameter(True, 'Draw face boxes with track id or name')
    show_landmarks: bool = parameter(False, 'Draw the five points of each face')
    show_hands: bool = parameter(True, 'Draw the skeletons of hands')
    show_gestures: bool = parameter(True, 'Draw what each hand shows')
    show_status: bool = parameter(True, 'Draw time and pictures per second')
    maximum_rate_hz: float = parameter(
        60.0, 'Draw at most this many pictures a second', unit='Hz', minimum=0.5, maximum=240.0
    )
    wait_ms: float = parameter(
        8.0,
        'Wait for the faces of the very picture this long, then draw the last ones',
        unit='ms',
        minimum=0.0,
        maximum=100.0,
    )
    faces_limit_s: float = parameter(
        0.3, 'Faces older than this are not drawn', unit='s', minimum=0.0, maximum=5.0
    )
    hands_limit_s: float = parameter(
        0.3, 'Hands older than this are not drawn', unit='s', minimum=0.0, maximum=5.0
    )
    jpeg_quality: int = parameter(
        80, 'Quality of overlay/image/compressed', minimum=10, maximum=100
    )


class OverlayNode(ManagedNode[OverlayParameters]):
    """Publishes `overlay/frames`, `overlay/image` and `overlay/image/compressed`."""

    NAME = 'overlay_node'
    PARAMETERS = OverlayParameters

    def open(self) -> None:
        """Make the publishers; the ring comes with the first picture."""
        self._frames: FrameSubscriber | None = None
        self._results: list[Subscription] = []
        self._faces: ResultPairing[FaceArray] = ResultPairing()
        self._hands: ResultPairing[HandArray] = ResultPairing()
        self._held = HeldGestures()
        self._drawn = RateMeter()
        self._annotated = FramePublisher(self, 'overlay/frames', channel='annotated')
        self._has_image = True
        self._image = self.create_publisher(Image, 'overlay/image', IMAGE_QOS)
        self._compressed = self.create_publisher(
            CompressedImage, 'overlay/image/compressed', IMAGE_QOS
        )

    def start(self) -> None:
        """Begin to draw."""
        for message_class, topic, callback, qos in (
            (FaceArray, 'faces', self._on_faces, SUBSCRIBER_QOS),
            (HandArray, 'hands', self._on_hands, SUBSCRIBER_QOS),
            (GestureEvent, 'gesture_events', self._on_event, EVENT_QOS),
        ):
            self._results.append(self.create_subscription(message_class, topic, callback, qos))
        self._frames = FrameSubscriber(self, 'frames')
        self._rate = PictureRate(self.parameters.maximum_rate_hz, self._frames)
        self._reporter = StageReporter(self, self._rate, BACKEND)
        self._is_wanted = True
        self._worker = self.spawn(self._work, 'overlay')

    def stop(self) -> None:
        """Stop drawing; also after start() has failed half-way."""
        self._is_wanted = False
        if self._frames is not None:
            self._frames.close()
            self._frames = None
        if worker := self.__dict__.pop('_worker', None):
            worker.join()
        if reporter := self.__dict__.pop('_reporter', None):
            reporter.close()
        while self._results:
            self.destroy_subscription(self._results.pop())
        self._faces.clear()
        self._hands.clear()
        self._held.clear()

    def close(self) -> None:
        """Remove the ring and the publishers."""
        annotated = self.__dict__.pop('_annotated', None)
        if annotated is not None:
            annotated.close()
        for name in ('_image', '_compressed'):
            publisher = self.__dict__.pop(name, None)
            if publisher is not None:
                self.destroy_publisher(publisher)

    def parameters_changed(self, old: OverlayParameters, new: OverlayParameters) -> None:
        """Take over a new rate; the layers are read with each picture."""
        if self.is_running:
            self._rate.maximum_hz = new.maximum_rate_hz

    def diagnose(self) -> list[DiagnosticStatus]:
        """How the stage keeps up."""
        return [self._reporter.diagnostic()]

    def _on_faces(self, faces: FaceArray) -> None:
        self._faces.put(faces.monotonic_ns, faces)

    def _on_hands(self, hands: HandArray) -> None:
        self._held.heard(hands.monotonic_ns)
        self._hands.put(hands.monotonic_ns, hands)

    def _on_event(self, event: GestureEvent) -> None:
        if event.phase == GestureEvent.BEGIN:
            self._held.begins(event.hand_track_id, event.gesture)
        else:
            self._held.ends(event.hand_track_id)

    def _is_watched(self) -> bool:
        return bool(
            self._annotated.subscriber_count
            or (self._has_image and self._image.get_subscription_count())
            or self._compressed.get_subscription_count()
        )

    def _work(self) -> None:
        frames = self._frames
        assert frames is not None
        while self._is_wanted:
            frame = frames.newest(WAIT_S)
            if frame is None:
                continue
            if not self._is_watched():
                self._reporter.idle()
                continue
            if not self._rate.takes(frame.monotonic_ns * 1e-9):
                continue
            try:
                self._annotate(frame)
            except FrameOverwritten:
                self._rate.lost()
            except (RingInUse, SharedMemoryFull) as error:
                self.get_logger().error(str(error), throttle_duration_sec=5.0)

    def _annotate(self, frame: Frame) -> None:
        height, width = frame.image.shape[:2]
        geometry = Geometry(width, height)
        self._drawn.tick(time.monotonic())
        with self._annotated.slot(
            geometry, header=frame.header, monotonic_ns=frame.monotonic_ns, live=frame.live
        ) as slot:
            _copy_as_bgr(frame, slot.image)
            if frame.live:
                self._draw(frame, slot.image)
        self._reporter.done(frame.monotonic_ns)
        # Viewers of the ring have it by now. Its slot is not written again before this thread has
        # drawn as many pictures as the ring has slots.
        self._publish_images(slot.image, frame.header)

    def _draw(self, frame: Frame, picture: Picture) -> None:
        wanted = self.parameters
        faces = self._faces.get(
            frame.monotonic_ns, wait_s=wanted.wait_ms * 1e-3, limit_s=wanted.faces_limit_s
        )
        # Hands take longer than anyone would wait for.
        hands = self._hands.get(frame.monotonic_ns, wait_s=0.0, limit_s=wanted.hands_limit_s)
        drawn_faces = [_drawn_face(face) for face in faces.faces] if faces is not None else []
        drawn_hands = [self._drawn_hand(hand) for hand in hands.hands] if hands is not None else []
        draw_overlay(
            picture,
            drawn_faces,
            drawn_hands,
            self._status(frame.header, len(drawn_faces), len(drawn_hands)),
            Layers(
                faces=wanted.show_faces,
                face_landmarks=wanted.show_landmarks,
                hands=wanted.show_hands,
                gestures=wanted.show_gestures,
                status=wanted.show_status,
            ),
        )

    def _drawn_hand(self, hand: Hand) -> DrawnHand:
        return DrawnHand(
            track_id=hand.track_id,
            landmarks=np.array([(p.x, p.y) for p in hand.landmarks], np.float32),
            handedness=HANDEDNESS.get(hand.handedness, ''),
            gesture=hand.gesture,
            confidence=hand.gesture_confidence,
            is_held=self._held.holds(hand.track_id, hand.gesture),
        )

    def _status(self, header: Header, faces: int, hands: int) -> str:
        clock = time.strftime('%H:%M:%S', time.localtime(header.stamp.sec))
        parts = [clock, f'{self._drawn.hz(time.monotonic()):.0f} fps']
        parts += [_counted(faces, 'face')] if faces else []
        parts += [_counted(hands, 'hand')] if hands else []
        return '   '.join(parts)

    def _publish_images(self, picture: Picture, header: Header) -> None:
        """Publish the picture for tools that want messages, only while they do."""
        if self._has_image and self._image.get_subscription_count():
            try:
                self._image.publish(to_image(picture, header))
            except CvBridgeUnusable as error:
                self._has_image = False
                self.get_logger().error(f'overlay/image stays empty: {error}')
        if self._compressed.get_subscription_count():
            quality = self.parameters.jpeg_quality
            self._compressed.publish(to_compressed_image(picture, header, quality))


def _copy_as_bgr(frame: Frame, out: Picture) -> None:
    """Copy the picture into `out`, colours made of grey; raises `FrameOverwritten`."""
    if frame.image.ndim == 3:
        frame.copy(out)
        return
    cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR, dst=out)
    if not frame.intact():
        raise FrameOverwritten(f'picture {frame.sequence} was overwritten while it was copied')


def _drawn_face(face: Face) -> DrawnFace:
    points = np.array([(p.x, p.y) for p in face.landmarks], np.float32)
    return DrawnFace(
        track_id=face.track_id,
        x=face.x,
        y=face.y,
        width=face.width,
        height=face.height,
        score=face.score,
        # All zero where the detector gives none.
        landmarks=points if points.any() else None,
        identity=face.identity,
    )


def _counted(number: int, what: str) -> str:
    return f'{number} {what}' if number == 1 else f'{number} {what}s'


def main(args: list[str] | None = None) -> None:
    """Run the overlay node."""
    run_node(OverlayNode, args)
