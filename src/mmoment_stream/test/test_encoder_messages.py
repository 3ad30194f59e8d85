"""Packets and the encoder's state there and back again."""

import pytest

from mmoment_stream.encoder_figures import EncoderReport
from mmoment_stream.encoder_messages import packet_message, packet_of, status_message, utc_ns_of
from mmoment_stream.video_packet import VideoPacket

pytest.importorskip('rclpy')

PACKET = VideoPacket(
    data=bytes(range(256)) * 3,
    monotonic_ns=2**62,
    utc_ns=1_764_000_000_123_456_789,
    sequence=2**40,
    frame_sequence=2**41,
    epoch=2**63 - 1,
    keyframe=True,
    live=False,
    width=1280,
    height=720,
)


def test_a_packet_survives_being_a_message():
    message = packet_message(PACKET, 'camera_optical_frame')
    assert (message.format, message.header.frame_id) == ('h264', 'camera_optical_frame')
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1_764_000_000, 123_456_789)
    assert packet_of(message) == PACKET
    assert isinstance(packet_of(message).data, bytes)
    assert utc_ns_of(message.header) == PACKET.utc_ns


def test_every_figure_of_the_encoder_has_its_field():
    report = EncoderReport(
        encoder='fake_hardware',
        reason='because',
        is_hardware=True,
        width=640,
        height=360,
        target_kbps=800,
        fps=29.5,
        kbps=790,
        encode_ms=3.5,
        packets=12,
        lost=3,
        fallbacks=1,
        last_error='it broke',
    )
    message = status_message(report, encoding=True, channel='annotated')
    assert (message.encoding, message.channel) == (True, 'annotated')
    assert (message.encoder, message.reason, message.hardware) == ('fake_hardware', 'because', True)
    assert (message.width, message.height) == (640, 360)
    assert (message.target_kbps, message.fps, message.kbps) == (800, 29.5, 790)
    assert (message.encode_ms, message.packets, message.dropped) == (3.5, 12, 3)
    assert (message.fallbacks, message.last_error) == (1, 'it broke')
