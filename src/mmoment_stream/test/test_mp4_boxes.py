import io

import pytest

from mmoment_stream.mp4_boxes import Box, boxes, head_bytes, is_indexed_first, whole_bytes


def box(kind, content=b''):
    return (8 + len(content)).to_bytes(4, 'big') + kind + content


def long_box(kind, content=b''):
    return b'\0\0\0\1' + kind + (16 + len(content)).to_bytes(8, 'big') + content


HEAD = box(b'ftyp', b'isom') + box(b'moov', bytes(20))
FIRST = box(b'moof', bytes(10)) + box(b'mdat', bytes(100))
SECOND = box(b'moof', bytes(10)) + long_box(b'mdat', bytes(50))


def test_boxes_of_both_sizes_are_found():
    assert list(boxes(io.BytesIO(box(b'ftyp', b'isom') + long_box(b'mdat', bytes(9))))) == [
        Box(b'ftyp', 0, 12),
        Box(b'mdat', 12, 37),
    ]


def test_a_box_may_end_beyond_the_file():
    assert list(boxes(io.BytesIO(box(b'mdat', bytes(100))[:50]))) == [Box(b'mdat', 0, 108)]


@pytest.mark.parametrize(
    'end', [b'', b'\0', bytes(8), bytes(500), b'\0\0\0\7moof', b'\0\0\0\1moof']
)
def test_what_is_no_box_ends_them(end):
    assert list(boxes(io.BytesIO(box(b'ftyp', b'isom') + end))) == [Box(b'ftyp', 0, 12)]


def test_the_head_ends_where_the_first_fragment_begins():
    assert head_bytes(io.BytesIO(HEAD + FIRST + SECOND)) == len(HEAD)


def test_only_whole_fragments_count_wherever_a_file_is_cut():
    data = HEAD + FIRST + SECOND
    ends = [0, len(HEAD + FIRST), len(data)]
    for size in range(len(data) + 1):
        expected = max(end for end in ends if end <= size and end != len(HEAD))
        assert whole_bytes(io.BytesIO(data[:size])) == expected


def test_zeros_in_place_of_a_fragment_do_not_count():
    data = HEAD + FIRST + bytes(len(SECOND))
    assert whole_bytes(io.BytesIO(data)) == len(HEAD + FIRST)


def test_video_without_its_index_does_not_count():
    assert whole_bytes(io.BytesIO(HEAD + box(b'mdat', bytes(9)))) == 0


@pytest.mark.parametrize(
    ('data', 'expected'),
    [
        (HEAD + box(b'free') + box(b'mdat', bytes(9)), True),
        (HEAD + FIRST, False),
        (box(b'ftyp') + box(b'mdat', bytes(9)) + box(b'moov', bytes(9)), False),
    ],
)
def test_whether_one_index_comes_first(data, expected):
    assert is_indexed_first(io.BytesIO(data)) is expected
