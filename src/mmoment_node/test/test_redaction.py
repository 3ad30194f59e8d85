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
        ('rtsp://admin:12/34@cam/s', 'rtsp://***@cam/s'),
        ('rtsp://admin:12?34@cam/s', 'rtsp://***@cam/s'),
        ('rtsp://admin:12#34@cam/s', 'rtsp://***@cam/s'),
        ('http://[admin:pw@cam/s', 'http://***@cam/s'),
        ('rtsp://cam/user=admin_password=s3cret_channel=1', 'rtsp://cam/user=***'),
        ('http://cam/x?password=a/b', 'http://cam/x?password=***'),
        ('admin:s3cret@cam/live', '***@cam/live'),
        ('http://cam/mjpeg', 'http://cam/mjpeg'),
        ('http://cam:8080/mjpeg?fps=5&size=640', 'http://cam:8080/mjpeg?fps=5&size=640'),
        ('/dev/video0', '/dev/video0'),
        ('/clips/me@home: 1.mp4', '/clips/me@home: 1.mp4'),
    ],
)
def test_addresses(url, redacted):
    assert redact_url(url) == redacted


def test_addresses_within_a_sentence():
    text = "cannot open 'rtsp://admin:s3'cret@cam/live': timed out"
    assert redact_text(text) == "cannot open 'rtsp://***@cam/live': timed out"
