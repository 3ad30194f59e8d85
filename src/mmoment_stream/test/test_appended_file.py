import errno
import os
import resource
import threading

import pytest
from clip_world import wait_until

from mmoment_stream.appended_file import AppendedFile


class Disk:
    """Notes what is brought to it, and waits or fails as told."""

    def __init__(self):
        self.sizes = []
        self.fault = None
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.is_asked = threading.Event()

    def sync(self, descriptor):
        self.is_asked.set()
        assert self.may_go_on.wait(20)
        if self.fault is not None:
            raise self.fault
        os.fdatasync(descriptor)
        self.sizes.append(os.fstat(descriptor).st_size)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'clip.mp4'


def test_it_grows_by_its_pieces(path):
    file = AppendedFile(path)
    file.append(b'one ')
    file.append(b'two')
    assert path.read_bytes() == b'one two'
    assert path.stat().st_mode & 0o777 == 0o600
    file.close()


def test_a_file_that_is_there_is_left_alone(path):
    path.write_bytes(b'precious')
    with pytest.raises(FileExistsError):
        AppendedFile(path)
    assert path.read_bytes() == b'precious'


def test_every_piece_is_brought_to_the_disk_at_once(path):
    disk = Disk()
    file = AppendedFile(path, disk.sync)
    file.append(b'one ')
    wait_until(lambda: disk.sizes == [4])
    file.append(b'two')
    wait_until(lambda: disk.sizes == [4, 7])
    file.close()
    assert disk.sizes == [4, 7]


def test_its_name_is_brought_to_the_disk_too(path, monkeypatch):
    folders = []
    monkeypatch.setattr('mmoment_stream.appended_file.sync_folder', folders.append)
    file = AppendedFile(path)
    file.append(b'one')
    file.close()
    assert folders == [path.parent]


def test_a_slow_disk_is_not_waited_for_until_the_end_and_then_has_everything(path):
    disk = Disk()
    file = AppendedFile(path, disk.sync)
    disk.may_go_on.clear()
    file.append(b'one ')
    assert disk.is_asked.wait(20)
    for _ in range(100):
        file.append(b'more')
    assert path.stat().st_size == 404
    closing = threading.Thread(target=file.close)
    closing.start()
    disk.may_go_on.set()
    closing.join(20)
    # What gathered meanwhile went in one.
    assert disk.sizes == [404, 404]


def test_what_does_not_reach_the_disk_is_told_with_the_next_piece(path):
    disk = Disk()
    disk.fault = OSError(errno.EIO, 'as the test wants it')
    file = AppendedFile(path, disk.sync)
    file.append(b'one')
    closing = []

    def is_told():
        try:
            file.append(b'two')
        except OSError as error:
            closing.append(error)
        return closing

    wait_until(is_told)
    assert closing == [disk.fault]
    disk.fault = None
    file.close()


def test_what_does_not_reach_the_disk_is_told_at_the_end(path):
    disk = Disk()
    disk.fault = OSError(errno.ENOSPC, 'as the test wants it')
    file = AppendedFile(path, disk.sync)
    file.append(b'one')
    with pytest.raises(OSError, match='as the test wants it'):
        file.close()


def test_a_piece_that_does_not_fit_leaves_no_trace(small_disk):
    path = small_disk / 'clip.mp4'
    file = AppendedFile(path)
    file.append(b'a' * 600_000)
    with pytest.raises(OSError, match='No space left'):
        file.append(b'b' * 600_000)
    assert path.read_bytes() == b'a' * 600_000
    # It goes on where it was.
    file.append(b'c' * 100_000)
    assert path.read_bytes() == b'a' * 600_000 + b'c' * 100_000
    file.close()


def test_a_limit_on_files_leaves_whole_pieces_too(path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    file = AppendedFile(path)
    file.append(b'a' * 60_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(OSError, match='too large') as caught:
            file.append(b'b' * 60_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == b'a' * 60_000
    file.close()
