"""Files that are there whole and for good, or as they were before.

A file is written under the name of a draft in the same folder, brought to the disk and renamed; then
its folder is brought to the disk too. Whenever the process is killed or the power fails, there is
the old file or the new one. A file has one writer at a time; everything here raises OSError:
NameNotKept if the new file is in place already, any other while the old one still is.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

ONLY_OWNER = 0o600
FOR_ALL_TO_READ = 0o644
DRAFT_ENDING = '.draft'


class NameNotKept(OSError):
    """The new file is in place, but a power cut may bring back the old one."""


def keep(path: Path, data: bytes | memoryview, mode: int = ONLY_OWNER) -> None:
    """Have `data` in the file `path`, in place of what may be there, once this returns.

    No copy is made of `data`, which may be a key.
    """
    with _draft(path) as draft:
        write_new(draft, data, mode)


@contextlib.contextmanager
def new_file(path: Path, mode: int = ONLY_OWNER) -> Iterator[BinaryIO]:
    """A file to be filled, which has its name once the block ends well and is gone otherwise."""
    with _draft(path) as draft, open(create(draft, mode), 'wb') as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_new(path: Path, data: bytes | memoryview, mode: int = ONLY_OWNER) -> None:
    """Write a file that was not there before, and see it on the disk; its name may not be yet."""
    with open(create(path, mode), 'wb', 0) as file:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
        os.fsync(file.fileno())


def create(path: Path, mode: int = ONLY_OWNER) -> int:
    """Descriptor of a file that was not there before, for reading and writing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        # Whatever the umask is. Disks without modes of their own give more, and refuse to change it.
        if mode & ~stat.S_IMODE(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def draft_of(path: Path) -> Path:
    """Where a file lies until it is whole; hidden, so that no listing takes it for one."""
    return path.with_name(f'.{path.name}{DRAFT_ENDING}')


def drafts_in(folder: Path) -> list[Path]:
    """What a process that was killed may have left there."""
    return list(folder.glob(f'.*{DRAFT_ENDING}'))


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """The name of a draft: what the block puts there becomes the file, unless the block fails."""
    draft = draft_of(path)
    # What a process that was killed has left.
    draft.unlink(missing_ok=True)
    try:
        yield draft
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise NameNotKept(error.errno, error.strerror) from error
