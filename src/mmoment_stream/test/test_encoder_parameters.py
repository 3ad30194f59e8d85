"""What may be asked of the encoder node."""

import pytest

from mmoment_node.parameters import ParameterError, build, changed, entries
from mmoment_stream.encoder_choice import CHOICES
from mmoment_stream.encoder_parameters import EncoderParameters


def test_everything_can_be_changed_while_it_runs():
    assert not [entry.name for entry in entries(EncoderParameters) if entry.rule.read_only]


@pytest.mark.parametrize('name', CHOICES)
def test_every_encoder_can_be_asked_for(name):
    assert build(EncoderParameters, {'encoder': name}).encoder == name


@pytest.mark.parametrize(
    'wrong',
    [
        {'encoder': 'h264_magic'},
        {'preset': 'placebo'},
        {'fps': 0.0},
        {'keyframe_interval_s': 60.0},
        {'bitrate_kbps': -1},
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ParameterError):
        changed(EncoderParameters(), wrong)
