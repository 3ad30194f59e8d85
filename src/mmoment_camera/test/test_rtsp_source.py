"""A real RTSP camera in a process of its own, and what happens when it fails."""

import socket
import statistics
import time
from itertools import pairwise

import pytest

from mmoment_camera.errors import SourceError, SourceUnusable
from mmoment_camera.rtsp_source import RtspSource
from mmoment_camera.source import SourceSettings
from mmoment_node.redaction import redact_url

pytestmark = pytest.mark.graph

READ_TIMEOUT_S = 1.0
SETTINGS = SourceSettings(open_timeout_s=5.0, read_timeout_s=READ_TIMEOUT_S)


def make(url, settings=SETTINGS):
    return RtspSource(url, redact_url(url), settings)


def refused(url, settings=SETTINGS):
    return str(refusal(url, settings))


def refusal(url, settings=SETTINGS):
    source = make(url, settings)
    try:
        with pytest.raises(SourceError) as caught:
            source.open()
        return caught.value
    finally:
        source.close()


def playing(port):
    source = make(f'rtsp://127.0.0.1:{port}/live')
    source.open()
    for _ in range(30):
        source.read()
    return source


def exhaust(source):
    while True:
        source.read()


def fault_of(source):
    start_s = time.monotonic()
    with pytest.raises(SourceError) as caught:
        exhaust(source)
    source.close()
    return str(caught.value), time.monotonic() - start_s


def test_pictures_flow_with_steady_capture_times(rtsp_camera):
    source = playing(rtsp_camera('--fps', '30').port)
    pictures = [source.read() for _ in range(20)]
    source.close()
    assert source.pixel_format == 'H264'
    assert pictures[0].image.shape == (360, 640, 3)
    assert (pictures[0].image != pictures[-1].image).any()
    steps_ms = [
        (later.monotonic_ns - earlier.monotonic_ns) / 1e6 for earlier, later in pairwise(pictures)
    ]
    assert 30 < statistics.median(steps_ms) < 37, steps_ms


def test_a_killed_camera_is_noticed_at_once(rtsp_camera):
    camera = rtsp_camera()
    source = playing(camera.port)
    camera.kill()
    text, _ = fault_of(source)
    assert 'sent nothing' not in text, 'no time-out had to pass'
    assert '127.0.0.1' in text
    assert 'refuses the connection' in refused(f'rtsp://127.0.0.1:{camera.port}/live')


def test_a_stalled_camera_is_noticed_in_time(rtsp_camera):
    camera = rtsp_camera()
    source = playing(camera.port)
    camera.stall()
    text, seconds = fault_of(source)
    assert 'sent nothing' in text
    assert seconds < READ_TIMEOUT_S + 2.0
    camera.resume()


def test_name_password_and_path(rtsp_camera):
    camera = rtsp_camera('--user', 'anna', '--password', 'richtig')
    place = f'127.0.0.1:{camera.port}'
    source = make(f'rtsp://anna:richtig@{place}/live')
    source.open()
    assert source.read().image.any()
    source.close()
    error = refusal(f'rtsp://anna:geheim@{place}/live')
    assert isinstance(error, SourceUnusable), 'a wrong password is not tried again'
    assert 'refuses the name and password' in str(error)
    assert 'accounts' in str(error)
    assert 'geheim' not in str(error)
    assert 'no stream under this path' in refused(f'rtsp://anna:richtig@{place}/absent')


def test_a_server_that_never_answers_is_given_up():
    with socket.create_server(('127.0.0.1', 0)) as server:
        start_s = time.monotonic()
        port = server.getsockname()[1]
        text = refused(f'rtsp://anna:geheim@127.0.0.1:{port}/', SourceSettings(open_timeout_s=0.5))
        assert time.monotonic() - start_s < 3.0
    assert 'sent nothing' in text
    assert 'geheim' not in text
