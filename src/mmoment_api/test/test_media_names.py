import pytest

from mmoment_api.media_control import CLIP, PHOTO
from mmoment_api.media_names import is_filename, is_media_id


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('20261125T101500Z-abcdefghijklmnopqrstuv2345.jpg', PHOTO),
        ('a.webp', PHOTO),
        ('A_b-9.jpeg', PHOTO),
        ('20261125T101500Z-abcdefghijklmnopqrstuv2345.mp4', CLIP),
    ],
)
def test_names_of_files(name, kind):
    assert is_filename(name, kind)
    assert not is_filename(name, CLIP if kind == PHOTO else PHOTO)


@pytest.mark.parametrize(
    'name',
    [
        '',
        '.jpg',
        '..jpg',
        '../a.jpg',
        '..%2fa.jpg',
        'a/b.jpg',
        'a\\b.jpg',
        'a.b.jpg',
        'a.jpg\n',
        'a.jpg\0',
        ' a.jpg',
        'a b.jpg',
        '-a.jpg',
        'ä.jpg',
        'a.JPG',
        'a.png',
        'a.html',
        'a.jpg.html',
        'a"b.jpg',
        f'{"a" * 129}.jpg',
    ],
)
def test_everything_else_is_no_name(name):
    assert not is_filename(name, PHOTO)
    assert not is_filename(name, CLIP)


def test_ids():
    assert is_media_id('0123456789abcdef' * 2)
    for other in ('', 'a' * 31, 'a' * 33, 'A' * 32, 'g' * 32, f'{"a" * 32}\n', '٣' * 32):
        assert not is_media_id(other)
