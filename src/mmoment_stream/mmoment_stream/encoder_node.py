"""The one H.264 encode of the camera, for clips, live streams and live views.

It reads a channel of overlay_node, never the raw pictures, and only while somebody takes packets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import cv2
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.event_handler import PublisherEventCallbacks, QoSPublisherMatchedInfo
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_srvs.srv import Trigger

from mmoment_camera.frame_topic import Frame
from mmoment_interfaces.msg import EncoderStatus
from mmoment_interfaces.msg import VideoPacket as VideoPacketMessage
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.picture_rate import PictureRate
from mmoment_node.stage import StageReporter
from mmoment_stream.encoder_backends import EncoderFault, Opener
from mmoment_stream.encoder_choice import EncoderChooser
from mmoment_stream.encoder_figures import EncoderReport
from mmoment_stream.encoder_messages import packet_message, status_message, utc_ns_of
from mmoment_stream.encoder_parameters import ANNOTATED, PUBLIC, EncoderParameters
from mmoment_stream.encoder_probe import openers
from mmoment_stream.encoder_prober import EncoderProber
from mmoment_stream.frame_feed_topic import FrameFeed
from mmoment_stream.video_encoder import VideoEncoder

TOPICS = {PUBLIC: 'public/frames', ANNOTATED: 'overlay/frames'}
# A packet that is missing makes those after it worthless. A second of them, for who is held up.
VIDEO_QOS = QoSProfile(depth=30, reliability=ReliabilityPolicy.RELIABLE)
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
WAIT_S = 0.5
STATUS_PERIOD_S = 1.0
# Longer than an encoder in another program is waited for.
HANG_S = 20.0
END_S = 5.0
# Of the pictures of the last second.
DROPPED_SHARE = 0.1

# Conversion runs beside the encoder's own threads; more would only take cores from the models.
cv2.setNumThreads(1)


class EncoderNode(ManagedNode[EncoderParameters]):
    """Publishes `video` and `encoder_status`, serves `request_keyframe`."""

    NAME = 'encoder_node'
    PARAMETERS = EncoderParameters
    OPENERS: ClassVar[Mapping[str, Opener]] = openers()
    PROBER: ClassVar[Callable[[], EncoderProber]] = EncoderProber

    def open(self) -> None:
        """Make topics and service; the encoder comes with the first picture."""
        self._is_wanted = False
        self._has_other_channel = False
        self._told = (0, 0)
        self._prober = self.PROBER()
        chooser = EncoderChooser(self.OPENERS, self._prober)
        self._encoder = VideoEncoder(self.parameters, chooser, tell=self._tell)
        self._feed = FrameFeed(self)
        self._status = self.create_publisher(EncoderStatus, 'encoder_status', LATCHED_QOS)
        self._video = self.create_publisher(
            VideoPacketMessage,
            'video',
            VIDEO_QOS,
            event_callbacks=PublisherEventCallbacks(matched=self._on_matched),
        )
        self._service = self.create_service(Trigger, 'request_keyframe', self._on_request)

    def start(self) -> None:
        """Begin to encode, as soon as somebody takes packets."""
        self._rate = PictureRate(self.parameters.fps, self._feed)
        self._reporter = StageReporter(self, self._rate, self._encoder.report().encoder)
        self._prober.resume()
        self._is_wanted = True
        self._timer = self.create_timer(STATUS_PERIOD_S, self._look_after)
        self._worker = self.spawn(self._work, 'encoder')
        self._subscribe(self.parameters.channel)

    def stop(self) -> None:
        """Stop encoding; also after start() has failed half-way."""
        self._is_wanted = False
        self._prober.cancel()
        self._feed.close()
        if worker := self.__dict__.pop('_worker', None):
            # A driver that hangs never lets go of it; the process may end nevertheless.
            worker.join(END_S)
        if timer := self.__dict__.pop('_timer', None):
            self.destroy_timer(timer)
        if reporter := self.__dict__.pop('_reporter', None):
            reporter.close()

    def close(self) -> None:
        """Remove topics and service."""
        for name in ('_video', '_status'):
            if publisher := self.__dict__.pop(name, None):
                self.destroy_publisher(publisher)
        if service := self.__dict__.pop('_service', None):
            self.destroy_service(service)

    def parameters_changed(self, old: EncoderParameters, new: EncoderParameters) -> None:
        """Hand changes on; they take effect with the next picture."""
        if '_video' not in self.__dict__:
            return
        self._encoder.parameters = new
        if self._is_wanted:
            self._rate.maximum_hz = new.fps
            self._subscribe(new.channel)

    def diagnose(self) -> list[DiagnosticStatus]:
        """Which encoder and why, how it keeps up, what comes out."""
        report = self._encoder.report()
        return [
            self._encoder_status(report),
            self._reporter.diagnostic(),
            self._video_status(report),
        ]

    def _on_matched(self, matched: QoSPublisherMatchedInfo) -> None:
        if matched.total_count_change > 0:
            self._encoder.request_keyframe()
        if self._is_wanted:
            self._subscribe(self.parameters.channel)
            self._publish_status()

    def _on_request(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._is_wanted
        if not self._is_wanted:
            response.message = 'The encoder is not active'
        elif self._encoder.request_keyframe():
            response.message = 'The next picture is a keyframe'
        else:
            response.message = (
                'This encoder makes keyframes at its interval only: wait for the next'
            )
        return response

    def _is_needed(self) -> bool:
        return bool(self._video.get_subscription_count())

    def _subscribe(self, channel: str) -> None:
        """Take pictures of this channel if somebody needs packets, else none."""
        topic = TOPICS[channel] if self._is_needed() else ''
        if topic == self._feed.topic:
            return
        # A clip is of one channel: whether it has drawings is said of all of it.
        self._has_other_channel = topic != ''
        if topic:
            self._encoder.request_keyframe()
            self._feed.open(topic)
        else:
            self._feed.close()

    def _look_after(self) -> None:
        self._subscribe(self.parameters.channel)
        self._publish_status()
        if self._encoder.busy_s > HANG_S:
            # Only the end of the process frees a thread that a driver holds.
            name = self._encoder.report().encoder
            self.fail(EncoderFault(name, f'has held a picture for {HANG_S:g} s: it hangs'))

    def _work(self) -> None:
        self._encoder.prepare()
        while self._is_wanted:
            frame = self._feed.newest(WAIT_S)
            if self._has_other_channel:
                self._has_other_channel = False
                self._encoder.release()
                continue
            if not self._feed.topic:
                self._encoder.release()
            elif frame is None:
                continue
            elif self._rate.takes(frame.monotonic_ns * 1e-9):
                self._serve(frame)
            else:
                self._reporter.idle()
        self._encoder.release()

    def _serve(self, frame: Frame) -> None:
        packets = self._encoder.encode(frame, utc_ns_of(frame.header))
        for packet in packets:
            self._video.publish(packet_message(packet, frame.header.frame_id))
            self._reporter.done(packet.monotonic_ns)

    def _tell(self, text: str, is_warning: bool) -> None:
        if is_warning:
            self.get_logger().warning(text)
        else:
            self.get_logger().info(text)
        self._reporter.backend = self._encoder.report().encoder
        self._publish_status()

    def _dropped(self, report: EncoderReport) -> int:
        return report.lost + self._feed.dropped + self._feed.overwritten

    def _publish_status(self) -> None:
        report = self._encoder.report()
        message = status_message(
            report, encoding=self._is_needed(), channel=self.parameters.channel
        )
        message.dropped = self._dropped(report)
        message.header.stamp = self.get_clock().now().to_msg()
        self._status.publish(message)

    def _encoder_status(self, report: EncoderReport) -> DiagnosticStatus:
        level = DiagnosticStatus.WARN if report.is_substitute else DiagnosticStatus.OK
        text = f'{report.encoder}: {report.reason}' if report.encoder else 'not used yet'
        return self.diagnostic(
            'encoder',
            level,
            text,
            encoder=report.encoder,
            hardware=report.is_hardware,
            fallbacks=report.fallbacks,
            last_error=report.last_error,
        )

    def _video_status(self, report: EncoderReport) -> DiagnosticStatus:
        dropped = self._dropped(report)
        new_packets, new_dropped = report.packets - self._told[0], dropped - self._told[1]
        self._told = report.packets, dropped
        level = DiagnosticStatus.OK
        text = f'{report.fps:.1f} pictures per second, {report.kbps:.0f} kbit/s'
        if not self._is_needed():
            text = 'nobody takes packets'
        elif not (new_packets or new_dropped):
            topic = TOPICS[self.parameters.channel]
            level, text = DiagnosticStatus.WARN, f'no pictures come on {topic}'
        elif new_dropped > DROPPED_SHARE * (new_packets + new_dropped):
            level = DiagnosticStatus.WARN
            text = (
                f'{new_dropped} of {new_packets + new_dropped} pictures were not encoded: choose a '
                'faster preset, a smaller maximum_height or a lower fps'
            )
        return self.diagnostic(
            'video',
            level,
            text,
            size=f'{report.width}x{report.height}',
            fps=f'{report.fps:.2f}',
            kbps=f'{report.kbps:.0f}',
            target_kbps=f'{report.target_kbps:.0f}',
            encode_ms=f'{report.encode_ms:.1f}',
            packets=report.packets,
            dropped=dropped,
        )


def main(args: list[str] | None = None) -> None:
    """Run the encoder node."""
    run_node(EncoderNode, args)
