import base64

import pytest

from mmoment_api.errors import ApiError
from mmoment_api.given_pictures import PICTURE_AT_MOST_BYTES, decode_picture, picture_format

PNG = b'\x89PNG\r\n\x1a\n' + b'rest'
JPEG = b'\xff\xd8\xff\xe0' + b'rest'
WEBP = b'RIFF\0\0\0\0WEBPVP8 '


def encoded(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(('data', 'kind'), [(PNG, 'png'), (JPEG, 'jpeg'), (WEBP, 'webp')])
@pytest.mark.parametrize('prefix', ['', 'data:image/png;base64,', 'data:;base64,'])
def test_pictures_are_known_by_their_first_bytes(data, kind, prefix):
    picture = decode_picture(prefix + encoded(data), 'image')
    assert (picture.format, picture.data) == (kind, data)


@pytest.mark.parametrize(
    ('text', 'status', 'code'),
    [
        ('not base64!', 422, 'invalid'),
        ('data:image/png,plain', 422, 'invalid'),
        (encoded(PNG)[:-1], 422, 'invalid'),
        ('ü', 422, 'invalid'),
        (encoded(b'GIF89a'), 415, 'wrong_type'),
        ('', 415, 'wrong_type'),
        ('A' * (PICTURE_AT_MOST_BYTES * 4 // 3 + 8), 413, 'too_large'),
    ],
)
def test_others_are_refused_with_their_field(text, status, code):
    with pytest.raises(ApiError) as refusal:
        decode_picture(text, 'pictures.3')
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert refusal.value.details == {'field': 'pictures.3'}


def test_the_largest_picture_is_taken():
    data = JPEG + bytes(PICTURE_AT_MOST_BYTES - len(JPEG))
    assert len(decode_picture(encoded(data), 'image').data) == PICTURE_AT_MOST_BYTES


def test_a_picture_does_not_show_in_text():
    assert 'rest' not in repr(decode_picture(encoded(PNG), 'image'))


def test_what_is_none_of_them():
    assert picture_format(b'RIFF\0\0\0\0WAVE') is None
    assert picture_format(b'') is None
