"""The camera node: opens a picture source and publishes what it delivers."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from builtin_interfaces.msg import Time as TimeMessage
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.service import Service
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo
from sensor_msgs.srv import SetCameraInfo

from mmoment_camera.camera_info_store import (
    Calibration,
    default_path,
    load_calibration,
    save_calibration,
)
from mmoment_camera.camera_messages import (
    age_finding,
    calibration_of,
    camera_info,
    camera_status,
    connection_finding,
    rate_finding,
    shared_memory_finding,
    time_message,
)
from mmoment_camera.camera_parameters import CameraParameters
from mmoment_camera.capture_loop import CaptureLoop
from mmoment_camera.errors import CalibrationError, SourceAddressError
from mmoment_camera.frame_ring import DEFAULT_SLOTS, FrameRingError, Geometry
from mmoment_camera.frame_segment import SHARED_MEMORY_DIR
from mmoment_camera.frame_topic import FramePublisher
from mmoment_camera.image_topics import ImageTopics
from mmoment_camera.orientation import orient, oriented_size
from mmoment_camera.source import Image, Picture
from mmoment_camera.source_address import SourceAddress, parse_source, read_source
from mmoment_camera.source_plan import SourcePlan
from mmoment_interfaces.msg import CameraStatus
from mmoment_interfaces.srv import SetSource
from mmoment_node.errors import ConfigurationError
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.recovery import RecoverySnapshot, RecoveryState

STATUS_PERIOD_S = 1.0
# Retries come every few seconds, for days if need be; the log need not tell each.
LOSS_LOG_PERIOD_S = 60.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# A source parameter that starts with this names a file that holds the address.
SECRET_PREFIX = 'secret:'


class CameraNode(ManagedNode[CameraParameters]):
    """Frame ring first, image topics for whoever asks, and the state of it all."""

    NAME = 'camera_node'
    PARAMETERS = CameraParameters

    # --- lifecycle ------------------------------------------------------------------------

    def open(self) -> None:
        """Check everything a person may have got wrong; make topics, services and the ring."""
        self._loop: CaptureLoop | None = None
        self._frames: FramePublisher | None = None
        self._topics: ImageTopics | None = None
        self._status_timer: Timer | None = None
        self._status_topic: Publisher | None = None
        self._own_services: list[Service] = []
        self._loss_logged = ('', 0.0)
        # A source from the command line that cannot work ends the node; one set later does not.
        self._source_is_configured = True
        parameters = self.parameters
        if fault := parameters.fault():
            raise ConfigurationError(f'{self.NAME}: parameter {fault}')
        self._address = self._configured_address()
        self._calibration_path, self._calibration = self._load_calibration()
        size = oriented_size(parameters.width, parameters.height, parameters.rotation)
        try:
            self._frames = FramePublisher(self, 'frames', channel='clean')
            self._frames.reserve(Geometry(*size))
        except FrameRingError as error:
            raise ConfigurationError(f'{self.NAME}: {error}') from error
        self._topics = ImageTopics(
            self,
            camera_info=self._camera_info,
            jpeg_quality=lambda: self.parameters.jpeg_quality,
            on_fault=self._on_fault,
        )
        self._status_topic = self.create_publisher(CameraStatus, 'camera_status', LATCHED)
        self._status_timer = self.create_timer(STATUS_PERIOD_S, self._publish_status)
        self._own_services = [
            self.create_service(SetSource, 'set_source', self._on_set_source),
            self.create_service(SetCameraInfo, 'set_camera_info', self._on_set_camera_info),
        ]
        self._loop = CaptureLoop(
            parameters.source_settings(),
            self._deliver,
            stall_timeout_s=parameters.stall_timeout_s,
            prepare=self._orient,
            on_change=self._on_change,
            on_note=self.get_logger().info,
            on_fault=self._on_fault,
        )

    def start(self) -> None:
        """Begin to deliver."""
        assert self._loop is not None, 'open() makes the loop'
        self._loop.start(SourcePlan(self._address))

    def stop(self) -> None:
        """Deliver nothing more."""
        if self._loop is not None:
            self._loop.stop()
        if self._topics is not None:
            self._topics.stop()

    def close(self) -> None:
        """Free everything; also after open() has failed half-way."""
        self._loop = None
        topics, self._topics = self._topics, None
        if topics is not None:
            topics.close()
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.close()
        timer, self._status_timer = self._status_timer, None
        if timer is not None:
            self.destroy_timer(timer)
        for service in self._own_services:
            self.destroy_service(service)
        self._own_services = []
        status, self._status_topic = self._status_topic, None
        if status is not None:
            self.destroy_publisher(status)

    def parameters_changed(self, old: CameraParameters, new: CameraParameters) -> None:
        """Quality, rotation and flip are looked at for every picture; refuse what is no value."""
        if fault := new.fault():
            raise ValueError(fault)

    def _configured_address(self) -> SourceAddress:
        """The parameter `source`; raises ConfigurationError where it means nothing."""
        text = self.parameters.source
        is_in_file = text.startswith(SECRET_PREFIX)
        try:
            if is_in_file:
                address = read_source(Path(text.removeprefix(SECRET_PREFIX)))
            else:
                address = parse_source(text)
        except SourceAddressError as error:
            raise ConfigurationError(f'{self.NAME}: {error}') from error
        if address.has_credentials and not is_in_file:
            self.get_logger().warning(
                'every node of this graph can read the password in the parameter `source`: '
                f'write the address into a file of mode 0600 and set source to {SECRET_PREFIX}FILE'
            )
        return address

    # --- pictures -------------------------------------------------------------------------

    def _orient(self, image: Image) -> Image:
        """Turned and mirrored as the parameters say."""
        return orient(image, self.parameters.rotation, self.parameters.flip)

    def _deliver(self, picture: Picture, is_live: bool) -> None:
        """Put a picture into the ring and offer it to the image topics."""
        frames, topics = self._frames, self._topics
        if frames is None or topics is None:
            return
        try:
            notice = frames.publish(
                picture.image,
                stamp=self._ros_time(picture.monotonic_ns),
                frame_id=self.parameters.frame_id,
                monotonic_ns=picture.monotonic_ns,
                live=is_live,
            )
        except FrameRingError as error:
            raise ConfigurationError(f'{self.NAME}: {error}') from error
        topics.offer(picture.image, notice.header)

    def _ros_time(self, monotonic_ns: int) -> TimeMessage:
        """That moment on the ROS clock."""
        age_ns = time.monotonic_ns() - monotonic_ns
        stamp_ns = self.get_clock().now().nanoseconds - age_ns
        return time_message(stamp_ns)

    def _on_fault(self, error: Exception) -> None:
        """A thread has ended; what the end of the process does to its threads is no fault."""
        if self.context.ok():
            self.fail(error)

    # --- state ----------------------------------------------------------------------------

    def _on_change(self, snapshot: RecoverySnapshot) -> None:
        """The connection has a new state: log it by who must act, and publish it."""
        loop = self._loop
        if loop is None or not self.context.ok():
            return
        status = loop.status()
        if snapshot.state is RecoveryState.LIVE:
            self._source_is_configured = False
            self._loss_logged = ('', 0.0)
            self.get_logger().info(f'live: {status.source} ({status.pixel_format})')
        elif snapshot.state is RecoveryState.WAITING_TO_RETRY:
            self._log_loss(snapshot.last_error)
        elif snapshot.state is RecoveryState.FAILED:
            if self._source_is_configured:
                self.fail(ConfigurationError(f'{self.NAME}: {snapshot.last_error}'))
            else:
                self.get_logger().error(snapshot.last_error)
        self._publish_status()

    def _log_loss(self, reason: str) -> None:
        """Say why there is no picture: when the reason is new, and now and then."""
        now_s = time.monotonic()
        last_reason, last_s = self._loss_logged
        if reason != last_reason or now_s - last_s >= LOSS_LOG_PERIOD_S:
            self._loss_logged = (reason, now_s)
            self.get_logger().warning(f'no live picture: {reason}; trying again by itself')

    def _publish_status(self) -> None:
        """Publish what the loop does."""
        loop, publisher = self._loop, self._status_topic
        if loop is None or publisher is None:
            return
        message = camera_status(loop.status(), self.parameters.fps)
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = self.parameters.frame_id
        publisher.publish(message)

    def diagnose(self) -> list[DiagnosticStatus]:
        """Connection, rate, frame age and shared memory."""
        if self._loop is None:
            return []
        status = self._loop.status()
        size = Geometry(self.parameters.width, self.parameters.height)
        findings = (
            connection_finding(status),
            rate_finding(status, self.parameters.fps, self._topics.dropped if self._topics else 0),
            age_finding(status),
            shared_memory_finding(
                shutil.disk_usage(SHARED_MEMORY_DIR).free, size.picture_bytes * DEFAULT_SLOTS
            ),
        )
        return [
            self.diagnostic(concern, level, message, **values)
            for concern, level, message, values in findings
        ]

    # --- services -------------------------------------------------------------------------

    def _on_set_source(
        self, request: SetSource.Request, response: SetSource.Response
    ) -> SetSource.Response:
        """Go over to another source."""
        if self._loop is None or not self.is_running:
            response.message = 'the camera is not active: activate camera_node first'
            return response
        try:
            address = parse_source(request.source)
        except SourceAddressError as error:
            response.message = str(error)
            return response
        self._source_is_configured = False
        self._address = address
        self._loop.change(SourcePlan(address))
        response.success = True
        response.message = f'opening {address.description}'
        return response

    def _on_set_camera_info(
        self, request: SetCameraInfo.Request, response: SetCameraInfo.Response
    ) -> SetCameraInfo.Response:
        """Take a calibration over and keep it."""
        name = self.get_namespace().strip('/') or 'camera'
        try:
            calibration = calibration_of(request.camera_info, name)
            save_calibration(self._calibration_path, calibration)
        except CalibrationError as error:
            response.status_message = str(error)
            return response
        self._calibration = calibration
        self.get_logger().info(f'calibration written to {self._calibration_path}')
        response.success = True
        return response

    # --- calibration ----------------------------------------------------------------------

    def _load_calibration(self) -> tuple[Path, Calibration | None]:
        """Where the calibration is kept, and the calibration if there is one.

        Raises ConfigurationError where the file is no calibration.
        """
        chosen = self.parameters.calibration_file
        path = Path(chosen).expanduser() if chosen else default_path(self.get_namespace())
        try:
            return path, load_calibration(path)
        except FileNotFoundError:
            if chosen:
                self.get_logger().warning(
                    f'{path} is not there: pictures are uncalibrated until set_camera_info is called'
                )
            return path, None
        except CalibrationError as error:
            raise ConfigurationError(f'{self.NAME}: {error}') from error

    def _camera_info(self, width_px: int, height_px: int) -> CameraInfo:
        """What camera_info says about pictures of this size."""
        try:
            return camera_info(self._calibration, width_px, height_px)
        except CalibrationError as error:
            self.get_logger().warning(str(error), once=True)
            return CameraInfo(width=width_px, height=height_px)


def main(args: list[str] | None = None) -> None:
    """Run the camera node until it is asked to stop."""
    run_node(CameraNode, args)
