"""Access units out of streams that are cut anywhere."""

import io
from fractions import Fraction

import av
import pytest
from encoder_world import decoded, scene

from mmoment_stream.encoder_framing import BadStream, FlvFraming, MultipartFraming
from mmoment_stream.h264 import byte_stream, is_keyframe, parameter_sets

UNITS = [byte_stream([b'\x67s', b'\x68p', b'\x65' + b'\r\n\r\n' * 9]), byte_stream([b'\x41x'])]
MULTIPART = b''.join(
    b'--border\r\nContent-Type: video/x-h264\r\nContent-Length: %d\r\n\r\n%s\r\n'
    % (len(unit), unit)
    for unit in UNITS
)


def fed(framing, data, step):
    units = []
    for begin in range(0, len(data), step):
        units += framing.feed(data[begin : begin + step])
    return units


@pytest.fixture(scope='module')
def flv():
    """What FFmpeg's muxer makes of eight pictures, a keyframe in every four."""
    out = io.BytesIO()
    with av.open(out, 'w', format='flv') as container:
        stream = container.add_stream('libx264', rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 180, 'yuv420p'
        stream.time_base = Fraction(1, 30)
        stream.codec_context.gop_size = 4
        stream.codec_context.options = {'tune': 'zerolatency'}
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(scene(number), format='bgr24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize('step', [1, 7, 10_000])
def test_parts_come_out_whole(step):
    assert fed(MultipartFraming(), MULTIPART, step) == UNITS


def test_a_part_is_there_with_its_last_byte_and_not_before():
    framing = MultipartFraming()
    end = MULTIPART.index(UNITS[0]) + len(UNITS[0])
    assert framing.feed(MULTIPART[: end - 1]) == []
    assert framing.feed(MULTIPART[end - 1 : end]) == UNITS[:1]


@pytest.mark.parametrize(
    'data',
    [
        b'--border\r\nContent-Type: video/x-h264\r\n\r\n',
        b'--border\r\nContent-Length: 99999999999\r\n\r\n',
        b'no head at all' * 6000,
    ],
)
def test_what_is_no_multipart_is_refused(data):
    with pytest.raises(BadStream):
        MultipartFraming().feed(data)


@pytest.mark.parametrize('step', [1, 999, 1_000_000])
def test_pictures_of_flv_come_out_as_they_were_encoded(flv, step):
    units = fed(FlvFraming(), flv, step)
    assert [is_keyframe(unit) for unit in units] == [True, False, False, False] * 2
    assert parameter_sets(units[4]) is not None
    assert len(decoded(units)) == 8
    assert len(decoded(units[4:])) == 4


def test_what_is_no_flv_is_refused(flv):
    with pytest.raises(BadStream, match='no FLV'):
        FlvFraming().feed(b'RIFF' + flv)
    with pytest.raises(BadStream, match='a video tag without'):
        FlvFraming().feed(flv[:13] + b'\x09\0\0\x05\0\0\0\0\0\0\0' + b'\x12....' + b'\0\0\0\x10')
    with pytest.raises(BadStream, match='ends too early'):
        FlvFraming().feed(
            flv[:13] + b'\x09\0\0\x0a\0\0\0\0\0\0\0' + b'\x17\1\0\0\0\0\0\0\x09x' + b'\0\0\0\x15'
        )
    with pytest.raises(BadStream, match='without parameter sets'):
        FlvFraming().feed(
            flv[:13] + b'\x09\0\0\x05\0\0\0\0\0\0\0' + b'\x17\0\0\0\0' + b'\0\0\0\x10'
        )
