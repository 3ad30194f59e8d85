import cv2
import numpy as np
import pytest

from mmoment_api.mjpeg_encoder import BOUNDARY, CONTENT_TYPE, OPENING, encode_part


def body_of(part):
    head, _, rest = part.data.partition(b'\r\n\r\n')
    headers = dict(line.split(': ', 1) for line in head.decode().split('\r\n'))
    return headers, rest


@pytest.fixture
def gradient():
    row = np.linspace(0, 255, 640, dtype=np.uint8)
    return np.dstack([np.tile(row, (360, 1))] * 3)


def test_a_part_is_a_whole_jpeg_with_its_origin(picture, gradient):
    part = encode_part(picture(7, 123456789, gradient), 0, 90)
    headers, rest = body_of(part)
    length = int(headers['Content-Length'])
    assert headers['Content-Type'] == 'image/jpeg'
    assert headers['X-Sequence'] == '7'
    assert headers['X-Capture-Monotonic-Ns'] == '123456789'
    assert headers['X-Live'] == '1'
    assert rest[length:] == f'\r\n--{BOUNDARY}\r\n'.encode()
    image = cv2.imdecode(np.frombuffer(rest[:length], np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (360, 640, 3)
    assert np.abs(image.astype(int) - gradient).mean() < 2


def test_the_boundary_is_announced():
    assert BOUNDARY in CONTENT_TYPE
    assert f'--{BOUNDARY}\r\n'.encode() == OPENING


@pytest.mark.parametrize(('width', 'size'), [(320, (180, 320)), (1280, (360, 640))])
def test_pictures_are_made_smaller_but_never_larger(picture, gradient, width, size):
    headers, rest = body_of(encode_part(picture(1, 1, gradient), width, 80))
    jpeg = rest[: int(headers['Content-Length'])]
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape[:2] == size


def test_grey_pictures_work(picture, gradient):
    headers, rest = body_of(encode_part(picture(1, 1, gradient[:, :, 0], live=False), 0, 80))
    assert headers['X-Live'] == '0'
    jpeg = rest[: int(headers['Content-Length'])]
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED).ndim == 2


def test_an_overwritten_picture_is_not_shown(picture):
    assert encode_part(picture(1, 1, is_intact=False), 0, 80) is None
