import errno
import os
import resource

import pytest

from mmoment_stream import durable
from mmoment_stream.errors import Refused


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_kept_and_only_its_user_may_read_it(tmp_path):
    path = tmp_path / 'photo.jpg'
    durable.keep(path, b'one')
    assert path.read_bytes() == b'one'
    assert path.stat().st_mode & 0o777 == 0o600
    durable.keep(path, b'another')
    assert path.read_bytes() == b'another'
    assert names(tmp_path) == ['photo.jpg']


def test_it_reaches_the_disk_before_it_has_its_name_and_then_its_name_does(tmp_path, monkeypatch):
    done = []

    def noting(name):
        real = getattr(os, name)

        def noted(first, *more):
            at = os.readlink(f'/proc/self/fd/{first}') if name == 'fsync' else str(first)
            done.append((name, at))
            return real(first, *more)

        monkeypatch.setattr(os, name, noted)

    noting('fsync')
    noting('replace')
    path = tmp_path / 'photo.jpg'
    durable.keep(path, b'one')
    draft = str(durable.draft_of(path))
    assert done == [('fsync', draft), ('replace', draft), ('fsync', str(tmp_path))]


def test_until_it_is_whole_the_file_before_it_is_there(tmp_path):
    path = tmp_path / 'photo.jpg'
    durable.keep(path, b'before')

    def break_off():
        with durable.new_file(path) as file:
            file.write(b'after')
            file.flush()
            assert path.read_bytes() == b'before'
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert path.read_bytes() == b'before'
    assert names(tmp_path) == ['photo.jpg']


def test_a_draft_that_a_killed_process_left_is_in_nobodys_way(tmp_path):
    path = tmp_path / 'photo.jpg'
    durable.draft_of(path).write_bytes(b'half of')
    durable.keep(path, b'whole')
    assert path.read_bytes() == b'whole'
    assert names(tmp_path) == ['photo.jpg']


def test_drafts_are_swept_and_nothing_else(tmp_path):
    durable.draft_of(tmp_path / 'one.jpg').write_bytes(b'half of')
    durable.draft_of(tmp_path / 'two.mp4').write_bytes(b'half of')
    durable.keep(tmp_path / 'photo.jpg', b'whole')
    (tmp_path / 'x.draft').write_bytes(b'of somebody else')
    assert durable.sweep_drafts(tmp_path) == 2
    assert names(tmp_path) == ['photo.jpg', 'x.draft']


def test_a_link_laid_in_its_way_is_not_followed(tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.write_bytes(b'precious')
    durable.draft_of(tmp_path / 'photo.jpg').symlink_to(elsewhere)
    durable.keep(tmp_path / 'photo.jpg', b'whole')
    assert elsewhere.read_bytes() == b'precious'


def test_a_limit_on_files_is_told_as_a_full_disk_and_leaves_nothing(tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(Refused) as caught:
            durable.keep(tmp_path / 'photo.jpg', bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert caught.value.code == 'disk_full'
    assert caught.value.__cause__.errno == errno.EFBIG
    assert names(tmp_path) == []


def test_a_full_disk_is_told_and_leaves_what_was_there(small_disk):
    durable.keep(small_disk / 'photo.jpg', bytes(300_000))
    with pytest.raises(Refused) as caught:
        durable.keep(small_disk / 'other.jpg', bytes(5_000_000))
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
