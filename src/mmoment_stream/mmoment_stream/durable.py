"""Files that are there whole and for good, or not at all.

A file is written under the name of a draft in the same folder, brought to the disk and renamed;
then its folder is brought to the disk too. Only the user of the camera may read it.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mmoment_stream.errors import Refused

ONLY_OWNER = 0o600
DRAFT_ENDING = '.draft'
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No blocks left, the quota is used up, or the file may not grow further."""


def keep(path: Path, data: bytes) -> None:
    """Have `data` in the file `path`, in place of what may be there, once this returns.

    Raises Refused: disk_full or not_kept; its cause says more than a client needs to know.
    """
    with new_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to be filled, which has its name once the block ends well and is gone otherwise.

    Raises Refused: disk_full or not_kept.
    """
    draft = draft_of(path)
    with refusing():
        # What a process that was killed has left.
        draft.unlink(missing_ok=True)
        try:
            with open(create(draft), 'wb') as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def create(path: Path) -> int:
    """Descriptor of a file that was not there before, for reading and writing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, ONLY_OWNER)


def draft_of(path: Path) -> Path:
    """Where a file lies until it is whole; hidden, so that no listing takes it for one."""
    return path.with_name(f'.{path.name}{DRAFT_ENDING}')


def sweep_drafts(folder: Path) -> int:
    """Delete what a process that was killed has left in a folder nobody writes to; returns how many."""
    left = list(folder.glob(f'.*{DRAFT_ENDING}'))
    with refusing():
        for draft in left:
            draft.unlink(missing_ok=True)
    return len(left)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refusal(error: OSError) -> Refused:
    """What a client is told of a fault of the disk; the log is told of `error` itself."""
    return Refused('disk_full' if error.errno in NO_ROOM else 'not_kept')


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Raise faults of the disk as Refused, with the fault as cause."""
    try:
        yield
    except OSError as error:
        raise refusal(error) from error
