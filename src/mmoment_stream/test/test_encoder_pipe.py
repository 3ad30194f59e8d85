"""Encoders behind pipes: real programs that encode, and programs that fail as told."""

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
from encoder_world import decoded, likeness_db, planes_of, refusal_of, scene, settings

from mmoment_stream import encoder_pipe
from mmoment_stream.encoder_backends import EncoderFault, EncoderUnusable
from mmoment_stream.encoder_framing import FlvFraming, MultipartFraming
from mmoment_stream.encoder_pipe import (
    PipeEncoder,
    ffmpeg_command,
    gstreamer_command,
    open_jetson,
    open_vaapi,
    pipe_openers,
)
from mmoment_stream.h264 import is_keyframe, parameter_sets
from mmoment_stream.picture_planes import PlaneMaker

pytestmark = pytest.mark.graph
# Sides that are no multiples of what programs like to pad to.
SIZE = (646, 362)
PATIENCE_S = 20.0


def program(body):
    """A Python program that has `size`, the bytes of a picture, and `part(data)` to answer with."""
    head = f"""
        import sys, time
        size = {320 * 180 * 3 // 2}
        out = sys.stdout.buffer
        def part(data):
            out.write(b'--b\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(data) + data + b'\\r\\n')
            out.flush()
    """
    return [sys.executable, '-c', textwrap.dedent(head) + textwrap.dedent(body)]


def started(body, **more):
    return PipeEncoder('stand_in', program(body), MultipartFraming(), settings(), **more)


def feed(encoder, count):
    maker = PlaneMaker(320, 180)
    units = []
    for number in range(count):
        units += encoder.encode(maker.make(scene(number)), number, force_keyframe=False)
    return units


def encode_for_real(encoder, count):
    """Planes that went in at the pace of a camera, and units that came out."""
    maker = PlaneMaker(*SIZE)
    planes, units = [], []
    for number in range(count):
        began_s = time.monotonic()
        planes.append(maker.make(scene(number, *SIZE)).copy())
        units += encoder.encode(planes[-1], number * 3000, force_keyframe=False)
        time.sleep(max(0.0, 1 / 30 - (time.monotonic() - began_s)))
    encoder.close()
    return planes, units


def assert_same_pictures(planes, units):
    assert len(units) >= len(planes) - 1
    assert [unit.pts for unit in units] == [n * 3000 for n in range(len(units))]
    frames = decoded(unit.data for unit in units)
    assert len(frames) == len(units)
    for frame, wanted in zip(frames, planes, strict=False):
        assert likeness_db(planes_of(frame), wanted) > 30
        assert (frame.colorspace, frame.color_range) == (6, 1)


def test_gstreamer_gives_back_every_picture():
    if shutil.which('gst-inspect-1.0') is None or not encoder_pipe._has_element('x264enc'):
        pytest.skip('GStreamer with x264enc is not installed')
    wanted = settings(*SIZE, bitrate_kbps=4000, keyframe_interval_s=0.5)
    # Software stands in for the board's encoder; pipes, framing and parsing are the real ones.
    words = gstreamer_command(
        wanted, 'x264enc tune=zerolatency speed-preset=superfast key-int-max=15 bitrate=4000'
    )
    planes, units = encode_for_real(PipeEncoder('x264enc', words, MultipartFraming(), wanted), 40)
    assert_same_pictures(planes, units)
    keyframes = [n for n, unit in enumerate(units) if is_keyframe(unit.data)]
    assert keyframes == list(range(0, len(units), 15))
    assert all(parameter_sets(units[n].data) for n in keyframes)


def test_ffmpeg_gives_back_every_picture():
    if shutil.which('ffmpeg') is None:
        pytest.skip('ffmpeg is not installed')
    wanted = settings(*SIZE, bitrate_kbps=4000, keyframe_interval_s=9.0)
    words = ffmpeg_command(
        wanted, ['-c:v', 'libx264', '-preset', 'superfast', '-tune', 'zerolatency']
    )
    planes, units = encode_for_real(PipeEncoder('libx264', words, FlvFraming(), wanted), 40)
    assert_same_pictures(planes, units)
    keyframes = [n for n, unit in enumerate(units) if is_keyframe(unit.data)]
    # Nobody can ask it for one, so they come at least once a second.
    assert keyframes == [0, 30]
    assert parameter_sets(units[30].data) is not None


def test_units_belong_to_the_pictures_they_were_made_of():
    encoder = started("""
        held = []
        while True:
            held.append(sys.stdin.buffer.read(size))
            if len(held) > 2:
                part(b'unit')
    """)
    deadline_s = time.monotonic() + PATIENCE_S
    units, number = [], 0
    maker = PlaneMaker(320, 180)
    while len(units) < 5 and time.monotonic() < deadline_s:
        units += encoder.encode(maker.make(scene(0)), number * 10, force_keyframe=False)
        number += 1
    encoder.close()
    assert [unit.pts for unit in units] == [n * 10 for n in range(len(units))]


def test_a_program_that_ends_is_a_fault_with_its_last_words():
    encoder = started("""
        sys.stdin.buffer.read(size)
        print('no such device', file=sys.stderr)
    """)
    with pytest.raises(EncoderFault, match='stand_in has ended: no such device'):
        feed(encoder, 1000)
    encoder.close()


@pytest.mark.parametrize('body', ['time.sleep(100)', 'while True: sys.stdin.buffer.read(size)'])
def test_a_program_that_gives_nothing_is_given_up(body):
    encoder = started(body, silence_s=0.5)
    with pytest.raises(EncoderFault, match=r'stand_in has given nothing for 0\.5 s'):
        feed(encoder, 100_000)
    encoder.close()


def test_a_pause_of_the_camera_is_no_silence_of_the_program():
    encoder = started("""
        while True:
            sys.stdin.buffer.read(size)
            part(b'unit')
    """)
    feed(encoder, 1)
    while encoder._pending:
        feed(encoder, 1)
    encoder._silence_s = 0.5
    time.sleep(0.7)
    feed(encoder, 1)
    encoder.close()


def test_a_program_that_makes_pictures_up_is_a_fault():
    encoder = started("""
        sys.stdin.buffer.read(size)
        for _ in range(1000):
            part(b'unit')
        time.sleep(100)
    """)
    with pytest.raises(EncoderFault, match='more pictures than it got'):
        feed(encoder, 1000)
    encoder.close()


def test_a_program_that_writes_something_else_is_a_fault():
    encoder = started("""
        out.write(b'x' * 200_000)
        out.flush()
        time.sleep(100)
    """)
    with pytest.raises(EncoderFault, match='has written a part without a head'):
        feed(encoder, 1000)
    encoder.close()


def test_close_ends_a_program_that_does_not_listen():
    encoder = started("""
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            sys.stdin.buffer.read(size)
            part(b'unit')
    """)
    feed(encoder, 10)
    pid = encoder._process.pid
    encoder.close()
    assert not runs(pid)


@pytest.mark.skipif(shutil.which('setpriv') is None, reason='setpriv is not installed')
def test_the_program_ends_with_a_killed_owner():
    code = f"""
        import time
        from encoder_world import settings
        from mmoment_stream.encoder_framing import MultipartFraming
        from mmoment_stream.encoder_pipe import PipeEncoder

        words = {[sys.executable, '-c', 'import time; time.sleep(100)']!r}
        encoder = PipeEncoder('stand_in', words, MultipartFraming(), settings())
        print(encoder._process.pid, flush=True)
        time.sleep(100)
    """
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get('PYTHONPATH', '')])
    owner = subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': path},
    )
    pid = int(owner.stdout.readline())
    assert runs(pid)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    deadline_s = time.monotonic() + PATIENCE_S
    while runs(pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    is_left = runs(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    assert not is_left


def runs(pid):
    """False also for a process that has ended and that nobody has reaped yet."""
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in 'ZX'


def test_a_program_that_is_not_there_cannot_be_used(monkeypatch):
    monkeypatch.setattr(encoder_pipe, 'guarded', list)
    with pytest.raises(EncoderUnusable, match='stand_in cannot be started: No such file'):
        PipeEncoder('stand_in', ['no such program'], MultipartFraming(), settings())


def test_no_pipe_follows_changes():
    encoder = started('time.sleep(100)')
    assert not encoder.change_bitrate(1000)
    assert not encoder.forces_keyframes
    encoder.close()


@pytest.mark.parametrize('name', pipe_openers())
def test_hardware_that_is_not_here_is_refused_with_what_it_needs(name):
    error = refusal_of(pipe_openers()[name], settings())
    if error is None:
        pytest.skip(f'this machine may have {name}')
    assert error.fault.startswith('needs ')


def driver_of(folder, device, driver):
    """What the kernel shows of a graphics processor."""
    drivers = folder / 'drivers' / driver
    drivers.mkdir(parents=True)
    (folder / device / 'device').mkdir(parents=True)
    (folder / device / 'device' / 'driver').symlink_to(drivers)


def test_va_api_takes_the_processor_whose_driver_has_it(tmp_path, monkeypatch):
    driver_of(tmp_path, 'renderD128', 'nvidia')
    monkeypatch.setattr(encoder_pipe, 'DEVICES', tmp_path)
    with pytest.raises(EncoderUnusable, match='needs a graphics processor of Intel or AMD'):
        open_vaapi(settings())
    driver_of(tmp_path, 'renderD129', 'i915')
    monkeypatch.setattr(encoder_pipe.shutil, 'which', lambda name: None)
    with pytest.raises(EncoderUnusable, match='needs ffmpeg: run `sudo apt install ffmpeg`'):
        open_vaapi(settings())
    assert encoder_pipe._vaapi_device() == Path('/dev/dri/renderD129')


def test_without_gstreamer_there_is_no_jetson(monkeypatch):
    monkeypatch.setattr(encoder_pipe.shutil, 'which', lambda name: None)
    with pytest.raises(EncoderUnusable, match='needs the GStreamer of Jetson Linux'):
        open_jetson(settings())
