"""Parameters of stream_node as what they mean."""

import pytest

from mmoment_node.parameters import build
from mmoment_stream.errors import Refused
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_parameters import StreamParameters, settings_of
from mmoment_stream.stream_settings import StreamSettings


def test_parameters_are_settings_and_may_name_any_key_file():
    parameters = build(
        StreamParameters,
        {
            'targets': ['name=main url=rtmp://host/live key_file=/run/secrets/main'],
            'channel': 'annotated',
            'schedule': 'while_checked_in',
            'bitrate_kbps': 900,
        },
    )
    target = PushTarget('main', url='rtmp://host/live', key_file='/run/secrets/main')
    assert settings_of(parameters) == StreamSettings(
        'annotated', 'while_checked_in', 900, (target,)
    )
    # Nothing is pushed anywhere unless somebody says so.
    assert settings_of(StreamParameters()) == StreamSettings()
    assert not StreamParameters().stream_at_start


@pytest.mark.parametrize('wrong', [{'targets': ('name=a',)}, {'bitrate_kbps': 50}])
def test_what_is_wrong_is_refused(wrong):
    with pytest.raises(Refused):
        settings_of(StreamParameters(**wrong))
