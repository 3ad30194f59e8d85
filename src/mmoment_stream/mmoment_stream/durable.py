"""Files that are there whole and for good, with a refusal that a client is told where the disk is at fault.

How they are written is in `mmoment_node.durable_files`. Only the user of the camera may read them.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mmoment_node import durable_files
from mmoment_stream.errors import Refused

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No blocks left, the quota is used up, or the file may not grow further."""


def keep(path: Path, data: bytes) -> None:
    """Have `data` in the file `path`, in place of what may be there, once this returns.

    Raises Refused: disk_full or not_kept; its cause says more than a client needs to know.
    """
    with refusing():
        durable_files.keep(path, data)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to be filled, which has its name once the block ends well and is gone otherwise.

    Raises Refused: disk_full or not_kept.
    """
    with refusing(), durable_files.new_file(path) as file:
        yield file


def sweep_drafts(folder: Path) -> int:
    """Delete what a process that was killed has left in a folder nobody writes to; returns how many."""
    left = durable_files.drafts_in(folder)
    with refusing():
        for draft in left:
            draft.unlink(missing_ok=True)
    return len(left)


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
