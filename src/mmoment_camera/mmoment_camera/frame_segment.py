"""The shared-memory file behind a frame ring: its name, its lock, its end.

The writer holds an exclusive `flock` on the segment for as long as it lives. The kernel drops it
with the process, `kill -9` included: a segment whose lock can be taken is dead, and the next
writer removes it. A segment gets its name only when it is complete, so a half one is never seen.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import sys

from mmoment_camera.ring_layout import (
    PID,
    FrameRingError,
    NoRing,
    RingInUse,
    SharedMemoryFull,
)

SHARED_MEMORY_DIR = '/dev/shm'
PREFIX = 'mmoment'

_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}')


def ring_name(namespace: str, channel: str) -> str:
    """Name of the segment of a channel: one per user, ROS domain, namespace and channel."""
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    parts = [part for part in namespace.split('/') if part]
    name = '.'.join([PREFIX, str(os.getuid()), domain, *parts, channel])
    if not _NAME.fullmatch(name):
        raise FrameRingError(
            f"'{name}' is no name for a frame ring: letters, digits, '_', '-' and '.', "
            'at most 200 characters'
        )
    return name


def path_of(name: str) -> str:
    """Path of a segment; raises `NoRing` for a name that would lead out of the folder."""
    if not _NAME.fullmatch(name):
        raise NoRing(f"'{name}' is no name of a frame ring")
    return os.path.join(SHARED_MEMORY_DIR, name)


def sweep() -> list[str]:
    """Remove every segment of this user whose writer is dead; returns their names."""
    prefix = f'{PREFIX}.{os.getuid()}.'
    removed = []
    for name in os.listdir(SHARED_MEMORY_DIR):
        with contextlib.suppress(OSError, FrameRingError):
            if name.startswith(prefix) and remove_if_dead(os.path.join(SHARED_MEMORY_DIR, name)):
                removed.append(name)
    return removed


def remove_if_dead(path: str) -> bool:
    """Remove the segment at `path` if its writer is gone; False if it lives."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise FrameRingError(
            f"'{path}' is not a frame ring of this user ({error.strerror}): remove it"
        ) from error
    try:
        if not _lock(fd):
            return False
        # Somebody may have put a new segment here between our open and our lock.
        unlink_if_same(path, fd)
        return True
    finally:
        os.close(fd)


def unlink_if_same(path: str, fd: int) -> None:
    """Remove `path` if it still names the open file `fd`."""
    with contextlib.suppress(FileNotFoundError):
        if os.stat(path).st_ino == os.fstat(fd).st_ino:
            os.unlink(path)


def create_unnamed(name: str, size: int, what: str) -> int:
    """A locked file of `size` reserved bytes that nobody can open by name yet.

    Raises `RingInUse` if a living process holds the name, `SharedMemoryFull` if `what`, the
    description of the ring, does not fit.
    """
    _remove_the_dead(name)
    # A file without a name cannot be left behind, whenever this process is killed.
    fd = os.open(SHARED_MEMORY_DIR, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _lock(fd)
        _reserve(fd, size, what)
    except BaseException:
        os.close(fd)
        raise
    return fd


def give_name(fd: int, name: str) -> None:
    """Let others open the file by its name; raises `RingInUse` if another took it meanwhile."""
    # With a folder descriptor Python calls linkat(AT_SYMLINK_FOLLOW), which is how an unnamed
    # file is named; without one it would try to link the symbolic link.
    folder = os.open(SHARED_MEMORY_DIR, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            with contextlib.suppress(FileExistsError):
                os.link(f'/proc/self/fd/{fd}', path_of(name), src_dir_fd=folder)
                return
            _remove_the_dead(name)
    finally:
        os.close(folder)


def _lock(fd: int) -> bool:
    """Take the writer's lock of an open segment; False while a living writer holds it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_the_dead(name: str) -> None:
    path = path_of(name)
    if remove_if_dead(path):
        return
    owner = 'another process'
    with contextlib.suppress(OSError), open(path, 'rb') as segment:
        segment.seek(PID * 8)
        owner = f'process {int.from_bytes(segment.read(8), sys.byteorder)}'
    raise RingInUse(
        f"frame ring '{name}' is written by {owner}: "
        'stop that graph, or start this one in another namespace'
    )


def _reserve(fd: int, size: int, what: str) -> None:
    status = os.statvfs(SHARED_MEMORY_DIR)
    free = status.f_bavail * status.f_frsize
    text = (
        f'{what} needs {_mib(size)} of shared memory, {_mib(free)} are free in '
        f'{SHARED_MEMORY_DIR}: enlarge it (containers: --shm-size), or choose smaller pictures'
    )
    if free < size:
        raise SharedMemoryFull(text)
    try:
        # Reserved now, or the first write to a page that does not exist is a SIGBUS.
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.ENOMEM):
            raise SharedMemoryFull(text) from error
        raise


def _mib(size: int) -> str:
    return f'{size / 2**20:.1f} MiB'
