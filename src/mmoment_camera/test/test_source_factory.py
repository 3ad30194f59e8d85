"""Every kind of address has a source."""

import pytest

from mmoment_camera.source import SourceSettings
from mmoment_camera.source_address import SourceAddress
from mmoment_camera.source_factory import make_source


@pytest.mark.parametrize(
    ('kind', 'target'),
    [
        ('v4l2', '/dev/video9'),
        ('csi', '1'),
        ('rtsp', 'rtsp://anna:geheim@camera/'),
        ('http', 'http://anna:geheim@camera/'),
        ('file', '/clip.mp4'),
        ('pattern', ''),
        ('demo', ''),
    ],
)
def test_each_kind_is_made_and_describes_itself_without_credentials(kind, target):
    source = make_source(SourceAddress(kind, target), SourceSettings())
    assert source.kind == kind
    assert 'geheim' not in source.description
    source.close()


def test_auto_is_a_plan_not_a_source():
    with pytest.raises(ValueError, match='auto'):
        make_source(SourceAddress('auto'), SourceSettings())
