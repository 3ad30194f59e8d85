"""Packets and the state of the encoder as messages, and packets out of them."""

from __future__ import annotations

from array import array

from std_msgs.msg import Header

from mmoment_interfaces.msg import EncoderStatus
from mmoment_interfaces.msg import VideoPacket as VideoPacketMessage
from mmoment_stream.encoder_figures import EncoderReport
from mmoment_stream.encoder_run import NS_PER_S
from mmoment_stream.video_packet import VideoPacket

FORMAT = 'h264'


def utc_ns_of(header: Header) -> int:
    """The time in a header, nanoseconds since 1970."""
    return int(header.stamp.sec) * NS_PER_S + int(header.stamp.nanosec)


def packet_message(packet: VideoPacket, frame_id: str) -> VideoPacketMessage:
    """A packet of the camera with this coordinate frame."""
    message = VideoPacketMessage(
        sequence=packet.sequence,
        frame_sequence=packet.frame_sequence,
        monotonic_ns=packet.monotonic_ns,
        epoch=packet.epoch,
        keyframe=packet.keyframe,
        live=packet.live,
        width=packet.width,
        height=packet.height,
        format=FORMAT,
    )
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(packet.utc_ns, NS_PER_S)
    message.header.frame_id = frame_id
    # rclpy looks at every element of anything else.
    message.data = array('B', packet.data)
    return message


def packet_of(message: VideoPacketMessage) -> VideoPacket:
    """The packet in a message."""
    return VideoPacket(
        data=bytes(message.data),
        monotonic_ns=message.monotonic_ns,
        utc_ns=utc_ns_of(message.header),
        sequence=message.sequence,
        frame_sequence=message.frame_sequence,
        epoch=message.epoch,
        keyframe=message.keyframe,
        live=message.live,
        width=message.width,
        height=message.height,
    )


def status_message(report: EncoderReport, *, encoding: bool, channel: str) -> EncoderStatus:
    """The state of the encoder, without header. `dropped` has what the encoder lost itself."""
    return EncoderStatus(
        encoding=encoding,
        encoder=report.encoder,
        reason=report.reason,
        hardware=report.is_hardware,
        channel=channel,
        width=report.width,
        height=report.height,
        fps=report.fps,
        target_kbps=float(report.target_kbps),
        kbps=report.kbps,
        encode_ms=report.encode_ms,
        packets=report.packets,
        dropped=report.lost,
        fallbacks=report.fallbacks,
        last_error=report.last_error,
    )
