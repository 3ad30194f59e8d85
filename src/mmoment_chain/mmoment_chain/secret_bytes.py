"""Memory for secrets: locked, in no core dump, empty in child processes, wiped when closed.

Linux only. What Python copies out of such a buffer is no longer under its protection: work on
`view`, and let libraries write into it.
"""

from __future__ import annotations

import ctypes
import errno
import hmac
import mmap
import os
import resource
from types import TracebackType
from typing import NoReturn

# <linux/mman.h>: the memory of a forked child starts as zeros. Python's mmap does not name it.
MADV_WIPEONFORK = 18

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mlock.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


class SecretBytes:
    """A buffer of fixed size, zeros at first. Use it as a context manager, or close it.

    A refused lock does not hinder: then `locked` is false and the system may write the secret to
    its swap space; `lock_problem` says what to do about it. No text made here has the content.
    Raises OSError if the system gives no such memory.
    """

    __slots__ = ('_address', '_map', '_size', '_view', 'locked')

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError('a secret has at least one byte')
        self._size = size
        # Pages of its own: what is told to the kernel about them is told about nothing else.
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._map.madvise(mmap.MADV_DONTDUMP)
        self._map.madvise(MADV_WIPEONFORK)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        # Locked before there is anything in it.
        self.locked: bool = _LIBC.mlock(self._address, size) == 0
        self._view: memoryview | None = memoryview(self._map)

    @classmethod
    def taken_from(cls, source: bytearray) -> SecretBytes:
        """The content of `source`, which is wiped."""
        secret = cls(len(source))
        secret.view[:] = source
        source[:] = bytes(len(source))
        return secret

    @classmethod
    def random(cls, size: int) -> SecretBytes:
        """Bytes from the system's generator, as good as keys need them."""
        secret = cls(size)
        with open('/dev/urandom', 'rb', buffering=0) as source:
            if source.readinto(secret.view) != size:
                secret.close()
                raise OSError(errno.EIO, 'the random generator of the system gave too little')
        return secret

    @property
    def view(self) -> memoryview:
        """The bytes themselves, writable. Raises ValueError after `close`."""
        if self._view is None:
            raise ValueError('this secret was wiped')
        return self._view

    @property
    def closed(self) -> bool:
        """Whether the bytes are gone."""
        return self._view is None

    def matches(self, other: SecretBytes) -> bool:
        """Whether both hold the same bytes; takes the same time wherever they differ."""
        return hmac.compare_digest(self.view, other.view)

    def close(self) -> None:
        """Wipe, then give the memory back. A view that is still held shows zeros."""
        if self._view is None:
            return
        ctypes.memset(self._address, 0, self._size)
        try:
            self._view.release()
            self._map.close()
        except BufferError:
            # Somebody holds a view. The memory is freed with the last one; it is empty already.
            pass
        self._view = None

    def __len__(self) -> int:
        return self._size

    def __enter__(self) -> SecretBytes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'SecretBytes({"wiped" if self.closed else f"{self._size} bytes"})'

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError('a secret is neither copied nor written')


def lock_problem() -> str:
    """Why secrets of this process may reach the swap space, and what to do; empty: they cannot."""
    with SecretBytes(mmap.PAGESIZE) as probe:
        if probe.locked:
            return ''
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    return (
        f'no memory can be locked (RLIMIT_MEMLOCK is {limit} bytes): secrets may be written to '
        'swap space; raise the limit (LimitMEMLOCK= of a systemd unit, ulimits: memlock of a '
        'container), or encrypt the swap space'
    )


def wipe(*buffers: bytearray | memoryview) -> None:
    """Overwrite with zeros."""
    for buffer in buffers:
        buffer[:] = bytes(len(buffer))


def harden_process() -> None:
    """No core dumps of this process, and no other process of the same user looks into its memory.

    For processes that hold secrets, before they do. Unless it runs as root, the process itself
    then cannot open /proc/self/environ and its like either. Raises OSError if the system refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # <linux/prctl.h>. A program that pipes core dumps elsewhere gets none either.
    pr_set_dumpable = 4
    if _LIBC.prctl(pr_set_dumpable, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f'core dumps could not be switched off: {os.strerror(number)}')
