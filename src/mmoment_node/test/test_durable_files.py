"""Whatever happens while a file is written, there is the old one or the new one."""

import os
import stat

import pytest

from mmoment_node import durable_files
from mmoment_node.durable_files import FOR_ALL_TO_READ, NameNotKept, draft_of, new_file, write_new
from tests.killed_child import killed_at_line

OLD, NEW = b'before', b'after, and longer'


def keep(path, data, *mode):
    durable_files.keep(path, data, *mode)


def fill(path, data, *mode):
    with new_file(path, *mode) as file:
        for begin in range(0, len(data), 4):
            file.write(data[begin : begin + 4])


both = pytest.mark.parametrize('write', [keep, fill])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'file'


@pytest.fixture
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@both
@pytest.mark.parametrize('umask', [0, 0o022, 0o777], indirect=True)
@pytest.mark.parametrize('mode', [None, FOR_ALL_TO_READ])
def test_who_may_read_it_is_not_for_the_umask_to_say(path, write, umask, mode):
    # Nor for the file before it.
    path.touch()
    path.chmod(0o666)
    write(path, NEW, *([] if mode is None else [mode]))
    assert path.read_bytes() == NEW
    assert mode_of(path) == (0o600 if mode is None else mode)
    assert names(path.parent) == ['file']


@both
def test_it_reaches_the_disk_before_it_has_its_name_and_then_its_name_does(
    path, write, monkeypatch
):
    done = []

    def noting(name):
        real = getattr(os, name)

        def noted(first, *more):
            at = os.readlink(f'/proc/self/fd/{first}') if name == 'fsync' else str(first)
            size = os.path.getsize(at) if os.path.isfile(at) else None
            done.append((name, at, size))
            return real(first, *more)

        monkeypatch.setattr(os, name, noted)

    noting('fsync')
    noting('replace')
    write(path, NEW)
    draft, size = str(draft_of(path)), len(NEW)
    folder = ('fsync', str(path.parent), None)
    assert done == [('fsync', draft, size), ('replace', draft, size), folder]


@both
def test_killed_at_any_line_there_is_the_old_file_or_the_new_one(path, write):
    found = []
    keep(path, OLD)
    while killed_at_line(len(found), ('durable_files',), lambda: write(path, NEW)):
        found.append(path.read_bytes())
        # What was left is in nobody's way.
        keep(path, OLD)
        assert path.read_bytes() == OLD
        assert names(path.parent) == ['file']
    assert set(found) == {OLD, NEW}
    # Once there, it stays.
    assert found == sorted(found, key=lambda content: content == NEW)


def test_until_it_is_whole_the_file_before_it_is_there(path):
    keep(path, OLD)

    def break_off():
        with new_file(path) as file:
            file.write(NEW)
            file.flush()
            assert path.read_bytes() == OLD
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert path.read_bytes() == OLD
    assert names(path.parent) == ['file']


@both
@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_a_fault_of_the_disk_leaves_the_old_file_and_no_draft(path, write, step, monkeypatch):
    keep(path, OLD)

    def no_room(*_):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patched:
        patched.setattr(os, step, no_room)
        with pytest.raises(OSError, match='No space left') as caught:
            write(path, NEW)
    assert not isinstance(caught.value, NameNotKept)
    assert path.read_bytes() == OLD
    assert names(path.parent) == ['file']


@both
def test_that_the_new_file_is_in_place_is_told_where_its_name_may_not_last(
    path, write, monkeypatch
):
    keep(path, OLD)
    real = os.fsync

    def failing(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, 'Input/output error')
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, 'fsync', failing)
        with pytest.raises(NameNotKept, match='Input/output error') as caught:
            write(path, NEW)
    assert caught.value.errno == 5
    assert path.read_bytes() == NEW
    assert names(path.parent) == ['file']


def test_what_the_system_takes_by_pieces_is_written_whole(path, monkeypatch):
    real = os.fdopen

    class Slow:
        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def write(self, data):
            return self._file.write(data[:3])

        def fileno(self):
            return self._file.fileno()

    monkeypatch.setattr(durable_files, 'open', lambda *given: Slow(real(*given)), raising=False)
    write_new(path, NEW)
    assert path.read_bytes() == NEW


@both
def test_a_link_laid_in_its_way_is_not_followed(path, write):
    elsewhere = path.with_name('elsewhere')
    elsewhere.write_bytes(OLD)
    draft_of(path).symlink_to(elsewhere)
    write(path, NEW)
    assert elsewhere.read_bytes() == OLD
    assert not path.is_symlink()
    path.unlink()
    path.symlink_to(elsewhere)
    write(path, NEW)
    assert (elsewhere.read_bytes(), path.read_bytes()) == (OLD, NEW)


@pytest.mark.parametrize('there', ['file', 'link'])
def test_a_new_file_takes_the_place_of_none(path, there):
    if there == 'file':
        path.write_bytes(OLD)
    else:
        path.symlink_to(path.with_name('elsewhere'))
    with pytest.raises(FileExistsError):
        write_new(path, NEW)
    assert there == 'link' or path.read_bytes() == OLD
    assert not path.with_name('elsewhere').exists()


def test_a_disk_without_modes_of_its_own_is_written_to(path, monkeypatch):
    def refused(*_):
        raise PermissionError

    # As vfat does: everybody may read whatever is on it.
    monkeypatch.setattr(os, 'fchmod', refused)
    before = os.umask(0)
    try:
        keep(path, NEW, 0o666)
        keep(path, NEW)
    finally:
        os.umask(before)
    assert path.read_bytes() == NEW


def test_drafts_that_were_left_are_found_and_nothing_else(tmp_path):
    left = [draft_of(tmp_path / name) for name in ('one.jpg', 'two.mp4')]
    for draft in left:
        draft.write_bytes(b'half of')
    (tmp_path / 'x.draft').write_bytes(b'of somebody else')
    keep(tmp_path / 'photo.jpg', NEW)
    assert sorted(durable_files.drafts_in(tmp_path)) == sorted(left)
