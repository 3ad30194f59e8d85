"""Files of the store: whose they are, who has them open, and how a copy takes its place whole.

Beside the store lies `NAME.lock`: the process that writes holds an exclusive `flock` on it, which
the kernel drops however that process ends. Readers need none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from mmoment_chain.errors import StoreError, StoreUnusable
from mmoment_node.durable_files import create, sync_folder

FILE_MODE = 0o600
FOLDER_MODE = 0o700
# Everybody but the owner: nobody else reads sessions.
OTHERS = 0o077
# What link() says on FAT and the like.
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP)


class WriterLock:
    """The right to write the store at `path`. Raises StoreUnusable where another process has it."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f'{path.name}.lock')
        # Not truncated before the lock is had: the holder's number stands in it.
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode('ascii', 'replace').strip()
            os.close(self._fd)
            raise StoreUnusable(
                f'store {path} is in use by process {holder or "unknown"}: stop that camera, or '
                'give this one a store of its own'
            ) from None
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f'{os.getpid()}\n'.encode('ascii'), 0)
        except OSError:
            # The number only helps people; a full disk is told by what is to be written.
            pass

    def release(self) -> None:
        """Let the next one in. The file stays: removing it would let two in."""
        os.close(self._fd)


def prepare(path: Path) -> None:
    """Have folder and file, readable by their owner alone. Raises OSError."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        mode = os.fstat(fd).st_mode
        if mode & OTHERS:
            os.fchmod(fd, mode & 0o7777 & ~OTHERS)
    finally:
        os.close(fd)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A draft to fill, mode 0600, that becomes `path` when all went well, and goes otherwise.

    Raises StoreError where `path` exists or cannot be written.
    """
    draft = path.with_name(f'{path.name}.draft-{secrets.token_hex(8)}')
    try:
        if path.exists() or path.is_symlink():
            raise FileExistsError
        # In a folder that others may write, nobody can have put a file or link there beforehand.
        os.close(create(draft))
        try:
            yield draft
            with draft.open('rb') as file:
                os.fsync(file.fileno())
            # Replaces nothing, unlike a change of the name.
            os.link(draft, path, follow_symlinks=False)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise StoreError(f'{path} exists already: choose another name') from error
    except OSError as error:
        if error.errno in NO_HARD_LINKS:
            raise StoreError(
                f'{path} cannot be written: the disk has no hard links, as many sticks: choose a '
                'place on another disk, and copy the file from there'
            ) from error
        raise StoreError(
            f'{path} cannot be written ({error.strerror}): choose another place, or free some space'
        ) from error
