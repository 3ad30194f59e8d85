"""The slate: what a decoder makes of it, and how it is endless."""

import cv2
import numpy as np
import pytest
from encoder_world import decoded, likeness_db

from mmoment_camera.placeholder import paint_placeholder
from mmoment_stream import slate
from mmoment_stream.h264 import parameter_sets
from mmoment_stream.push_target import PushError
from mmoment_stream.slate import Slate

SIZE = (320, 180)


def test_a_decoder_sees_what_was_painted_over_and_over():
    pictures = Slate(*SIZE)
    packets = [pictures.packet(n * 200_000_000) for n in range(25)]
    frames = decoded(packet.data for packet in packets)
    assert len(frames) == 25
    painted = paint_placeholder(*SIZE, list(slate.LINES))
    for frame in frames:
        assert (frame.width, frame.height) == SIZE
        seen = cv2.cvtColor(frame.to_ndarray(format='yuv420p'), cv2.COLOR_YUV2BGR_I420)
        assert likeness_db(cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY), grey(painted)) > 28


def grey(picture):
    return np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


def test_packets_are_like_those_of_an_encoder():
    pictures = Slate(*SIZE)
    packets = [pictures.packet(n, utc_ns=7) for n in range(12)]
    assert [packet.keyframe for packet in packets] == [n % 10 == 0 for n in range(12)]
    assert [packet.sequence for packet in packets] == list(range(1, 13))
    assert {(packet.live, packet.epoch, packet.width) for packet in packets} == {(False, -1, 320)}
    assert [packet.monotonic_ns for packet in packets] == list(range(12))
    assert parameter_sets(packets[10].data) == pictures.format.sets
    pictures.begin()
    assert pictures.packet(99).keyframe


def test_a_size_that_cannot_be_encoded_is_an_error_of_the_push():
    with pytest.raises(PushError) as refused:
        Slate(322, 1)
    assert refused.value.code == 'no_video'
