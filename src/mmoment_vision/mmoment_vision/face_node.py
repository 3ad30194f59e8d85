"""Faces: takes the newest pictures, publishes the faces of each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point32
from rclpy.qos import QoSProfile

from mmoment_camera.frame_ring import FrameOverwritten
from mmoment_camera.frame_topic import Frame, FrameSubscriber
from mmoment_interfaces.msg import Face, FaceArray
from mmoment_node.errors import ConfigurationError
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.parameters import parameter
from mmoment_node.picture_rate import PictureRate
from mmoment_node.stage import StageReporter
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_detection import BACKENDS, FaceDetector, open_detector
from mmoment_vision.face_pipeline import FacePipeline, SearchSettings
from mmoment_vision.face_tracking import TrackedFace, TrackingSettings
from mmoment_vision.mtcnn import MtcnnSettings
from mmoment_vision.mtcnn_runtime import DEVICES, DeviceError
from mmoment_vision.mtcnn_weights import WeightsError

RESULT_QOS = QoSProfile(depth=2)
WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class FaceParameters:
    """Parameters of the face node."""

    backend: str = parameter(
        'auto',
        'Face detector; auto takes MTCNN, or the Haar cascade where MTCNN is not installed',
        choices=BACKENDS,
        read_only=True,
    )
    device: str = parameter(
        'auto', 'Where MTCNN runs; auto takes CUDA where it is', choices=DEVICES, read_only=True
    )
    threads: int = parameter(
        1,
        'Threads of one detection; tracking has one of its own',
        minimum=1,
        maximum=64,
        read_only=True,
    )
    maximum_rate_hz: float = parameter(
        60.0, 'Pictures looked at per second at most', unit='Hz', minimum=0.5, maximum=240.0
    )
    detection_interval_s: float = parameter(
        0.25,
        'From one search of the whole picture for new faces to the next',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    nearby_interval_s: float = parameter(
        0.08,
        'The same around faces that are or were there: in a crowd one comes from behind another',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    minimum_face_px: float = parameter(
        40.0,
        'Longer side of the smallest face to find; half of it costs four times as much',
        unit='px',
        minimum=20.0,
        maximum=1000.0,
        read_only=True,
    )
    proposal_threshold: float = parameter(
        0.85,
        'First stage of MTCNN: lower finds a few more faces and costs much more',
        minimum=0.3,
        maximum=0.99,
        read_only=True,
    )
    score_threshold: float = parameter(
        0.7, 'Score from which a new face counts', minimum=0.1, maximum=0.99, read_only=True
    )
    show_unconfirmed_s: float = parameter(
        0.3,
        'A face that is followed but not recognisable as one stays in the result this long',
        unit='s',
        minimum=0.0,
        maximum=5.0,
    )
    keep_track_s: float = parameter(
        1.0,
        'A face out of sight keeps its track id this long',
        unit='s',
        minimum=0.0,
        maximum=5.0,
    )


class FaceNode(ManagedNode[FaceParameters]):
    """Publishes `faces` for the pictures of `frames`."""

    NAME = 'face_node'
    PARAMETERS = FaceParameters

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__(**node_arguments)
        # Others remember faces by these: none comes twice, however often the node is configured.
        self._track_ids = count(1)

    def open(self) -> None:
        """Load the detector and make the publisher."""
        self._frames: FrameSubscriber | None = None
        self._pipeline: FacePipeline | None = None
        self._picture = np.empty(0, np.uint8)
        try:
            _check(self.parameters)
        except ValueError as error:
            raise ConfigurationError(f'face_node: {error}') from error
        cv2.setNumThreads(self.parameters.threads)
        self._detector = self._open_detector()
        self._publisher = self.create_publisher(FaceArray, 'faces', RESULT_QOS)
        self.get_logger().info(f'faces are found by {self._detector.name}')

    def start(self) -> None:
        """Begin to look at pictures."""
        parameters = self.parameters
        self._pipeline = FacePipeline(
            self._detector,
            _search_settings(parameters),
            _tracking_settings(parameters),
            self._track_ids,
        )
        self._frames = FrameSubscriber(self, 'frames')
        self._rate = PictureRate(parameters.maximum_rate_hz, self._frames)
        self._reporter = StageReporter(self, self._rate, self._detector.name)
        self._is_wanted = True
        self._worker = self.spawn(self._work, 'faces')

    def stop(self) -> None:
        """Stop looking at pictures."""
        self._is_wanted = False
        if self._frames is not None:
            self._frames.close()
            self._worker.join()
            self._frames = None
            self._reporter.close()
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None

    def close(self) -> None:
        """Free the detector and the publisher."""
        self.__dict__.pop('_detector', None)
        self.__dict__.pop('_picture', None)
        publisher = self.__dict__.pop('_publisher', None)
        if publisher is not None:
            self.destroy_publisher(publisher)

    def parameters_changed(self, old: FaceParameters, new: FaceParameters) -> None:
        """Take new limits at once."""
        _check(new)
        if self.is_running and self._pipeline is not None:
            self._rate.maximum_hz = new.maximum_rate_hz
            self._pipeline.search = _search_settings(new)
            self._pipeline.tracker.settings = _tracking_settings(new)

    def diagnose(self) -> list[DiagnosticStatus]:
        """How the stage keeps up, and how the detector does."""
        pipeline = self._pipeline
        if pipeline is None:
            return []
        detector = self.diagnostic(
            'detector',
            DiagnosticStatus.OK,
            self._detector.name,
            detections=pipeline.detections,
            late_detections=pipeline.late_detections,
        )
        return [self._reporter.diagnostic(), detector]

    def _open_detector(self) -> FaceDetector:
        parameters = self.parameters
        settings = MtcnnSettings(
            min_face_px=parameters.minimum_face_px,
            proposal_threshold=parameters.proposal_threshold,
            output_threshold=parameters.score_threshold,
        )
        try:
            return open_detector(parameters.backend, parameters.device, settings)
        except (WeightsError, DeviceError) as error:
            raise ConfigurationError(str(error)) from error

    def _work(self) -> None:
        while self._is_wanted:
            frames = self._frames
            frame = frames.newest(WAIT_S) if frames is not None else None
            if frame is not None and self._rate.takes(frame.monotonic_ns * 1e-9):
                self._look_at(frame)

    def _look_at(self, frame: Frame) -> None:
        assert self._pipeline is not None
        if frame.live:
            # What a torn picture does to the tracks could not be taken back: look at it whole.
            try:
                picture = self._private(frame)
            except FrameOverwritten:
                self._rate.lost()
                return
            faces = self._pipeline.process(picture, frame.sequence, frame.monotonic_ns * 1e-9)
        else:
            # A placeholder picture has no faces, whatever a model may see in it.
            self._pipeline.reset()
            faces = []
        message = FaceArray(
            header=frame.header, sequence=frame.sequence, monotonic_ns=frame.monotonic_ns
        )
        message.height, message.width = frame.image.shape[:2]
        message.faces = [_message(face) for face in faces]
        self._publisher.publish(message)
        self._reporter.done(frame.monotonic_ns)

    def _private(self, frame: Frame) -> Picture:
        """Our copy of the picture, BGR; good until the next one. Raises FrameOverwritten."""
        if self._picture.shape != frame.image.shape:
            self._picture = np.empty(frame.image.shape, np.uint8)
        picture = frame.copy(self._picture)
        if picture.ndim == 3:
            return picture
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)


def _check(parameters: FaceParameters) -> None:
    if parameters.show_unconfirmed_s > parameters.keep_track_s:
        raise ValueError(
            f'show_unconfirmed_s {parameters.show_unconfirmed_s:g} must not be above '
            f'keep_track_s {parameters.keep_track_s:g}'
        )


def _search_settings(parameters: FaceParameters) -> SearchSettings:
    return SearchSettings(
        whole_interval_s=parameters.detection_interval_s,
        near_interval_s=parameters.nearby_interval_s,
    )


def _tracking_settings(parameters: FaceParameters) -> TrackingSettings:
    return TrackingSettings(
        begin_score=parameters.score_threshold,
        show_unconfirmed_s=parameters.show_unconfirmed_s,
        keep_unconfirmed_s=parameters.keep_track_s,
    )


def _message(face: TrackedFace) -> Face:
    left, top, right, bottom = face.box.tolist()
    return Face(
        track_id=face.track_id,
        x=left,
        y=top,
        width=right - left,
        height=bottom - top,
        score=face.score,
        detected=face.detected_now,
        age_s=face.age_s,
        detection_age_s=face.undetected_s,
        landmarks=[Point32(x=x, y=y) for x, y in face.landmarks.tolist()],
    )


def main(args: list[str] | None = None) -> None:
    """Run the face node."""
    run_node(FaceNode, args)
