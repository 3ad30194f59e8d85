"""Faces: takes the newest pictures, publishes the faces of each and who they are."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile

from mmoment_camera.frame_ring import FrameOverwritten
from mmoment_camera.frame_topic import Frame, FrameSubscriber
from mmoment_chain.places import FOLDER_VARIABLE, KEYS_NAME, camera_folder
from mmoment_chain.secret_bytes import harden_process, lock_problem
from mmoment_interfaces.msg import FaceArray
from mmoment_node.errors import ConfigurationError
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.picture_rate import PictureRate
from mmoment_node.stage import StageReporter
from mmoment_vision.enrolment_requests import RequestSettings
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_detection import FaceDetector, open_detector
from mmoment_vision.face_embedding import FaceEmbedder, open_embedder
from mmoment_vision.face_identity import NamedFace
from mmoment_vision.face_messages import tracked_face_message
from mmoment_vision.face_parameters import FaceParameters, check_parameters
from mmoment_vision.face_pipeline import FacePipeline, SearchSettings
from mmoment_vision.face_recognition import FaceRecognizer
from mmoment_vision.face_requests import FaceRequests, NoFaceRequests
from mmoment_vision.face_tracking import TrackedFace, TrackingSettings
from mmoment_vision.face_vault import FaceVault
from mmoment_vision.keeping_requests import KeepingRequests
from mmoment_vision.mtcnn import MtcnnSettings
from mmoment_vision.mtcnn_runtime import DeviceError
from mmoment_vision.mtcnn_weights import WeightsError

RESULT_QOS = QoSProfile(depth=2)
WAIT_S = 0.5


class FaceNode(ManagedNode[FaceParameters]):
    """Publishes `faces` for the pictures of `frames`; learns, recognises and forgets people."""

    NAME = 'face_node'
    PARAMETERS = FaceParameters

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__(**node_arguments)
        # Others remember faces by these: none comes twice, however often the node is configured.
        self._track_ids = count(1)
        # Tells this process from the one before it, whose enrolment nobody will finish.
        self._run_id = secrets.token_hex(4)

    def open(self) -> None:
        """Load the detector and make the publisher."""
        self._frames: FrameSubscriber | None = None
        self._pipeline: FacePipeline | None = None
        self._recognizer: FaceRecognizer | None = None
        self._why_unrecognised = ''
        self._picture = np.empty(0, np.uint8)
        try:
            check_parameters(self.parameters)
        except ValueError as error:
            raise ConfigurationError(f'face_node: {error}') from error
        cv2.setNumThreads(self.parameters.threads)
        self._detector = self._open_detector()
        self._recognizer = self._open_recognizer()
        self._vault = self._open_vault()
        if self._recognizer is not None:
            self._keeping = KeepingRequests(self, self._recognizer, self._vault)
        self._publisher = self.create_publisher(FaceArray, 'faces', RESULT_QOS)
        self.get_logger().info(f'faces are found by {self._detector.name}')
        if self._recognizer is not None:
            self.get_logger().info(f'people are told apart by {self._recognizer.embedder.name}')
        else:
            self.get_logger().info(f'nobody is recognised: {self._why_unrecognised}')

    def start(self) -> None:
        """Begin to look at pictures."""
        parameters = self.parameters
        self._pipeline = FacePipeline(
            self._detector,
            _search_settings(parameters),
            _tracking_settings(parameters),
            self._track_ids,
        )
        if self._recognizer is not None:
            self._recognizer.start()
        self._requests = self._open_requests()
        self._frames = FrameSubscriber(self, 'frames')
        self._rate = PictureRate(parameters.maximum_rate_hz, self._frames)
        self._reporter = StageReporter(self, self._rate, self._detector.name)
        self._is_wanted = True
        self._worker = self.spawn(self._work, 'faces')

    def stop(self) -> None:
        """Stop looking at pictures; who is known stays known. Also after a start that failed."""
        self._is_wanted = False
        if self._frames is not None:
            self._frames.close()
            self._frames = None
        # First who looks at pictures, then what it gives them to.
        if worker := self.__dict__.pop('_worker', None):
            worker.join()
        if reporter := self.__dict__.pop('_reporter', None):
            reporter.close()
        if requests := self.__dict__.pop('_requests', None):
            requests.close()
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None
        if self._recognizer is not None:
            self._recognizer.stop()

    def close(self) -> None:
        """Wipe who is known; free the models and the publisher."""
        if keeping := self.__dict__.pop('_keeping', None):
            keeping.close()
        if self._recognizer is not None:
            self._recognizer.close()
            self._recognizer = None
        self.__dict__.pop('_detector', None)
        self.__dict__.pop('_picture', None)
        publisher = self.__dict__.pop('_publisher', None)
        if publisher is not None:
            self.destroy_publisher(publisher)

    def parameters_changed(self, old: FaceParameters, new: FaceParameters) -> None:
        """Take new limits at once."""
        check_parameters(new)
        if self.is_running and self._pipeline is not None:
            self._rate.maximum_hz = new.maximum_rate_hz
            self._pipeline.search = _search_settings(new)
            self._pipeline.tracker.settings = _tracking_settings(new)
            if isinstance(self._requests, FaceRequests):
                self._requests.set_settings(_request_settings(new))

    def diagnose(self) -> list[DiagnosticStatus]:
        """How the stage keeps up, how the detector does, and how many people are known."""
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
        return [self._reporter.diagnostic(), detector, *self._diagnose_recognition()]

    def _diagnose_recognition(self) -> list[DiagnosticStatus]:
        recognizer = self._recognizer
        if recognizer is None:
            level = DiagnosticStatus.OK
            if self.parameters.embedder != 'none':
                level = DiagnosticStatus.WARN
            return [self.diagnostic('recognition', level, f'off: {self._why_unrecognised}')]
        counts = recognizer.counts()
        recognition = self.diagnostic(
            'recognition',
            DiagnosticStatus.OK,
            recognizer.embedder.name,
            model_id=recognizer.embedder.model_id,
            embedder=recognizer.embedder.name,
            people=counts.people,
            templates=counts.templates,
            embedded=counts.embedded,
            run=self._run_id,
            embed_ms_p50=f'{counts.embed_ms_p50:.1f}',
            embed_ms_p99=f'{counts.embed_ms_p99:.1f}',
            waiting=counts.waiting,
            tracks=counts.keeper.tracks,
            named=counts.keeper.named,
            doubtful=counts.keeper.doubtful,
            names_given=counts.keeper.names_given,
            names_withdrawn=counts.keeper.names_withdrawn,
        )
        memory = self.diagnostic('memory', DiagnosticStatus.OK, 'templates are locked in memory')
        if not counts.is_locked:
            memory = self.diagnostic('memory', DiagnosticStatus.WARN, lock_problem())
        return [recognition, memory]

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

    def _open_recognizer(self) -> FaceRecognizer | None:
        if self.parameters.embedder == 'none':
            self._why_unrecognised = 'the parameter embedder is none'
            return None
        if self._detector.measure is None:
            # Faces are turned upright by landmarks, which the Haar cascade does not have.
            self._why_unrecognised = (
                f'{self._detector.name} gives no landmarks: set backend to mtcnn'
            )
            return None
        embedder = self._open_embedder()
        decision = embedder.decision
        if self.parameters.similarity_threshold:
            decision = replace(decision, threshold=self.parameters.similarity_threshold)
        return FaceRecognizer(embedder, decision=decision)

    def _open_requests(self) -> FaceRequests | NoFaceRequests:
        if self._recognizer is None:
            return NoFaceRequests(self, self._why_unrecognised)
        settings = _request_settings(self.parameters)
        return FaceRequests(
            self, self._recognizer, self._open_detector, self._vault, self._keeping, settings
        )

    def _open_vault(self) -> FaceVault:
        folder = self.parameters.data_folder
        environ = {**os.environ, FOLDER_VARIABLE: folder} if folder else os.environ
        return FaceVault(camera_folder(self.get_namespace(), environ) / KEYS_NAME)

    def _open_embedder(self) -> FaceEmbedder:
        parameters = self.parameters
        folder = Path(parameters.models_folder) if parameters.models_folder else None
        try:
            embedder = open_embedder(parameters.embedder, parameters.device, folder)
        except (WeightsError, DeviceError) as error:
            raise ConfigurationError(f'face_node: {error}') from error
        return embedder

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
            picture = frame.image
            self._pipeline.reset()
            faces = []
        names = self._recognise(picture, faces, frame)
        message = FaceArray(
            header=frame.header, sequence=frame.sequence, monotonic_ns=frame.monotonic_ns
        )
        message.height, message.width = frame.image.shape[:2]
        message.faces = [tracked_face_message(face, names.get(face.track_id)) for face in faces]
        self._publisher.publish(message)
        self._reporter.done(frame.monotonic_ns)

    def _recognise(
        self, picture: Picture, faces: list[TrackedFace], frame: Frame
    ) -> dict[int, NamedFace]:
        """Names by track id; what others have asked for comes before them."""
        now_s = frame.monotonic_ns * 1e-9
        recognizer, requests = self._recognizer, self._requests
        if recognizer is None or not isinstance(requests, FaceRequests):
            return {}
        recognizer.hear(faces, now_s)
        if frame.live:
            requests.look(picture, faces, now_s)
        else:
            requests.look_away()
        return recognizer.name_faces(picture, faces, now_s)

    def _private(self, frame: Frame) -> Picture:
        """Our copy of the picture, BGR; good until the next one. Raises FrameOverwritten."""
        if self._picture.shape != frame.image.shape:
            self._picture = np.empty(frame.image.shape, np.uint8)
        picture = frame.copy(self._picture)
        if picture.ndim == 3:
            return picture
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)


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


def _request_settings(parameters: FaceParameters) -> RequestSettings:
    return RequestSettings(views=parameters.enroll_views, timeout_s=parameters.enroll_timeout_s)


def main(args: list[str] | None = None) -> None:
    """Run the face node."""
    harden_process()
    run_node(FaceNode, args)
