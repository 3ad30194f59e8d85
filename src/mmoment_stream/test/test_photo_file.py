import io

import cv2
import numpy as np
import pytest
from clip_world import record
from coded_video import coded
from PIL import ExifTags, Image

from mmoment_camera.pattern import PatternPainter, read_number
from mmoment_stream.clip_finish import finish_clip
from mmoment_stream.photo_file import (
    NoThumbnail,
    PhotoStamp,
    clip_thumbnail,
    encode_photo,
    picture_thumbnail,
)

KINDS = ['jpeg', 'webp']
STAMP = PhotoStamp(
    utc_ns=1_700_000_000_012_345_678,
    camera_id='camera-7',
    media_id='0123456789abcdef' * 2,
    model='Mmoment camera',
    software='mmoment 0.1.0',
)


@pytest.fixture
def picture():
    return PatternPainter(640, 360).paint(4711, 0)


def opened(data):
    return Image.open(io.BytesIO(data))


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize('kind', KINDS)
def test_the_photo_is_the_picture(picture, kind):
    data = encode_photo(picture, STAMP, kind)
    assert opened(data).format == kind.upper()
    found = decoded(data)
    assert found.shape == picture.shape
    assert cv2.PSNR(found, picture) > 30
    assert read_number(found) == 4711


@pytest.mark.parametrize('kind', KINDS)
def test_a_part_of_a_larger_picture_is_taken_as_it_is(picture, kind):
    part = picture[20:321, 100:501]
    assert not part.flags.c_contiguous
    assert cv2.PSNR(decoded(encode_photo(part, STAMP, kind)), part) > 30


def test_a_mono_picture_is_a_mono_photo(picture):
    mono = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    found = decoded(encode_photo(mono, STAMP))
    assert found.shape == mono.shape
    assert cv2.PSNR(found, mono) > 35
    assert read_number(decoded(encode_photo(mono, STAMP, 'webp'))) == 4711


@pytest.mark.parametrize('kind', KINDS)
def test_the_photo_says_when_and_by_what_it_was_taken(picture, kind):
    exif = opened(encode_photo(picture, STAMP, kind)).getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    named = {ExifTags.TAGS[number]: value for number, value in {**exif, **details}.items()}
    named.pop('ExifOffset')
    assert named == {
        'Make': 'Mmoment',
        'Model': 'Mmoment camera',
        'Software': 'mmoment 0.1.0',
        'DateTime': '2023:11:14 22:13:20',
        'DateTimeOriginal': '2023:11:14 22:13:20',
        'DateTimeDigitized': '2023:11:14 22:13:20',
        'SubsecTime': '012345',
        'SubsecTimeOriginal': '012345',
        'SubsecTimeDigitized': '012345',
        'OffsetTime': '+00:00',
        'OffsetTimeOriginal': '+00:00',
        'OffsetTimeDigitized': '+00:00',
        'BodySerialNumber': 'camera-7',
        'ImageUniqueID': STAMP.media_id,
    }


@pytest.mark.parametrize('kind', KINDS)
def test_less_quality_takes_less_room(picture, kind):
    sizes = [len(encode_photo(picture, STAMP, kind, quality)) for quality in (40, 70, 95)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ('size', 'expected'),
    [((1280, 720), (320, 180)), ((720, 1280), (180, 320)), ((200, 100), (200, 100))],
)
def test_the_longest_side_of_a_thumbnail_is_limited(size, expected):
    data = picture_thumbnail(PatternPainter(*size).paint(5, 0))
    assert opened(data).size == expected
    assert opened(data).format == 'JPEG'
    assert not opened(data).getexif()


def test_a_thumbnail_shows_the_picture(picture):
    assert read_number(decoded(picture_thumbnail(picture))) == 4711
    mono = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    assert read_number(decoded(picture_thumbnail(mono))) == 4711


def test_the_thumbnail_of_a_clip_shows_its_first_picture(tmp_path):
    packets = coded(90, size=(640, 360))
    record(tmp_path / 'recorded.mp4', packets[30:])
    for path in (tmp_path / 'recorded.mp4', tmp_path / 'finished.mp4'):
        if path.name == 'finished.mp4':
            finish_clip(tmp_path / 'recorded.mp4', path)
        data = clip_thumbnail(path)
        assert opened(data).size == (320, 180)
        assert read_number(decoded(data)) == 30
    expected = cv2.resize(PatternPainter(640, 360).paint(30, packets[30].monotonic_ns), (320, 180))
    assert cv2.PSNR(decoded(data), expected) > 20


@pytest.mark.parametrize('content', [b'', b'no clip at all' * 100])
def test_a_file_without_pictures_has_no_thumbnail(tmp_path, content):
    path = tmp_path / 'clip.mp4'
    path.write_bytes(content)
    with pytest.raises(NoThumbnail):
        clip_thumbnail(path)


def test_a_clip_whose_pictures_are_damaged_has_no_thumbnail(tmp_path):
    path = tmp_path / 'clip.mp4'
    record(path, coded(10))
    content = path.read_bytes()
    video = content.index(b'mdat') + 4
    path.write_bytes(content[:video] + bytes(len(content) - video))
    with pytest.raises(NoThumbnail):
        clip_thumbnail(path)


def test_a_clip_that_is_missing_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        clip_thumbnail(tmp_path / 'none.mp4')
