from dataclasses import replace

import pytest
from fake_stream import IDLE, ON_AIR

from mmoment_api.pushed_stream import SILENT_AFTER_S, PushedStream


@pytest.fixture
def pushed(clock):
    return PushedStream(clock)


def test_what_was_heard_counts_until_it_is_no_longer_said(pushed, clock):
    assert pushed.now() is None
    assert not pushed.has_gone_silent()
    pushed.hear(ON_AIR)
    clock.now_s += SILENT_AFTER_S
    assert pushed.now() == ON_AIR
    clock.now_s += 0.1
    assert pushed.now() is None
    assert pushed.has_gone_silent()
    pushed.hear(IDLE)
    assert pushed.now() == IDLE
    assert not pushed.has_gone_silent()


def test_the_encoder_is_that_of_the_channel_which_is_pushed(pushed, clock):
    pushed.hear_encoder('public', 'libx264')
    assert pushed.encoder() == ''
    pushed.hear(ON_AIR)
    assert pushed.encoder() == 'libx264'
    pushed.hear(replace(ON_AIR, channel='annotated'))
    assert pushed.encoder() == ''
    pushed.hear_encoder('annotated', 'h264_v4l2m2m')
    assert pushed.encoder() == 'h264_v4l2m2m'
    clock.now_s += SILENT_AFTER_S + 0.1
    pushed.hear(ON_AIR)
    assert pushed.encoder() == ''
