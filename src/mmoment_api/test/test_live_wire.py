import json

import pytest
from fake_video import packet

from mmoment_api.live_wire import (
    HEAD,
    PLAIN_CODEC,
    clock_answer,
    codec_of,
    jpeg_message,
    read_client_text,
    video_message,
    video_start,
)


def test_a_picture_has_a_head_of_24_bytes():
    item = packet(2**32 + 5, keyframe=True)
    message = video_message(item)
    assert message[:4] == b'\1\3\0\0'
    assert HEAD.unpack_from(message) == (1, 3, 5, 2**32 + 105, item.monotonic_ns)
    assert message[24:] == item.data


@pytest.mark.parametrize(('keyframe', 'live', 'flags'), [(False, True, 2), (True, False, 1)])
def test_flags_tell_keyframes_and_live_pictures(keyframe, live, flags):
    assert video_message(packet(1, keyframe=keyframe, live=live))[1] == flags


def test_every_jpeg_stands_for_itself():
    message = jpeg_message(4, 99, True, memoryview(b'jpeg'))
    assert HEAD.unpack_from(message) == (1, 3, 4, 4, 99)
    assert message[24:] == b'jpeg'


def test_the_codec_is_read_from_the_parameters():
    assert codec_of(b'\0\0\1\x09\xf0\0\0\0\1\x67\x64\x00\x28\xac\0\0\1\x68') == 'avc1.640028'
    assert codec_of(b'\0\0\1\x65\x00') == PLAIN_CODEC
    assert codec_of(b'\0\0\1\x67\x64') == PLAIN_CODEC
    start = json.loads(video_start(packet(1, keyframe=True, epoch=2**64 - 1)))
    assert start == {
        'type': 'start',
        'version': 1,
        'format': 'h264',
        'codec': 'avc1.42C01F',
        'width': 1280,
        'height': 720,
        'epoch': '18446744073709551615',
    }


def test_a_clock_is_echoed_with_the_time():
    said = read_client_text('{"type": "clock", "sent": 12.5}')
    assert (said.kind, said.sent) == ('clock', 12.5)
    answer = json.loads(clock_answer(said.sent, 5_000_999))
    assert (answer['type'], answer['sent'], answer['monotonic_us']) == ('clock', 12.5, 5000)


@pytest.mark.parametrize(
    'text',
    [
        '',
        'no json',
        '[' * 10_000,
        '[]',
        '{"type": "clock"}',
        '{"type": "clock", "sent": "1"}',
        '{"type": "clock", "sent": true}',
        '{"type": "clock", "sent": 1e300}',
        '{"type": "clock", "sent": NaN}',
        '{"type": "other"}',
    ],
)
def test_what_is_not_understood_is_ignored(text):
    assert read_client_text(text) is None
