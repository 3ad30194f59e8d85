"""NAL units, keyframes and their parameter sets, made up and of a real encoder."""

from fractions import Fraction

import av
import pytest
from encoder_world import decoded, scene

from mmoment_stream.h264 import (
    ParameterSetKeeper,
    byte_stream,
    is_keyframe,
    nal_type,
    nal_units,
    parameter_sets,
)

AUD, SPS, PPS, SEI = b'\x09\xf0', b'\x67\x64sps', b'\x68pps', b'\x06sei'
IDR, SLICE = b'\x65idr', b'\x41slice'


def kinds(data):
    return [nal_type(unit) for unit in nal_units(data)]


def test_units_are_found_whatever_start_codes_stand_before_them():
    data = b'\0\0\0\1' + SPS + b'\0\0\1' + PPS + b'\0\0\0\0\1' + IDR
    assert list(nal_units(data)) == [SPS, PPS, IDR]
    assert list(nal_units(byte_stream([SPS, IDR]))) == [SPS, IDR]


@pytest.mark.parametrize('data', [b'', b'no start code', b'\0\0\1', b'\0\0\1\0\0\1'])
def test_there_may_be_none(data):
    assert list(nal_units(data)) == []
    assert not is_keyframe(data)
    assert parameter_sets(data) is None


def test_a_keyframe_is_known_by_its_first_slice():
    assert is_keyframe(byte_stream([AUD, SPS, PPS, SEI, IDR, IDR]))
    assert not is_keyframe(byte_stream([AUD, SPS, PPS, SLICE]))
    assert not is_keyframe(byte_stream([SPS, PPS]))


def test_both_kinds_of_parameter_sets_are_needed():
    sets = parameter_sets(byte_stream([SPS, PPS, IDR]))
    assert (sets.sequence, sets.picture) == (SPS, PPS)
    assert sets.annex_b() == byte_stream([SPS, PPS])
    assert parameter_sets(byte_stream([SPS, IDR])) is None
    # What comes behind the picture is of the next one.
    assert parameter_sets(byte_stream([IDR, SPS, PPS])) is None


def test_only_keyframes_without_parameter_sets_get_them():
    keeper = ParameterSetKeeper()
    lonely = byte_stream([IDR])
    assert keeper.complete(lonely) == lonely
    whole = byte_stream([SPS, PPS, IDR])
    assert keeper.complete(whole) == whole
    assert keeper.complete(lonely) == whole
    assert keeper.complete(byte_stream([SLICE])) == byte_stream([SLICE])


def test_the_newest_parameter_sets_are_given_and_the_delimiter_stays_first():
    keeper = ParameterSetKeeper()
    keeper.learn(byte_stream([SPS, PPS]))
    keeper.learn(b'')
    keeper.complete(byte_stream([b'\x67new', b'\x68new', IDR]))
    completed = keeper.complete(byte_stream([AUD, SEI, IDR]))
    assert list(nal_units(completed)) == [AUD, b'\x67new', b'\x68new', SEI, IDR]


def test_every_keyframe_of_an_encoder_that_says_them_once_can_be_decoded_alone():
    encoder = av.CodecContext.create('libx264', 'w')
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, 'yuv420p'
    encoder.time_base, encoder.gop_size = Fraction(1, 30), 5
    encoder.flags |= av.codec.context.Flags.global_header
    encoder.options = {'preset': 'ultrafast', 'tune': 'zerolatency'}
    encoder.open()
    units = []
    for number in range(10):
        frame = av.VideoFrame.from_ndarray(scene(number), format='bgr24').reformat(format='yuv420p')
        frame.pts = number
        units += [bytes(packet) for packet in encoder.encode(frame)]
    assert [n for n, unit in enumerate(units) if is_keyframe(unit)] == [0, 5]
    assert parameter_sets(units[5]) is None
    keeper = ParameterSetKeeper()
    keeper.learn(encoder.extradata)
    completed = [keeper.complete(unit) for unit in units]
    assert parameter_sets(completed[5]) is not None
    assert len(decoded(completed[5:])) == 5
