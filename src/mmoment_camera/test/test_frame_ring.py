"""The frame ring: round trips, overwriting, dead writers, full memory, hostile segments."""

import multiprocessing
import os
import secrets
import signal
import stat
import subprocess
import sys
import textwrap
from multiprocessing.synchronize import Event

import numpy as np
import pytest

from mmoment_camera import frame_ring
from mmoment_camera.frame_ring import (
    FrameOverwritten,
    FrameRingError,
    FrameRingReader,
    FrameRingWriter,
    Geometry,
    NoRing,
    RingInUse,
    SharedMemoryFull,
    ring_name,
    sweep,
)

SMALL = Geometry(64, 48)


@pytest.fixture
def name():
    """A channel of its own for each test, removed whatever happens."""
    name = ring_name('/test', secrets.token_hex(6))
    yield name
    path = os.path.join(frame_ring.SHARED_MEMORY_DIR, name)
    if os.path.exists(path):
        os.unlink(path)


def picture(value: int, geometry: Geometry = SMALL) -> np.ndarray:
    return np.full(geometry.shape, value % 256, np.uint8)


def is_there(name: str) -> bool:
    return os.path.exists(os.path.join(frame_ring.SHARED_MEMORY_DIR, name))


def test_reader_sees_the_picture_and_its_description(name):
    writer = FrameRingWriter(name, SMALL)
    reader = FrameRingReader(name)
    assert reader.newest() is None

    image = np.random.default_rng(1).integers(0, 256, SMALL.shape, np.uint8)
    written = writer.write(image, monotonic_ns=123_456_789_012, live=False)
    frame = reader.newest()

    assert (frame.sequence, frame.monotonic_ns, frame.live) == (1, 123_456_789_012, False)
    assert (frame.image == image).all()
    assert frame.intact()
    assert written.sequence == 1
    assert reader.geometry == SMALL
    assert reader.epoch == writer.epoch


def test_mono_pictures_have_two_dimensions(name):
    geometry = Geometry(32, 16, 'mono8')
    writer = FrameRingWriter(name, geometry)
    writer.write(picture(7, geometry), monotonic_ns=1)
    assert FrameRingReader(name).newest().image.shape == (16, 32)


def test_readers_cannot_write(name):
    writer = FrameRingWriter(name, SMALL)
    writer.write(picture(1), monotonic_ns=1)
    with pytest.raises(ValueError, match='read-only'):
        FrameRingReader(name).newest().image[0, 0] = 9


def test_only_the_owner_may_open_the_segment(name):
    FrameRingWriter(name, SMALL)
    mode = os.stat(os.path.join(frame_ring.SHARED_MEMORY_DIR, name)).st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_an_overwritten_slot_is_noticed_while_it_is_held(name):
    writer = FrameRingWriter(name, SMALL, slots=4)
    reader = FrameRingReader(name)
    writer.write(picture(1), monotonic_ns=1)
    held = reader.newest()
    for value in range(2, 5):
        writer.write(picture(value), monotonic_ns=value)
    assert held.intact()
    assert (held.copy() == 1).all()

    writer.write(picture(5), monotonic_ns=5)

    assert not held.intact()
    with pytest.raises(FrameOverwritten, match='1'):
        held.copy()
    with pytest.raises(FrameOverwritten):
        reader.read(1)


def test_a_slot_that_is_being_written_is_not_readable(name):
    writer = FrameRingWriter(name, SMALL, slots=3)
    reader = FrameRingReader(name)
    for value in (1, 2, 3):
        writer.write(picture(value), monotonic_ns=value)
    held = reader.read(1)
    with writer.slot(monotonic_ns=4) as (pixels, written):
        assert written.sequence == 4
        pixels[:] = 4
        assert not held.intact()
        assert reader.newest().sequence == 3
        with pytest.raises(FrameOverwritten):
            reader.read(4)
    assert (reader.newest().copy() == 4).all()


def test_a_picture_whose_drawing_fails_never_appears(name):
    writer = FrameRingWriter(name, SMALL)
    reader = FrameRingReader(name)
    writer.write(picture(1), monotonic_ns=1)
    with pytest.raises(ZeroDivisionError), writer.slot(monotonic_ns=2):
        raise ZeroDivisionError
    assert reader.newest().sequence == 1
    assert writer.write(picture(3), monotonic_ns=3).sequence == 3
    assert (reader.newest().image == 3).all()


@pytest.mark.parametrize(
    'image',
    [np.zeros((48, 64), np.uint8), np.zeros((64, 48, 3), np.uint8), np.zeros((48, 64, 3))],
    ids=['mono', 'transposed', 'float'],
)
def test_a_picture_of_another_kind_is_refused_and_loses_nothing(name, image):
    writer = FrameRingWriter(name, SMALL)
    writer.write(picture(1), monotonic_ns=1)
    with pytest.raises(FrameRingError, match='takes uint8 pictures of shape'):
        writer.write(image, monotonic_ns=2)
    assert FrameRingReader(name).newest().sequence == 1


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        ((0, 10), 'out of range'),
        ((10, 99999), 'out of range'),
        ((10, 10, 'rgb16'), 'choose one of: bgr8, mono8'),
    ],
)
def test_impossible_geometries_are_refused_with_the_reason(arguments, reason):
    with pytest.raises(FrameRingError, match=reason):
        Geometry(*arguments)


def test_a_second_writer_is_refused_while_the_first_lives(name):
    first = FrameRingWriter(name, SMALL)
    with pytest.raises(RingInUse, match=f'written by process {os.getpid()}'):
        FrameRingWriter(name, SMALL)
    first.write(picture(1), monotonic_ns=1)
    assert FrameRingReader(name).newest().sequence == 1
    first.close()
    assert not is_there(name)
    FrameRingWriter(name, SMALL)


def test_a_ring_that_does_not_fit_is_refused_with_the_numbers(name):
    huge = Geometry(16384, 16384)
    free = os.statvfs(frame_ring.SHARED_MEMORY_DIR)
    slots = min(100, free.f_bavail * free.f_frsize // huge.picture_bytes + 1)
    if slots == 100:
        pytest.skip('this machine has more shared memory than the largest ring takes')
    with pytest.raises(SharedMemoryFull, match=r'needs \d+\.\d MiB of shared memory, \d+\.\d MiB'):
        FrameRingWriter(name, huge, slots=max(3, slots))
    assert not is_there(name)


def test_a_reader_notices_that_the_writer_left_and_that_another_came(name):
    writer = FrameRingWriter(name, SMALL)
    writer.write(picture(1), monotonic_ns=1)
    reader = FrameRingReader(name)
    held = reader.newest()
    assert reader.is_current()
    writer.close()
    assert not reader.is_current()
    assert (held.image == 1).all()
    assert FrameRingWriter(name, SMALL, first_sequence=10).epoch != reader.epoch
    assert not reader.is_current()


def test_numbering_goes_on_in_a_ring_of_another_size(name):
    writer = FrameRingWriter(name, SMALL, first_sequence=41)
    assert writer.write(picture(1), monotonic_ns=1).sequence == 41
    assert writer.next_sequence == 42


def start_writer_and_wait(name: str) -> subprocess.Popen:
    """A writer in another process, with one picture in the ring."""
    code = f"""
        import numpy as np, sys, time
        from mmoment_camera.frame_ring import FrameRingWriter, Geometry
        writer = FrameRingWriter({name!r}, Geometry(64, 48))
        writer.write(np.full((48, 64, 3), 9, np.uint8), monotonic_ns=1)
        print('ready', flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'ready\n'
    return process


def test_the_segment_of_a_killed_writer_is_replaced_by_the_next(name):
    process = start_writer_and_wait(name)
    reader = FrameRingReader(name)
    with pytest.raises(RingInUse, match=f'process {process.pid}'):
        FrameRingWriter(name, SMALL)

    process.kill()
    process.wait()

    assert is_there(name)
    assert (reader.newest().image == 9).all()
    writer = FrameRingWriter(name, SMALL)
    assert not reader.is_current()
    writer.write(picture(5), monotonic_ns=5)
    assert (FrameRingReader(name).newest().image == 5).all()
    writer.close()
    assert not is_there(name)


def test_sweep_removes_the_dead_and_leaves_the_living(name):
    living = name + '.living'
    writer = FrameRingWriter(living, SMALL)
    process = start_writer_and_wait(name)
    assert name not in sweep()
    process.send_signal(signal.SIGKILL)
    process.wait()
    try:
        assert name in sweep()
        assert not is_there(name)
        assert is_there(living)
    finally:
        writer.close()


def test_a_killed_reader_disturbs_nobody(name):
    writer = FrameRingWriter(name, SMALL)
    writer.write(picture(1), monotonic_ns=1)
    code = f"""
        import time
        from mmoment_camera.frame_ring import FrameRingReader
        frame = FrameRingReader({name!r}).newest()
        print('ready', flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(code)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b'ready\n'
        process.kill()
    writer.write(picture(2), monotonic_ns=2)
    assert (FrameRingReader(name).newest().image == 2).all()
    writer.close()
    assert not is_there(name)


def test_there_is_no_ring_of_an_unknown_name():
    with pytest.raises(NoRing, match='cannot be opened'):
        FrameRingReader(ring_name('/test', 'nobody_writes_this'))


@pytest.mark.parametrize('name', ['../etc/passwd', 'a/b', '', '.hidden', 'x' * 300])
def test_a_name_never_leads_out_of_the_folder(name):
    with pytest.raises(NoRing, match='no name of a frame ring'):
        FrameRingReader(name)


@pytest.mark.parametrize(
    ('offset', 'value', 'reason'),
    [
        (0, 0x4141414141414141, 'is no frame ring'),
        (8, 99, 'has layout 99'),
        (32, 10**6, 'broken header'),
        (56, 10**6, 'broken header'),
        (64, 1, 'broken header'),
        (96, 0x20202020, 'broken header'),
    ],
    ids=['magic', 'version', 'width', 'slots', 'stride', 'encoding'],
)
def test_a_malformed_segment_is_refused(name, offset, value, reason):
    FrameRingWriter(name, SMALL)
    with open(os.path.join(frame_ring.SHARED_MEMORY_DIR, name), 'r+b') as segment:
        segment.seek(offset)
        segment.write(value.to_bytes(8, sys.byteorder))
    with pytest.raises(NoRing, match=reason):
        FrameRingReader(name)


def test_a_planted_symbolic_link_is_refused_with_what_to_do(name, tmp_path):
    os.symlink(tmp_path / 'elsewhere', os.path.join(frame_ring.SHARED_MEMORY_DIR, name))
    try:
        with pytest.raises(FrameRingError, match=r'not a frame ring of this user .*: remove it'):
            FrameRingWriter(name, SMALL)
        with pytest.raises(NoRing, match='cannot be opened'):
            FrameRingReader(name)
        sweep()
    finally:
        os.unlink(os.path.join(frame_ring.SHARED_MEMORY_DIR, name))


def test_a_ring_of_another_user_is_refused(name, monkeypatch):
    FrameRingWriter(name, SMALL)
    monkeypatch.setattr(os, 'geteuid', lambda: 12345)
    with pytest.raises(NoRing, match='belongs to another user'):
        FrameRingReader(name)


def test_newest_ends_when_every_slot_was_given_up(name):
    writer = FrameRingWriter(name, SMALL, slots=3)
    reader = FrameRingReader(name)
    writer.write(picture(1), monotonic_ns=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), writer.slot(monotonic_ns=2):
            raise ZeroDivisionError
    assert reader.newest() is None


def test_a_truncated_segment_is_refused(name):
    with open(os.path.join(frame_ring.SHARED_MEMORY_DIR, name), 'wb') as segment:
        segment.write(b'MMFRAMES')
    with pytest.raises(NoRing, match='too small'):
        FrameRingReader(name)


def test_channels_of_other_namespaces_and_domains_have_other_names(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', '7')
    names = {ring_name('/a', 'clean'), ring_name('/b', 'clean'), ring_name('/a', 'annotated')}
    monkeypatch.setenv('ROS_DOMAIN_ID', '8')
    names.add(ring_name('/a', 'clean'))
    assert len(names) == 4


def write_as_fast_as_possible(name: str, stop: Event) -> None:
    writer = FrameRingWriter(name, Geometry(320, 240), slots=3)
    value = 0
    while not stop.is_set():
        value += 1
        with writer.slot(monotonic_ns=value) as (pixels, written):
            pixels[:] = written.sequence % 251
    writer.close()


def test_no_torn_picture_is_ever_accepted(name):
    """A writer without pauses against a reader that copies: every accepted copy is whole."""
    context = multiprocessing.get_context('spawn')
    stop = context.Event()
    process = context.Process(target=write_as_fast_as_possible, args=(name, stop))
    process.start()
    try:
        reader = None
        accepted = overwritten = 0
        while accepted < 300 or overwritten < 20:
            try:
                reader = reader or FrameRingReader(name)
            except NoRing:
                continue
            frame = reader.newest()
            if frame is None:
                continue
            try:
                if overwritten < 20:
                    while frame.intact():
                        pass  # hold it until the writer comes round: this one must be refused
                copy = frame.copy()
            except FrameOverwritten:
                overwritten += 1
                continue
            accepted += 1
            assert (copy == frame.sequence % 251).all()
    finally:
        stop.set()
        process.join(10)
        process.kill()
    assert overwritten >= 20
