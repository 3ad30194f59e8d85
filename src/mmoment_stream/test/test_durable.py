"""What clients are told of faults of the disk. How files are written: test_durable_files.py."""

import errno
import resource

import pytest

from mmoment_node.durable_files import draft_of
from mmoment_stream import durable
from mmoment_stream.errors import Refused


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_kept_and_only_its_user_may_read_it(tmp_path):
    path = tmp_path / 'photo.jpg'
    for data in (b'one', b'another'):
        durable.keep(path, data)
        assert path.read_bytes() == data
        assert path.stat().st_mode & 0o777 == 0o600
    with durable.new_file(path) as file:
        file.write(b'by piece')
    assert path.read_bytes() == b'by piece'
    assert path.stat().st_mode & 0o777 == 0o600


def test_drafts_are_swept_and_nothing_else(tmp_path):
    draft_of(tmp_path / 'one.jpg').write_bytes(b'half of')
    draft_of(tmp_path / 'two.mp4').write_bytes(b'half of')
    durable.keep(tmp_path / 'photo.jpg', b'whole')
    (tmp_path / 'x.draft').write_bytes(b'of somebody else')
    assert durable.sweep_drafts(tmp_path) == 2
    assert names(tmp_path) == ['photo.jpg', 'x.draft']


def keep(path, data):
    durable.keep(path, data)


def fill(path, data):
    with durable.new_file(path) as file:
        file.write(data)


@pytest.mark.parametrize('write', [keep, fill])
def test_a_limit_on_files_is_told_as_a_full_disk_and_leaves_nothing(tmp_path, write):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(Refused) as caught:
            write(tmp_path / 'photo.jpg', bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert caught.value.code == 'disk_full'
    assert caught.value.__cause__.errno == errno.EFBIG
    assert names(tmp_path) == []


@pytest.mark.parametrize('write', [keep, fill])
def test_a_full_disk_is_told_and_leaves_what_was_there(small_disk, write):
    write(small_disk / 'photo.jpg', bytes(300_000))
    with pytest.raises(Refused) as caught:
        write(small_disk / 'other.jpg', bytes(5_000_000))
    assert caught.value.code == 'disk_full'
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert names(small_disk) == ['photo.jpg']
    assert (small_disk / 'photo.jpg').stat().st_size == 300_000


def test_a_folder_that_is_missing_is_told_with_its_reason(tmp_path):
    with pytest.raises(Refused) as caught:
        durable.keep(tmp_path / 'none' / 'photo.jpg', b'')
    assert caught.value.code == 'not_kept'
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert 'none' in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ('number', 'code'),
    [
        (errno.ENOSPC, 'disk_full'),
        (errno.EDQUOT, 'disk_full'),
        (errno.EFBIG, 'disk_full'),
        (errno.EIO, 'not_kept'),
        (errno.EROFS, 'not_kept'),
        (errno.EACCES, 'not_kept'),
    ],
)
def test_what_a_client_is_told(number, code):
    assert durable.refusal(OSError(number, 'as the test wants it')).code == code
