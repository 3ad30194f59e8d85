"""No credential of an address survives redaction."""

import pytest

from mmoment_node.redaction import redact_text, redact_url


@pytest.mark.parametrize(
    ('url', 'redacted'),
    [
        ('rtsp://admin:s3cret@10.0.0.5:554/live', 'rtsp://***@10.0.0.5:554/live'),
        (
            'http://cam/mjpeg?user=a&password=b&fps=5',
            'http://cam/mjpeg?user=***&password=***&fps=5',
        ),
        ('https://cam/x?api_key=1&access_token=2', 'https://cam/x?api_key=***&access_token=***'),
        ('rtsp://p@ss:w@rd@host/x', 'rtsp://***@host/x'),
        ('http://cam/mjpeg', 'http://cam/mjpeg'),
        ('/dev/video0', '/dev/video0'),
        ('http://[broken', 'http://***'),
    ],
)
def test_addresses(url, redacted):
    assert redact_url(url) == redacted


def test_addresses_within_a_sentence():
    text = "cannot open 'rtsp://admin:s3cret@cam/live': timed out"
    assert redact_text(text) == "cannot open 'rtsp://***@cam/live': timed out"
