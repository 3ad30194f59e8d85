"""What is pushed, as configured."""

from dataclasses import replace

import pytest

from mmoment_stream.errors import Refused
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_settings import StreamSettings, checked

MAIN = PushTarget('main', url='rtmp://host/live', key_file='main.key')


@pytest.mark.parametrize(
    'wrong',
    [
        {'channel': 'raw'},
        {'schedule': 'never'},
        {'bitrate_kbps': 99},
        {'bitrate_kbps': 100_001},
        {'targets': (MAIN, MAIN)},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    settings = StreamSettings(bitrate_kbps=100, targets=(MAIN,))
    assert checked(settings) == settings
    with pytest.raises(Refused) as caught:
        checked(replace(settings, **wrong))
    assert caught.value.code == 'malformed'


def test_pushed_are_those_that_are_enabled_and_have_a_provider():
    targets = (MAIN, replace(MAIN, name='off', enabled=False), PushTarget('later', 'none'))
    assert StreamSettings(targets=targets).pushed == (MAIN,)


@pytest.mark.parametrize(
    ('name', 'code'),
    [('gone', 'unknown_target'), ('off', 'target_left_out'), ('later', 'target_left_out')],
)
def test_what_is_not_pushed_is_told_from_what_is_not_there(name, code):
    targets = (MAIN, replace(MAIN, name='off', enabled=False), PushTarget('later', 'none'))
    settings = StreamSettings(targets=targets)
    settings.check_pushed(MAIN.name)
    with pytest.raises(Refused) as caught:
        settings.check_pushed(name)
    assert caught.value.code == code
