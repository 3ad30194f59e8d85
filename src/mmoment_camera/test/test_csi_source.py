"""The GStreamer process: its pictures, its faults, and that none is left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from mmoment_camera import csi_source
from mmoment_camera.csi_source import CsiSource, find_pipeline
from mmoment_camera.errors import SourceError, SourceUnusable
from mmoment_camera.source import SourceSettings

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(
        shutil.which('gst-launch-1.0') is None,
        reason='gst-launch-1.0 is not installed (Debian: gstreamer1.0-tools)',
    ),
]

# One colour, to tell the planes from one another.
TEST_PIPELINE = (
    'videotestsrc is-live=true pattern=solid-color foreground-color=0xffff0000 '
    '! video/x-raw,width={width},height={height},framerate={fps}/1'
)


def settings(pipeline=TEST_PIPELINE, width=320, height=240, read_timeout_s=2.0):
    return SourceSettings(
        width_px=width,
        height_px=height,
        fps=30.0,
        read_timeout_s=read_timeout_s,
        csi_pipeline=pipeline,
    )


@pytest.fixture
def playing():
    source = CsiSource(0, settings())
    source.open()
    source.read()
    yield source
    source.close()


def child_of(source):
    return source._process.pid


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def exhaust(source):
    while True:
        source.read()


def test_pictures_have_size_colour_and_rate(playing):
    start_s = time.monotonic()
    for _ in range(15):
        picture = playing.read()
    assert 0.3 < time.monotonic() - start_s < 5.0
    assert picture.image.shape == (240, 320, 3)
    blue, green, red = picture.image.mean((0, 1))
    assert red > 220
    assert max(blue, green) < 40


def test_close_reaps_the_process():
    source = CsiSource(0, settings())
    source.open()
    source.read()
    pid = child_of(source)
    source.close()
    assert not is_there(pid)
    source.close()


def test_a_killed_pipeline_is_noticed_at_once(playing):
    os.kill(child_of(playing), signal.SIGKILL)
    with pytest.raises(SourceError, match='ended'):
        exhaust(playing)


def test_a_hanging_pipeline_is_given_up_and_killed():
    source = CsiSource(0, settings(read_timeout_s=1.0))
    source.open()
    while True:
        try:
            source.read()
            break
        except SourceError:
            pytest.skip('GStreamer needs longer than this to start here')
    pid = child_of(source)
    os.kill(pid, signal.SIGSTOP)
    start_s = time.monotonic()
    with pytest.raises(SourceError, match='sent no picture'):
        exhaust(source)
    assert time.monotonic() - start_s < 3.0
    source.close()
    assert not is_there(pid)


@pytest.mark.skipif(shutil.which('setpriv') is None, reason='setpriv is not installed')
def test_a_stalled_pipeline_ends_with_a_killed_owner(wait_until):
    code = f"""
        import time
        from mmoment_camera.csi_source import CsiSource
        from mmoment_camera.source import SourceSettings

        source = CsiSource(0, SourceSettings(
            width_px=320, height_px=240, read_timeout_s=5.0, csi_pipeline={TEST_PIPELINE!r}))
        source.open()
        source.read()
        print(source._process.pid, flush=True)
        time.sleep(60)
    """
    owner = subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    pid = int(owner.stdout.readline())
    # A pipeline that waits for its camera does not write, and so does not notice a closed pipe.
    os.kill(pid, signal.SIGSTOP)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    try:
        wait_until(lambda: not runs(pid), 'the end of the pipeline')
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def runs(pid):
    """False also for a process that has ended and that nobody has reaped yet."""
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in 'ZX'


def test_a_wrong_pipeline_tells_gstreamers_reason():
    source = CsiSource(0, settings('nosuchelement'))
    source.open()
    with pytest.raises(SourceError, match='nosuchelement'):
        source.read()
    source.close()


@pytest.mark.parametrize('pipeline', ['videotestsrc {nosuchplace}', 'videotestsrc "unclosed'])
def test_a_malformed_pipeline_is_refused(pipeline):
    source = CsiSource(0, settings(pipeline))
    with pytest.raises(SourceUnusable):
        source.open()
    source.close()


def test_a_size_that_gstreamer_would_pad_is_refused():
    with pytest.raises(SourceUnusable, match='multiple of 8'):
        CsiSource(0, settings(width=322)).open()


def test_a_board_without_camera_plugin_is_told():
    if find_pipeline() is not None:
        pytest.skip('this machine has a camera plugin')
    with pytest.raises(SourceUnusable, match='nvarguscamerasrc, libcamerasrc'):
        CsiSource(0, settings('')).open()


def test_missing_gstreamer_says_what_to_install(monkeypatch):
    monkeypatch.setattr(csi_source.shutil, 'which', lambda name: None)
    with pytest.raises(SourceUnusable, match='apt install'):
        CsiSource(0, settings()).open()
    assert find_pipeline() is None
