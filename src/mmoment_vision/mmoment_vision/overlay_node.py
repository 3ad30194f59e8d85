"""The one place that draws, and that hides strangers: on the newest picture, while someone looks.

Two channels leave it: `overlay/frames` with drawings, and `public/frames` without. Whatever shows
pictures to people takes one of them, so that what is hidden here is hidden everywhere.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mmoment_camera.frame_ring import FrameOverwritten, Geometry, RingInUse, SharedMemoryFull
from mmoment_camera.frame_topic import (
    SUBSCRIBER_QOS,
    Frame,
    FramePublisher,
    FrameSlot,
    FrameSubscriber,
)
from mmoment_camera.image_messages import (
    IMAGE_QOS,
    CvBridgeUnusable,
    to_compressed_image,
    to_image,
)
from mmoment_interfaces.msg import (
    EnrollmentStatus,
    FaceArray,
    GestureAction,
    GestureEvent,
    Hand,
    HandArray,
    RecordingArray,
)
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.picture_rate import PictureRate
from mmoment_node.rates import RateMeter
from mmoment_node.stage import StageReporter
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_privacy import blur_faces, blur_picture
from mmoment_vision.overlay_drawing import DrawnHand, draw_overlay
from mmoment_vision.overlay_feedback import EnrolmentView, FeedbackNotes, RecordingView
from mmoment_vision.overlay_holds import HeldGestures
from mmoment_vision.overlay_messages import (
    drawn_enrolment,
    drawn_face,
    drawn_hand,
    outcome_of,
    seen_faces,
)
from mmoment_vision.overlay_pairing import ResultPairing
from mmoment_vision.overlay_parameters import OverlayParameters
from mmoment_vision.overlay_status import status_line
from mmoment_vision.overlay_strangers import StrangerWatch
from mmoment_vision.privacy_memory import PrivacyMemory

EVENT_QOS = QoSProfile(depth=10)
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
WAIT_S = 0.5
ENROLMENT_CHECK_S = 1.0
BACKEND = 'opencv'


@dataclass(frozen=True, slots=True)
class _Plain:
    """A picture without drawings, and what was found out to make it.

    `faces` are those it was blurred by; `reason`: why all of it had to be, if it had.
    """

    picture: Picture
    is_blurred: bool = False
    faces: FaceArray | None = None
    reason: str = ''


class OverlayNode(ManagedNode[OverlayParameters]):
    """Publishes `public/frames`, `overlay/frames`, `overlay/image`, `overlay/image/compressed`."""

    NAME = 'overlay_node'
    PARAMETERS = OverlayParameters

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__(**node_arguments)
        self._privacy = PrivacyMemory(
            self.get_namespace(),
            self.parameters.data_folder,
            configured=self.parameters.blur_strangers,
        )
        self._is_recalling = False

    def open(self) -> None:
        """Recall what is to be hidden, and make the publishers; rings come with the first picture."""
        self._recall_privacy()
        self._frames: FrameSubscriber | None = None
        self._results: list[Subscription] = []
        self._faces: ResultPairing[FaceArray] = ResultPairing()
        self._hands: ResultPairing[HandArray] = ResultPairing()
        self._held = HeldGestures()
        self._notes = FeedbackNotes()
        self._enrolment = EnrolmentView()
        self._recording = RecordingView()
        self._strangers = StrangerWatch()
        self._blurred_whole = ''
        self._drawn = RateMeter()
        self._public = FramePublisher(self, 'public/frames', channel='public')
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
            (GestureAction, 'gesture_actions', self._on_action, EVENT_QOS),
            (EnrollmentStatus, 'enrollment', self._on_enrolment, LATCHED_QOS),
            (RecordingArray, 'recordings', self._on_recordings, LATCHED_QOS),
        ):
            self._results.append(self.create_subscription(message_class, topic, callback, qos))
        self._frames = FrameSubscriber(self, 'frames')
        self._rate = PictureRate(self.parameters.maximum_rate_hz, self._frames)
        self._reporter = StageReporter(self, self._rate, BACKEND)
        self._timer = self.create_timer(ENROLMENT_CHECK_S, self._check_enrolment)
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
        if timer := self.__dict__.pop('_timer', None):
            self.destroy_timer(timer)
        while self._results:
            self.destroy_subscription(self._results.pop())
        for memory in (
            self._faces,
            self._hands,
            self._held,
            self._notes,
            self._enrolment,
            self._recording,
            self._strangers,
        ):
            memory.clear()

    def close(self) -> None:
        """Remove the rings and the publishers."""
        for name in ('_public', '_annotated'):
            frames = self.__dict__.pop(name, None)
            if frames is not None:
                frames.close()
        for name in ('_image', '_compressed'):
            publisher = self.__dict__.pop(name, None)
            if publisher is not None:
                self.destroy_publisher(publisher)

    def parameters_changed(self, old: OverlayParameters, new: OverlayParameters) -> None:
        """Remember what is to be hidden; take over a new rate. The rest is read with each picture."""
        if new.blur_strangers != old.blur_strangers and not self._is_recalling:
            self._privacy.keep(new.blur_strangers)
            self._tell_privacy()
        if self.is_running:
            self._rate.maximum_hz = new.maximum_rate_hz

    def diagnose(self) -> list[DiagnosticStatus]:
        """How the stage keeps up, and what is hidden."""
        statuses = [self._reporter.diagnostic()]
        if self.parameters.blur_strangers:
            reason = self._blurred_whole
            level = DiagnosticStatus.WARN if reason else DiagnosticStatus.OK
            text = f'the whole picture is blurred: {reason}' if reason else 'strangers are blurred'
            statuses.append(self.diagnostic('privacy', level, text))
        if problem := self._privacy.problem:
            statuses.append(self.diagnostic('privacy memory', DiagnosticStatus.WARN, problem))
        return statuses

    def _recall_privacy(self) -> None:
        is_hiding = self._privacy.recall()
        self._tell_privacy()
        if is_hiding != self.parameters.blur_strangers:
            self._is_recalling = True
            self.set_parameters([Parameter('blur_strangers', value=is_hiding)])
            self._is_recalling = False

    def _tell_privacy(self) -> None:
        if self._privacy.problem:
            self.get_logger().error(self._privacy.problem)

    def _on_faces(self, faces: FaceArray) -> None:
        self._enrolment.lives(time.monotonic())
        # The watch must know a result before anybody is given it.
        if self.parameters.blur_strangers:
            size = (faces.width, faces.height)
            self._strangers.saw(faces.monotonic_ns, size, seen_faces(faces))
        self._faces.put(faces.monotonic_ns, faces)

    def _on_hands(self, hands: HandArray) -> None:
        self._held.heard(hands.monotonic_ns)
        self._hands.put(hands.monotonic_ns, hands)

    def _on_event(self, event: GestureEvent) -> None:
        hand = event.hand_track_id
        if event.phase == GestureEvent.BEGIN:
            self._held.begins(hand, event.gesture)
        elif event.phase == GestureEvent.END:
            self._held.ends(hand)
        elif event.phase == GestureEvent.MOVED:
            self._notes.movement(event.gesture, hand, event.face_track_id, time.monotonic())

    def _on_action(self, action: GestureAction) -> None:
        hand, face = action.hand_track_id, action.face_track_id
        self._notes.answer(outcome_of(action), action.action, hand, face, time.monotonic())

    def _on_enrolment(self, status: EnrollmentStatus) -> None:
        self._enrolment.told(drawn_enrolment(status), time.monotonic())

    def _on_recordings(self, message: RecordingArray) -> None:
        longest_s = max((each.elapsed_s for each in message.recordings), default=None)
        self._recording.told(longest_s, time.monotonic())

    def _check_enrolment(self) -> None:
        shown = self._enrolment.shown(time.monotonic())
        if shown is not None and not self.count_publishers('enrollment'):
            self._enrolment.clear()

    def _is_watched(self) -> bool:
        return bool(self._public.subscriber_count) or self._is_drawing_watched()

    def _is_drawing_watched(self) -> bool:
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
            if not frame.live:
                # What comes after it may be another scene.
                self._strangers.clear()
            if not self._is_watched():
                self._blurred_whole = ''
                self._reporter.idle()
                continue
            if not self._rate.takes(frame.monotonic_ns * 1e-9):
                continue
            try:
                self._serve(frame)
            except FrameOverwritten:
                self._rate.lost()

    def _serve(self, frame: Frame) -> None:
        """Publish a picture on the channels that are watched."""
        height, width = frame.image.shape[:2]
        geometry = Geometry(width, height)
        plain: _Plain | None = None
        if self._public.subscriber_count and self._has_ring(self._public, geometry):
            with _slot(self._public, geometry, frame) as slot:
                plain = self._copy_plain(frame, slot.image)
        if self._is_drawing_watched() and self._has_ring(self._annotated, geometry):
            self._annotate(frame, geometry, plain)
        elif plain is not None:
            self._reporter.done(frame.monotonic_ns)

    def _has_ring(self, channel: FramePublisher, geometry: Geometry) -> bool:
        try:
            channel.reserve(geometry)
        except (RingInUse, SharedMemoryFull) as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)
            return False
        return True

    def _annotate(self, frame: Frame, geometry: Geometry, plain: _Plain | None) -> None:
        """Draw on a copy of the picture, or of what the other channel has made of it."""
        self._drawn.tick(time.monotonic())
        with _slot(self._annotated, geometry, frame) as slot:
            if plain is None:
                plain = self._copy_plain(frame, slot.image)
            else:
                np.copyto(slot.image, plain.picture)
            if frame.live:
                self._draw(frame, slot.image, plain)
        self._reporter.done(frame.monotonic_ns)
        # Viewers of the ring have it by now. Its slot is not written again before this thread has
        # drawn as many pictures as the ring has slots.
        self._publish_images(slot.image, frame.header)

    def _copy_plain(self, frame: Frame, out: Picture) -> _Plain:
        """Copy the picture into `out`, without strangers if that is wanted."""
        _copy_as_bgr(frame, out)
        if not frame.live or not self.parameters.blur_strangers:
            return _Plain(out)
        faces = self._faces_for(frame, max(self.parameters.wait_ms, self.parameters.blur_wait_ms))
        size = (out.shape[1], out.shape[0])
        result_ns = None if faces is None else faces.monotonic_ns
        cover = self._strangers.cover(frame.monotonic_ns, size, result_ns)
        if cover.reason:
            blur_picture(out)
        else:
            blur_faces(out, cover.faces)
        self._blurred_whole = cover.reason
        return _Plain(out, True, faces, cover.reason)

    def _faces_for(self, frame: Frame, wait_ms: float) -> FaceArray | None:
        limit_s = self.parameters.faces_limit_s
        return self._faces.get(frame.monotonic_ns, wait_s=wait_ms * 1e-3, limit_s=limit_s)

    def _draw(self, frame: Frame, picture: Picture, plain: _Plain) -> None:
        wanted, now_s = self.parameters, time.monotonic()
        faces = plain.faces if plain.is_blurred else self._faces_for(frame, wanted.wait_ms)
        # Hands take longer than anyone would wait for.
        hands = self._hands.get(frame.monotonic_ns, wait_s=0.0, limit_s=wanted.hands_limit_s)
        drawn_faces = [drawn_face(face) for face in faces.faces] if faces is not None else []
        drawn_hands = [self._drawn_hand(hand) for hand in hands.hands] if hands is not None else []
        draw_overlay(
            picture,
            drawn_faces,
            drawn_hands,
            self._status(frame.header, len(drawn_faces), len(drawn_hands), plain.reason),
            wanted.layers,
            enrolment=self._enrolment.shown(now_s),
            notes=self._notes.placed(drawn_hands, drawn_faces, now_s),
        )

    def _drawn_hand(self, hand: Hand) -> DrawnHand:
        # Either says so: an event may have been lost, and an end may have no picture.
        is_held = hand.hold_progress >= 1.0 or self._held.holds(hand.track_id, hand.gesture)
        return drawn_hand(hand, is_held=is_held)

    def _status(self, header: Header, faces: int, hands: int, blurred: str) -> str:
        now_s = time.monotonic()
        fps, recording = self._drawn.hz(now_s), self._recording.shown(now_s)
        return status_line(
            header.stamp.sec, fps, faces=faces, hands=hands, recording=recording, blurred=blurred
        )

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


def _slot(
    channel: FramePublisher, geometry: Geometry, frame: Frame
) -> contextlib.AbstractContextManager[FrameSlot]:
    return channel.slot(
        geometry, header=frame.header, monotonic_ns=frame.monotonic_ns, live=frame.live
    )


def _copy_as_bgr(frame: Frame, out: Picture) -> None:
    """Copy the picture into `out`, colours made of grey; raises `FrameOverwritten`."""
    if frame.image.ndim == 3:
        frame.copy(out)
        return
    cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR, dst=out)
    if not frame.intact():
        raise FrameOverwritten(f'picture {frame.sequence} was overwritten while it was copied')


def main(args: list[str] | None = None) -> None:
    """Run the overlay node."""
    run_node(OverlayNode, args)
