import dataclasses
import io

import av
import pytest
from av.bitstream import BitStreamFilterContext
from coded_video import SECOND_NS, coded, later

from mmoment_stream.clip_fragments import FragmentMaker
from mmoment_stream.mp4_boxes import boxes


def kinds(data):
    return [box.kind for box in boxes(io.BytesIO(data))]


def units(data):
    return [unit.rstrip(b'\0') for unit in data.split(b'\0\0\1')[1:]]


def parts(packets, size):
    """The pieces of a clip, `size` packets each."""
    maker = FragmentMaker(packets[0])
    ends_ns = [packet.monotonic_ns for packet in packets[size::size]]
    ends_ns.append(packets[-1].monotonic_ns + SECOND_NS // 30)
    return [
        maker.fragment(packets[n * size : (n + 1) * size], end_ns)
        for n, end_ns in enumerate(ends_ns)
    ]


def test_the_first_piece_has_the_head_and_every_piece_one_fragment():
    first, *others = parts(coded(60), 10)
    assert kinds(first.data) == [b'ftyp', b'moov', b'moof', b'mdat']
    assert [kinds(piece.data) for piece in others] == [[b'moof', b'mdat']] * 5


@pytest.mark.parametrize('size', [1, 7, 60])
def test_pieces_of_any_length_make_the_same_clip(size):
    packets = coded(60)
    data = b''.join(piece.data for piece in parts(packets, size))
    with av.open(io.BytesIO(data)) as container:
        found = [packet for packet in container.demux(video=0) if packet.size]
    assert [packet.pts for packet in found] == [n * 3000 for n in range(60)]
    assert [packet.duration for packet in found] == [3000] * 60
    assert [packet.is_keyframe for packet in found] == [packet.keyframe for packet in packets]


def test_the_muxer_gives_back_what_was_encoded():
    packets = coded(60)
    data = b''.join(piece.data for piece in parts(packets, 25))
    with av.open(io.BytesIO(data)) as container:
        converter = BitStreamFilterContext('h264_mp4toannexb', container.streams.video[0])
        for packet, original in zip(container.demux(video=0), packets, strict=False):
            (converted,) = converter.filter(packet)
            # The filter may put the parameter sets first, and lengthen start codes.
            assert units(bytes(converted))[-1] == units(original.data)[-1]


def test_ticks_of_a_piece():
    piece = parts(later(coded(3), SECOND_NS), 3)[0]
    assert (piece.last_ticks, piece.end_ticks) == (6000, 9000)


def test_a_packet_without_parameter_sets_is_no_beginning():
    (first,) = coded(1)
    with pytest.raises(ValueError):
        FragmentMaker(dataclasses.replace(first, data=b'\0\0\0\1\x65' + bytes(50)))
