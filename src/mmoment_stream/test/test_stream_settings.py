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
