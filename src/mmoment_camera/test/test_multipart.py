"""Multipart streams, in any pieces, with lengths and without, and what is none."""

import math

import pytest

from mmoment_camera.multipart import EndOfStream, MultipartReader, boundary_of

PARTS = [b'\xff\xd8first\r\n--no\xff\xd9', b'second', b'']


class Pieces:
    """A stream that gives a few bytes at a time, and then ends."""

    def __init__(self, data, size):
        self.data, self.size = data, size

    def read1(self, size=-1):
        piece, self.data = self.data[: self.size], self.data[self.size :]
        return piece


def stream(has_length):
    data = b'preamble\r\n'
    for part in PARTS:
        data += b'--frame\r\nContent-Type: image/jpeg\r\n'
        if has_length:
            data += f'content-length: {len(part)}\r\n'.encode()
        data += b'\r\n' + part + b'\r\n'
    return data + b'--frame--\r\n'


@pytest.mark.parametrize('size', [1, 7, 100_000])
@pytest.mark.parametrize('has_length', [True, False])
def test_parts_come_whole(size, has_length):
    reader = MultipartReader(Pieces(stream(has_length), size), b'--frame')
    bodies = [reader.next_part(math.inf)[0] for _ in PARTS]
    assert [body.removesuffix(b'\r') for body in bodies] == PARTS
    with pytest.raises(EndOfStream):
        reader.next_part(math.inf)


def test_a_cut_part_is_the_end():
    reader = MultipartReader(Pieces(b'--f\r\nContent-Length: 50\r\n\r\nabc', 9), b'--f')
    with pytest.raises(EndOfStream):
        reader.next_part(math.inf)


def test_a_trickle_is_given_up():
    reader = MultipartReader(Pieces(bytes(1000), 1), b'--f')
    with pytest.raises(TimeoutError):
        reader.next_part(-math.inf)


@pytest.mark.parametrize(
    'data',
    [b'--f\r\nContent-Length: 99999999999\r\n\r\n', b'--f\r\nX: ' + bytes(200_000)],
)
def test_absurd_parts_are_refused(data):
    with pytest.raises(ValueError):
        MultipartReader(Pieces(data, 50_000), b'--f').next_part(math.inf)


@pytest.mark.parametrize(
    ('header', 'boundary'),
    [
        ('multipart/x-mixed-replace; boundary=frame', b'--frame'),
        ('multipart/x-mixed-replace;boundary="--frame"', b'--frame'),
        ('Multipart/Mixed; charset=x; Boundary=a.b', b'--a.b'),
        ('multipart/x-mixed-replace', None),
        ('text/html', None),
        ('', None),
    ],
)
def test_boundary(header, boundary):
    assert boundary_of(header) == boundary
