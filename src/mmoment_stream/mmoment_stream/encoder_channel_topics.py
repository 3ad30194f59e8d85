"""Video of one channel of pictures: its topics and service, and the thread that encodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.event_handler import PublisherEventCallbacks, QoSPublisherMatchedInfo
from std_srvs.srv import Trigger

from mmoment_camera.frame_topic import Frame
from mmoment_interfaces.msg import EncoderStatus, VideoLimit
from mmoment_interfaces.msg import VideoPacket as VideoPacketMessage
from mmoment_node.managed_node import ManagedNode
from mmoment_node.picture_rate import PictureRate
from mmoment_node.stage import StageReporter
from mmoment_stream.bitrate_limits import BitrateLimits
from mmoment_stream.encoder_backends import EncoderFault
from mmoment_stream.encoder_choice import EncoderChooser
from mmoment_stream.encoder_figures import EncoderReport
from mmoment_stream.encoder_messages import packet_message, status_message, utc_ns_of
from mmoment_stream.encoder_parameters import EncoderParameters
from mmoment_stream.frame_feed_topic import FrameFeed
from mmoment_stream.video_channel import VideoChannel
from mmoment_stream.video_encoder import VideoEncoder
from mmoment_stream.video_qos_topics import LATCHED_QOS, LIMIT_QOS, VIDEO_QOS

WAIT_S = 0.5
# Longer than an encoder in another program is waited for.
HANG_S = 20.0
# Of the pictures of the last second.
DROPPED_SHARE = 0.1


class EncoderChannel:
    """Publishes packets and the encoder's state, and encodes while somebody takes packets.

    Once made it is there for others; it works between `start` and `stop`, until `close`.
    """

    def __init__(
        self,
        node: ManagedNode[EncoderParameters],
        channel: VideoChannel,
        chooser: EncoderChooser,
    ) -> None:
        self._node = node
        self._channel = channel
        self._limits = BitrateLimits()
        self._encoder = VideoEncoder(
            node.parameters, chooser, tell=self._tell, limit_kbps=self._limits.lowest_kbps
        )
        self._feed = FrameFeed(node)
        self._rate = PictureRate(node.parameters.fps, self._feed)
        self._is_wanted = False
        self._changing = threading.Lock()
        self._worker: threading.Thread | None = None
        self._reporter: StageReporter | None = None
        self._told = (0, 0)
        self._status = node.create_publisher(EncoderStatus, channel.status, LATCHED_QOS)
        self._video = node.create_publisher(
            VideoPacketMessage,
            channel.video,
            VIDEO_QOS,
            event_callbacks=PublisherEventCallbacks(matched=self._on_matched),
        )
        self._service = node.create_service(Trigger, channel.request_keyframe, self._on_request)
        self._limit = node.create_subscription(VideoLimit, channel.limit, self._on_limit, LIMIT_QOS)

    def start(self, *, prepare: bool) -> None:
        """Begin to encode, as soon as somebody takes packets; until then without a thread.

        prepare: have one now, which finds out which encoder works.
        """
        with self._changing:
            self._is_wanted = True
            if prepare:
                self._begin(self._encoder.prepare)
        self.look_after()

    def cease(self) -> None:
        """Take no more pictures; waits for nothing."""
        with self._changing:
            self._is_wanted = False
            self._feed.close()

    def stop(self, deadline_s: float) -> None:
        """Stop encoding; waits until that time of `time.monotonic` for a picture that is at work.

        A driver that hangs never lets go of its thread; the process may end nevertheless.
        """
        self.cease()
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.join(max(0.0, deadline_s - time.monotonic()))
        reporter, self._reporter = self._reporter, None
        if reporter is not None:
            reporter.close()

    def close(self) -> None:
        """Remove topics and service."""
        self._node.destroy_publisher(self._video)
        self._node.destroy_publisher(self._status)
        self._node.destroy_service(self._service)
        self._node.destroy_subscription(self._limit)

    def change(self, parameters: EncoderParameters) -> None:
        """Take other parameters; they take effect with the next picture."""
        self._encoder.parameters = parameters
        self._rate.maximum_hz = parameters.fps

    def look_after(self) -> None:
        """Once a second: notice who came and went, tell the state, and end a node that hangs."""
        self._settle()
        self._publish_status()
        if self._encoder.busy_s > HANG_S:
            # Only the end of the process frees a thread that a driver holds.
            name = self._encoder.report().encoder
            self._node.fail(EncoderFault(name, f'has held a picture for {HANG_S:g} s: it hangs'))

    def diagnose(self) -> list[DiagnosticStatus]:
        """Which encoder and why, how it keeps up, what comes out."""
        report = self._encoder.report()
        statuses = [self._encoder_status(report), self._video_status(report)]
        if self._reporter is not None:
            statuses.append(self._reporter.diagnostic())
        return statuses

    def _on_matched(self, matched: QoSPublisherMatchedInfo) -> None:
        if matched.total_count_change > 0:
            self._encoder.request_keyframe()
        if self._is_wanted:
            self._settle()
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

    def _on_limit(self, limit: VideoLimit) -> None:
        self._limits.ask(limit.asker, limit.kbps)

    def _is_needed(self) -> bool:
        return bool(self._video.get_subscription_count())

    def _settle(self) -> None:
        """Take pictures if somebody needs packets, else none."""
        with self._changing:
            topic = self._channel.frames if self._is_wanted and self._is_needed() else ''
            if topic == self._feed.topic:
                return
            if topic:
                self._encoder.request_keyframe()
                self._begin()
                self._feed.open(topic)
            else:
                self._feed.close()

    def _begin(self, prepare: Callable[[], None] = lambda: None) -> None:
        """Have a thread, which stays until `stop`."""
        if self._worker is not None:
            return
        backend = self._encoder.report().encoder
        reporter = StageReporter(self._node, self._rate, backend, part=self._channel.part)

        def work() -> None:
            prepare()
            self._work(reporter)

        self._reporter = reporter
        self._worker = self._node.spawn(work, self._channel.named('encoder'))

    def _work(self, reporter: StageReporter) -> None:
        while self._is_wanted:
            frame = self._feed.newest(WAIT_S)
            if not self._feed.topic:
                self._encoder.release()
            elif frame is not None:
                self._serve(frame, reporter)
        self._encoder.release()

    def _serve(self, frame: Frame, reporter: StageReporter) -> None:
        if not self._rate.takes(frame.monotonic_ns * 1e-9):
            reporter.idle()
            return
        for packet in self._encoder.encode(frame, utc_ns_of(frame.header)):
            self._video.publish(packet_message(packet, frame.header.frame_id))
            reporter.done(packet.monotonic_ns)

    def _tell(self, text: str, is_warning: bool) -> None:
        where = f'{self._channel.video}: ' if self._channel.part else ''
        if is_warning:
            self._node.get_logger().warning(where + text)
        else:
            self._node.get_logger().info(where + text)
        if self._reporter is not None:
            self._reporter.backend = self._encoder.report().encoder
        self._publish_status()

    def _dropped(self, report: EncoderReport) -> int:
        return report.lost + self._feed.dropped + self._feed.overwritten

    def _publish_status(self) -> None:
        report = self._encoder.report()
        message = status_message(report, encoding=self._is_needed(), channel=self._channel.name)
        message.dropped = self._dropped(report)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._status.publish(message)

    def _diagnostic(
        self, concern: str, level: bytes, text: str, **values: object
    ) -> DiagnosticStatus:
        return self._node.diagnostic(self._channel.named(concern), level, text, **values)

    def _encoder_status(self, report: EncoderReport) -> DiagnosticStatus:
        level = DiagnosticStatus.WARN if report.is_substitute else DiagnosticStatus.OK
        text = f'{report.encoder}: {report.reason}' if report.encoder else 'not used yet'
        return self._diagnostic(
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
            level = DiagnosticStatus.WARN
            text = f'no pictures come on {self._channel.frames}'
        elif new_dropped > DROPPED_SHARE * (new_packets + new_dropped):
            level = DiagnosticStatus.WARN
            text = (
                f'{new_dropped} of {new_packets + new_dropped} pictures were not encoded: choose a '
                'faster preset, a smaller maximum_height or a lower fps'
            )
        limit_kbps = self._limits.lowest_kbps()
        return self._diagnostic(
            'video',
            level,
            text,
            size=f'{report.width}x{report.height}',
            fps=f'{report.fps:.2f}',
            kbps=f'{report.kbps:.0f}',
            target_kbps=f'{report.target_kbps:.0f}',
            limit_kbps='none' if limit_kbps is None else limit_kbps,
            encode_ms=f'{report.encode_ms:.1f}',
            packets=report.packets,
            dropped=dropped,
        )
