"""A V4L2 device that a preloaded library plays, and what happens when it fails.

The device exists in one process only, so each test drives a child process, which tells line by
line, in JSON, what it saw.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import pytest

from mmoment_camera.pattern import PatternPainter

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(
        shutil.which('gcc') is None or not Path('/usr/include/linux/videodev2.h').exists(),
        reason='gcc or the kernel headers are not installed (Debian: gcc linux-libc-dev)',
    ),
]

STANDIN = Path(__file__).resolve().parents[3] / 'tests' / 'standins' / 'fake_v4l2.c'
DEVICE = '/dev/video77'
SIZE = (640, 360)
PICTURES = 30

CHILD = """
    import json, os, sys, time
    from mmoment_camera.errors import SourceError
    from mmoment_camera.pattern import read_number
    from mmoment_camera.source import SourceSettings
    from mmoment_camera.v4l2_source import V4l2Source

    def tell(**values):
        print(json.dumps(values), flush=True)

    def set_condition(word):
        with open(os.environ['FAKE_V4L2_CONTROL'], 'w') as file:
            file.write(word)

    def make(**changes):
        settings = dict(width_px=640, height_px=360, fps=30.0, read_timeout_s=0.5) | changes
        return V4l2Source(os.environ['FAKE_V4L2_PATH'], SourceSettings(**settings))

    def fault_of(source):
        start = time.monotonic()
        try:
            while True:
                source.read()
        except SourceError as error:
            return str(error), time.monotonic() - start
"""


@pytest.fixture(scope='session')
def standin(tmp_path_factory):
    """The library and the picture files."""
    folder = tmp_path_factory.mktemp('v4l2')
    library = folder / 'fake_v4l2.so'
    command = ['gcc', '-shared', '-fPIC', '-O2', '-o', str(library), str(STANDIN)]
    subprocess.run([*command, '-ldl', '-lpthread'], check=True)
    painter = PatternPainter(*SIZE)
    with (folder / 'MJPG').open('wb') as jpegs, (folder / 'YUYV').open('wb') as raws:
        for number in range(1, PICTURES + 1):
            picture = painter.paint(number, 0)
            jpeg = cv2.imencode('.jpg', picture)[1].tobytes()
            jpegs.write(struct.pack('=I', len(jpeg)) + jpeg)
            raw = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_YUY2).tobytes()
            raws.write(struct.pack('=I', len(raw)) + raw)
    return folder


@pytest.fixture
def run(standin, tmp_path):
    """Runs code in a process that has the device; returns what it told."""

    def run(code, condition='ok', yuyv_fps=10, formats=('MJPG', 'YUYV'), device=DEVICE):
        control = tmp_path / 'control'
        control.write_text(condition)
        environment = os.environ | {
            'LD_PRELOAD': str(standin / 'fake_v4l2.so'),
            'FAKE_V4L2_PATH': str(device),
            'FAKE_V4L2_CONTROL': str(control),
            'FAKE_V4L2_FPS_YUYV': str(yuyv_fps),
            **{f'FAKE_V4L2_{name}': str(standin / name) for name in formats},
        }
        done = subprocess.run(
            [sys.executable, '-c', textwrap.dedent(CHILD) + textwrap.dedent(code)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


READ_TEN = """
    source = make(fps={fps}, pixel_format='{pixel_format}')
    source.open()
    numbers, ages = [], []
    for _ in range(10):
        picture = source.read()
        ages.append((time.monotonic_ns() - picture.monotonic_ns) / 1e6)
        numbers.append(read_number(picture.image))
    source.close()
    tell(format=source.pixel_format, numbers=numbers, ages=ages, shape=picture.image.shape)
"""


@pytest.mark.parametrize(
    ('fps', 'pixel_format', 'expected'),
    [(30.0, 'auto', 'MJPG'), (10.0, 'auto', 'YUYV'), (30.0, 'YUYV', 'YUYV')],
)
def test_pictures_come_in_the_format_that_suits_the_rate(run, fps, pixel_format, expected):
    (told,) = run(READ_TEN.format(fps=fps, pixel_format=pixel_format))
    assert told['format'] == expected
    assert told['shape'] == [360, 640, 3]
    numbers = told['numbers']
    assert None not in numbers
    assert numbers == sorted(numbers)


def test_the_drivers_stamp_is_the_capture_time(run):
    (told,) = run(READ_TEN.format(fps=30.0, pixel_format='auto'))
    assert all(0 <= age < 500 for age in told['ages'])
    assert any(age > 0 for age in told['ages'])


def test_unplugging_is_noticed_at_once_and_a_new_handle_heals(run):
    told = run("""
        source = make(); source.open(); source.read()
        set_condition('unplugged')
        text, seconds = fault_of(source)
        tell(text=text, seconds=seconds)
        source.close()
        try:
            make().open()
        except SourceError as error:
            tell(text=str(error))
        set_condition('ok')
        start = time.monotonic()
        source = make(); source.open()
        tell(number=read_number(source.read().image), seconds=time.monotonic() - start)
        source.close()
    """)
    assert 'unplugged' in told[0]['text']
    assert told[0]['seconds'] < 2.0
    assert 'plug the camera in' in told[1]['text']
    assert told[2]['number']
    assert told[2]['seconds'] < 3.0


def test_a_stall_is_noticed_in_time(run):
    (told,) = run("""
        source = make(); source.open(); source.read()
        set_condition('stall')
        text, seconds = fault_of(source)
        tell(text=text, seconds=seconds)
        source.close()
    """)
    assert 'no picture for 0.5 s' in told['text']
    assert told['seconds'] < 2.0


def test_a_device_in_use_is_told(run):
    told = run(
        """
        for _ in range(2):
            try:
                make().open()
            except SourceError as error:
                tell(text=str(error))
        """,
        condition='busy',
    )
    assert ['another program' in line['text'] for line in told] == [True, True]


def test_a_device_is_read_by_its_stable_name(run):
    code = READ_TEN.format(fps=30.0, pixel_format='auto')
    (told,) = run(code, device='/dev/v4l/by-id/usb-Eye-index0')
    assert None not in told['numbers']


@pytest.mark.parametrize(('formats', 'found'), [(('MJPG',), 1), (('YUYV',), 1), ((), 0)])
def test_only_what_has_a_format_we_know_is_looked_at_by_auto(run, tmp_path, formats, found):
    device = tmp_path / 'video5'
    device.touch()
    (tmp_path / 'video6').touch()
    code = f"""
        from pathlib import Path
        from mmoment_camera.v4l2_device import list_cameras
        tell(found=list_cameras(Path({str(tmp_path)!r})))
    """
    (told,) = run(code, formats=formats, device=device)
    assert told['found'] == [str(device)] * found


def test_the_whole_loop_goes_and_returns_with_the_device(run):
    told = run("""
        from mmoment_camera.capture_loop import CaptureLoop
        from mmoment_camera.source_plan import SourcePlan
        from mmoment_camera.source_address import SourceAddress

        seen = {}
        settings = SourceSettings(width_px=640, height_px=360, read_timeout_s=0.5)
        loop = CaptureLoop(
            settings, lambda picture, live: seen.__setitem__(live, seen.get(live, 0) + 1),
            stall_timeout_s=1.0, on_change=lambda snapshot: tell(state=snapshot.state.name),
        )
        loop.start(SourcePlan(
            SourceAddress('auto'), devices=lambda: ['/dev/video77'], has_csi=lambda: False))
        for condition, live in (('unplugged', False), ('ok', True), ('stall', False), ('ok', True)):
            time.sleep(0.3)
            set_condition(condition)
            before, start = seen.get(live, 0), time.monotonic()
            while seen.get(live, 0) < before + 3:
                time.sleep(0.01)
                assert time.monotonic() - start < 10
        tell(source=loop.status().source)
        loop.stop()
    """)
    states = [line['state'] for line in told if 'state' in line]
    assert states.count('LIVE') == 3
    assert 'WAITING_TO_RETRY' in states
    assert told[-2] == {'source': DEVICE} or told[-1] == {'source': DEVICE}
