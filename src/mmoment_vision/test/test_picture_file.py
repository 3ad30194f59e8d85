import contextlib
import struct
import zlib

import cv2
import numpy as np
import pytest

from mmoment_vision import picture_file
from mmoment_vision.picture_file import PictureError, decode_picture, picture_size

KINDS = ('.jpg', '.png', '.webp')


def scene(height=120, width=200):
    """Something smooth with a red corner at the upper left."""
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[: height // 2, : width // 2] = (30, 40, 220)
    return picture


def encoded(kind, picture=None, *options):
    return cv2.imencode(kind, scene() if picture is None else picture, options)[1].tobytes()


def with_orientation(jpeg, orientation):
    """The file with an EXIF segment that says how the camera was held."""
    entry = struct.pack('>HHIHH', 0x0112, 3, 1, orientation, 0)
    exif = b'Exif\0\0MM\0*' + struct.pack('>IH', 8, 1) + entry + bytes(4)
    return jpeg[:2] + b'\xff\xe1' + struct.pack('>H', 2 + len(exif)) + exif + jpeg[2:]


def huge_png(width, height):
    """A PNG of a few hundred bytes that says it is huge."""
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)

    def chunk(name, data):
        return (
            struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
        )

    rows = zlib.compress(bytes(1000))
    return (
        picture_file.PNG_MAGIC + chunk(b'IHDR', header) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')
    )


@pytest.fixture
def not_decoded(monkeypatch):
    def fail(*given):
        raise AssertionError('was decoded')

    monkeypatch.setattr(cv2, 'imdecode', fail)


@pytest.mark.parametrize('kind', KINDS)
def test_pictures_of_each_kind(kind):
    picture = decode_picture(encoded(kind))
    assert (picture.shape, picture.dtype) == ((120, 200, 3), np.uint8)
    assert np.abs(picture.astype(int) - scene()).mean() < 3


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('height', 'width'), [(1, 1), (31, 257), (700, 300)])
def test_size_is_read_from_the_header(kind, height, width):
    assert picture_size(encoded(kind, scene(height, width))) == (width, height)


def test_other_codings():
    lossless = encoded('.webp', None, cv2.IMWRITE_WEBP_QUALITY, 101)
    assert lossless[12:16] == b'VP8L'
    assert picture_size(lossless) == (200, 120)
    lossy = encoded('.webp', None, cv2.IMWRITE_WEBP_QUALITY, 80)
    assert lossy[12:16] == b'VP8 '
    assert picture_size(lossy) == (200, 120)
    progressive = encoded('.jpg', None, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert picture_size(progressive) == (200, 120)
    extended = b'RIFF' + bytes(4) + b'WEBPVP8X' + bytes(8) + b'\xff\x00\x00\x1f\x03\x00'
    assert picture_size(extended) == (256, 800)


def test_grey_and_transparent_pictures_become_colour():
    assert decode_picture(encoded('.png', scene()[:, :, 0])).shape == (120, 200, 3)
    transparent = np.dstack([scene(), np.zeros((120, 200), np.uint8)])
    assert np.array_equal(decode_picture(encoded('.png', transparent)), scene())


@pytest.mark.parametrize(
    ('orientation', 'shape', 'red'),
    [(1, (120, 200), (20, 20)), (3, (120, 200), (100, 180)), (6, (200, 120), (20, 100))],
)
def test_picture_is_turned_as_the_camera_was_held(orientation, shape, red):
    data = with_orientation(encoded('.jpg'), orientation)
    assert picture_size(data) == (200, 120)
    picture = decode_picture(data)
    assert picture.shape[:2] == shape
    assert picture[red][2] > 180


def test_large_picture_is_shrunk():
    picture = decode_picture(encoded('.jpg', scene(600, 3000)), longest_side_px=1000)
    assert picture.shape == (200, 1000, 3)


@pytest.mark.parametrize(
    'data',
    [
        huge_png(60_000, 60_000),
        huge_png(2**31, 2**31),
        b'RIFF' + bytes(4) + b'WEBPVP8X' + bytes(8) + b'\xff' * 6,
        b'\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff' + bytes(20),
    ],
)
def test_small_file_of_a_huge_picture_is_not_decoded(not_decoded, data):
    with pytest.raises(PictureError, match='million'):
        decode_picture(data)


def test_large_file_is_not_decoded(not_decoded):
    with pytest.raises(PictureError, match='MiB'):
        decode_picture(picture_file.JPEG_MAGIC + bytes(picture_file.MOST_BYTES))


@pytest.mark.parametrize('data', [b'', b'GIF89a' + bytes(50), b'<svg/>', b'\xff\xd8\xff\xd9'])
def test_no_picture_is_refused(not_decoded, data):
    with pytest.raises(PictureError):
        decode_picture(data)


@pytest.mark.parametrize('kind', KINDS)
def test_cut_off_file_gives_a_picture_or_a_clear_error(kind):
    whole = encoded(kind, np.random.default_rng(1).integers(0, 255, (40, 60, 3)).astype(np.uint8))
    for length in range(0, len(whole), max(1, len(whole) // 150)):
        with contextlib.suppress(PictureError):
            assert decode_picture(whole[:length]).shape == (40, 60, 3)


@pytest.mark.parametrize('kind', KINDS)
def test_random_bytes_never_break_it(kind):
    random = np.random.default_rng(2)
    whole = np.frombuffer(encoded(kind, scene(40, 60)), np.uint8)
    for _ in range(60):
        data = whole.copy()
        places = random.integers(0, len(data), random.integers(1, 12))
        data[places] = random.integers(0, 256, len(places))
        with contextlib.suppress(PictureError):
            assert decode_picture(data.tobytes()).ndim == 3
    for start in (b'', picture_file.JPEG_MAGIC, picture_file.PNG_MAGIC + bytes(4) + b'IHDR'):
        for _ in range(100):
            with pytest.raises(PictureError):
                decode_picture(start + random.bytes(random.integers(0, 60)))
