"""The frame ring: pictures in shared memory, one writer, any number of readers.

One segment (a file of `/dev/shm`, mode 0600) holds one channel of pictures of one size.
The writer copies each picture once into the oldest slot; readers map the segment read-only
and look at the pixels in place. Nobody waits for anybody: a slow reader is overwritten,
and notices it.

Layout, version 1, native byte order, offsets in bytes:

====== ====== ==============================================================
offset type   content
====== ====== ==============================================================
0      u8[8]  magic ``MMFRAMES``
8      u64    layout version
16     u64    epoch: random, never 0, another one for each segment
24     u64    process id of the writer
32     u64    width, pixels
40     u64    height, pixels
48     u64    channels per pixel, each one byte
56     u64    number of slots
64     u64    distance between the pixels of two slots, bytes, whole pages
72     u64    newest sequence written whole; 0 before the first picture
80     u64    1 once the writer has left in good order
96     u8[16] encoding, ASCII, padded with zeros: ``bgr8`` or ``mono8``
256    -      slot table, 32 bytes a slot: u64 begun, u64 done, u64 capture
              time (CLOCK_MONOTONIC, ns), u64 flags (bit 0: live)
4096   -      pixels of slot 0, rows without padding; the others follow
====== ====== ==============================================================

Sequence `n` stands in slot `n % slots`. The writer sets `begun = n`, writes the pixels, then
sets `done = n`. A reader holds picture `n` as long as both are `n`; once it has used the
pixels it looks again, and throws its result away if `begun` has moved on.

The writer holds an exclusive `flock` on the segment for as long as it lives. The kernel
drops it with the process, `kill -9` included: a segment whose lock can be taken is dead, and
the next writer removes it. A segment gets its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHARED_MEMORY_DIR = '/dev/shm'
PREFIX = 'mmoment'
MAGIC = b'MMFRAMES'
LAYOUT_VERSION = 1

HEADER_BYTES = 4096
SLOT_TABLE_OFFSET = 256
SLOT_ENTRY_BYTES = 32
MIN_SLOTS = 3  # one being written, one complete, one being read
MAX_SLOTS = (HEADER_BYTES - SLOT_TABLE_OFFSET) // SLOT_ENTRY_BYTES
DEFAULT_SLOTS = 6  # a view stays good for 5 frame times: 160 ms at 30 Hz
ENCODING_OFFSET = 96
ENCODING_BYTES = 16
CHANNELS = {'bgr8': 3, 'mono8': 1}

# Indices into the header seen as u64.
_VERSION, _EPOCH, _PID, _WIDTH, _HEIGHT, _CHANNELS, _SLOTS, _STRIDE, _NEWEST, _CLOSED = range(1, 11)
# The same within an entry of the slot table.
_BEGUN, _DONE, _CAPTURED, _FLAGS = range(4)
_LIVE_FLAG = 1

_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}')

Pixels = npt.NDArray[np.uint8]


class FrameRingError(Exception):
    """Base class of what can go wrong with a frame ring; the text says what to do."""


class RingInUse(FrameRingError):
    """Another living process writes this channel."""


class SharedMemoryFull(FrameRingError):
    """The ring does not fit into the free shared memory."""


class NoRing(FrameRingError):
    """There is no (readable, well-formed) ring of this name."""


class FrameOverwritten(FrameRingError):
    """The slot was written again before the reader had finished with it."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Size and encoding of the pictures of a ring; width and height in pixels."""

    width: int
    height: int
    encoding: str = 'bgr8'

    def __post_init__(self) -> None:
        if self.encoding not in CHANNELS:
            raise FrameRingError(
                f"encoding '{self.encoding}' is unknown, choose one of: {', '.join(CHANNELS)}"
            )
        if not (0 < self.width <= 16384 and 0 < self.height <= 16384):
            raise FrameRingError(
                f'a picture of {self.width}x{self.height} is out of range: 1 to 16384 pixels a side'
            )

    @property
    def channels(self) -> int:
        """Bytes per pixel."""
        return CHANNELS[self.encoding]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the picture as an array: (height, width, 3), or (height, width) for mono8."""
        if self.channels == 1:
            return (self.height, self.width)
        return (self.height, self.width, self.channels)

    @property
    def picture_bytes(self) -> int:
        """Bytes of one picture."""
        return self.width * self.height * self.channels

    @classmethod
    def of(cls, image: Pixels) -> Geometry:
        """The geometry of a uint8 array of shape (height, width, 3) or (height, width)."""
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise FrameRingError(
                f'a picture is a uint8 array of shape (height, width[, 3]), '
                f'not {image.dtype} of shape {image.shape}'
            )
        if image.ndim == 3 and image.shape[2] != 3:
            raise FrameRingError(f'a colour picture has 3 channels, not {image.shape[2]}')
        encoding = 'mono8' if image.ndim == 2 else 'bgr8'
        return cls(image.shape[1], image.shape[0], encoding)


@dataclass(frozen=True, slots=True)
class WrittenFrame:
    """Where a picture was put."""

    sequence: int
    slot: int


class _Fence:
    """A full memory barrier for processors that reorder stores (arm64).

    Releasing one lock and then taking another orders everything before against everything
    after: the only barrier that plain Python gives without a compiled helper.
    """

    def __init__(self) -> None:
        self._first = threading.Lock()
        self._second = threading.Lock()

    def __call__(self) -> None:
        with self._first:
            pass
        with self._second:
            pass


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


def _path_of(name: str) -> str:
    # The name may arrive in a message: it must not lead out of the folder.
    if not _NAME.fullmatch(name):
        raise NoRing(f"'{name}' is no name of a frame ring")
    return os.path.join(SHARED_MEMORY_DIR, name)


def _whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _mib(size: int) -> str:
    return f'{size / 2**20:.1f} MiB'


def _lock(fd: int) -> bool:
    """Take the writer's lock of an open segment; False while a living writer holds it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_if_dead(path: str) -> bool:
    """Remove the segment at `path` if its writer is gone; False if it lives."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        if not _lock(fd):
            return False
        # Somebody may have put a new segment here between our open and our lock.
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                os.unlink(path)
        return True
    finally:
        os.close(fd)


def sweep() -> list[str]:
    """Remove every segment of this user whose writer is dead; returns their names."""
    prefix = f'{PREFIX}.{os.getuid()}.'
    removed = []
    for name in os.listdir(SHARED_MEMORY_DIR):
        path = os.path.join(SHARED_MEMORY_DIR, name)
        with contextlib.suppress(OSError):
            if name.startswith(prefix) and _remove_if_dead(path):
                removed.append(name)
    return removed


class FrameRingWriter:
    """The one writer of a channel.

    Raises `RingInUse` if a living process writes this channel, `SharedMemoryFull` if the ring
    does not fit. `first_sequence` continues the numbering of an earlier ring of the channel.
    """

    def __init__(
        self,
        name: str,
        geometry: Geometry,
        *,
        slots: int = DEFAULT_SLOTS,
        first_sequence: int = 1,
    ) -> None:
        if not MIN_SLOTS <= slots <= MAX_SLOTS:
            raise FrameRingError(f'a ring has {MIN_SLOTS} to {MAX_SLOTS} slots, not {slots}')
        self.name = name
        self.geometry = geometry
        self.slots = slots
        self.epoch = secrets.randbits(63) | 1
        self._path = _path_of(name)
        self._next = first_sequence
        self._stride = _whole_pages(geometry.picture_bytes)
        self._fence = _Fence()
        self._fd = self._create(HEADER_BYTES + slots * self._stride)

    def _create(self, size: int) -> int:
        # A file without a name cannot be left behind, whenever this process is killed.
        fd = os.open(SHARED_MEMORY_DIR, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd)
            if not self._reserve_name_free():
                raise RingInUse(self._in_use_text())
            self._reserve_memory(fd, size)
            self._map(fd, size)
            self._fill_header()
            self._link(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _reserve_name_free(self) -> bool:
        return _remove_if_dead(self._path)

    def _in_use_text(self) -> str:
        try:
            with open(self._path, 'rb') as segment:
                owner = int.from_bytes(segment.read(32)[24:32], 'little')
        except OSError:
            owner = 0
        return (
            f"frame ring '{self.name}' is written by process {owner}: "
            'stop that graph, or start this one in another namespace'
        )

    def _reserve_memory(self, fd: int, size: int) -> None:
        status = os.statvfs(SHARED_MEMORY_DIR)
        free = status.f_bavail * status.f_frsize
        text = (
            f"frame ring '{self.name}' ({self.slots} x {self.geometry.width}x{self.geometry.height}"
            f' {self.geometry.encoding}) needs {_mib(size)} of shared memory, {_mib(free)} are free'
            f' in {SHARED_MEMORY_DIR}: enlarge it (containers: --shm-size), or choose smaller'
            ' pictures or fewer slots'
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

    def _map(self, fd: int, size: int) -> None:
        memory = mmap.mmap(fd, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
        self._header = memoryview(memory)[:HEADER_BYTES].cast('Q')
        self._bytes = memory
        self._pictures: list[Pixels] = [
            np.ndarray(
                self.geometry.shape, np.uint8, memory, offset=HEADER_BYTES + slot * self._stride
            )
            for slot in range(self.slots)
        ]

    def _fill_header(self) -> None:
        encoding = self.geometry.encoding.encode('ascii').ljust(ENCODING_BYTES, b'\0')
        self._bytes[ENCODING_OFFSET : ENCODING_OFFSET + ENCODING_BYTES] = encoding
        for index, value in (
            (_VERSION, LAYOUT_VERSION),
            (_EPOCH, self.epoch),
            (_PID, os.getpid()),
            (_WIDTH, self.geometry.width),
            (_HEIGHT, self.geometry.height),
            (_CHANNELS, self.geometry.channels),
            (_SLOTS, self.slots),
            (_STRIDE, self._stride),
        ):
            self._header[index] = value
        self._bytes[: len(MAGIC)] = MAGIC

    def _link(self, fd: int) -> None:
        """Give the complete segment its name."""
        while True:
            try:
                # With a folder descriptor Python calls linkat(AT_SYMLINK_FOLLOW), which is
                # how an unnamed file is named; without one it would try to link the symlink.
                here = os.open(SHARED_MEMORY_DIR, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.link(f'/proc/self/fd/{fd}', self._path, src_dir_fd=here)
                finally:
                    os.close(here)
                return
            except FileExistsError:
                if not self._reserve_name_free():
                    raise RingInUse(self._in_use_text()) from None

    def write(self, image: Pixels, *, monotonic_ns: int, live: bool = True) -> WrittenFrame:
        """Copy one picture into the ring.

        `image` is a uint8 array of the ring's shape, `monotonic_ns` its capture time on
        CLOCK_MONOTONIC. Raises `FrameRingError` if the shape is another one.
        """
        if image.shape != self.geometry.shape or image.dtype != np.uint8:
            raise FrameRingError(
                f"frame ring '{self.name}' takes uint8 pictures of shape {self.geometry.shape}, "
                f'not {image.dtype} of shape {image.shape}'
            )
        with self.slot(monotonic_ns=monotonic_ns, live=live) as (pixels, written):
            np.copyto(pixels, image)
        return written

    @contextlib.contextmanager
    def slot(
        self, *, monotonic_ns: int, live: bool = True
    ) -> Iterator[tuple[Pixels, WrittenFrame]]:
        """The next slot, to be filled in place: no copy.

        Its old content is undefined. The picture is there for readers when the block ends;
        if the block raises, it never is.
        """
        sequence = self._next
        slot = sequence % self.slots
        entry = (SLOT_TABLE_OFFSET + slot * SLOT_ENTRY_BYTES) // 8
        header = self._header
        header[entry + _BEGUN] = sequence
        self._fence()
        self._next = sequence + 1
        yield self._pictures[slot], WrittenFrame(sequence, slot)
        header[entry + _CAPTURED] = monotonic_ns
        header[entry + _FLAGS] = _LIVE_FLAG if live else 0
        self._fence()
        header[entry + _DONE] = sequence
        header[_NEWEST] = sequence

    @property
    def next_sequence(self) -> int:
        """The sequence that the next picture will have."""
        return self._next

    def close(self) -> None:
        """Remove the segment. Readers keep what they have mapped."""
        if self._fd < 0:
            return
        self._header[_CLOSED] = 1
        with contextlib.suppress(FileNotFoundError):
            if os.stat(self._path).st_ino == os.fstat(self._fd).st_ino:
                os.unlink(self._path)
        os.close(self._fd)
        self._fd = -1


class RingFrame:
    """One picture of a ring, seen in place.

    `image` is a read-only uint8 array of shape (height, width, 3), or (height, width) for
    mono8, that lies in shared memory: the writer will overwrite it. Ask `intact()` after use.
    """

    __slots__ = ('image', 'live', 'monotonic_ns', 'sequence', '_begun', '_fence', '_header')

    def __init__(
        self,
        image: Pixels,
        sequence: int,
        monotonic_ns: int,
        live: bool,
        header: memoryview,
        begun: int,
        fence: _Fence,
    ) -> None:
        self.image = image
        self.sequence = sequence
        self.monotonic_ns = monotonic_ns
        self.live = live
        self._header = header
        self._begun = begun
        self._fence = fence

    def intact(self) -> bool:
        """True if everything read from `image` until now belongs to this picture."""
        self._fence()
        return bool(self._header[self._begun] == self.sequence)

    def copy(self, out: Pixels | None = None) -> Pixels:
        """A private copy of the picture, into `out` if given; raises `FrameOverwritten`."""
        if out is None:
            out = np.empty(self.image.shape, np.uint8)
        np.copyto(out, self.image)
        if not self.intact():
            raise FrameOverwritten(f'picture {self.sequence} was overwritten while it was copied')
        return out


class FrameRingReader:
    """Maps a ring read-only. Raises `NoRing` if there is none of this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        path = _path_of(name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise NoRing(f"frame ring '{name}' cannot be opened: {error.strerror}") from error
        try:
            self._inode = os.fstat(fd).st_ino
            size = os.fstat(fd).st_size
            if size < HEADER_BYTES:
                raise NoRing(f"'{name}' is too small for a frame ring")
            self._memory = mmap.mmap(fd, size, prot=mmap.PROT_READ)
        finally:
            os.close(fd)
        self._path = path
        self._fence = _Fence()
        self._header = memoryview(self._memory)[:HEADER_BYTES].cast('Q')
        self._check(size)
        self.epoch: int = self._header[_EPOCH]
        self.pictures: list[Pixels] = [
            np.ndarray(
                self.geometry.shape,
                np.uint8,
                self._memory,
                offset=HEADER_BYTES + slot * self._header[_STRIDE],
            )
            for slot in range(self.slots)
        ]

    def _check(self, size: int) -> None:
        header = self._header
        if self._memory[: len(MAGIC)] != MAGIC:
            raise NoRing(f"'{self.name}' is no frame ring")
        if header[_VERSION] != LAYOUT_VERSION:
            raise NoRing(
                f"frame ring '{self.name}' has layout {header[_VERSION]}, this reader knows "
                f'{LAYOUT_VERSION}: run the same version of mmoment_camera on both sides'
            )
        encoding = self._memory[ENCODING_OFFSET : ENCODING_OFFSET + ENCODING_BYTES]
        try:
            self.geometry = Geometry(
                header[_WIDTH], header[_HEIGHT], encoding.rstrip(b'\0').decode('ascii')
            )
        except (FrameRingError, UnicodeDecodeError) as error:
            raise NoRing(f"frame ring '{self.name}' has a broken header: {error}") from error
        self.slots = int(header[_SLOTS])
        if (
            not MIN_SLOTS <= self.slots <= MAX_SLOTS
            or header[_CHANNELS] != self.geometry.channels
            or header[_STRIDE] < self.geometry.picture_bytes
            or size < HEADER_BYTES + self.slots * header[_STRIDE]
        ):
            raise NoRing(f"frame ring '{self.name}' has a broken header")

    def read(self, sequence: int) -> RingFrame:
        """The picture with this number, in place; raises `FrameOverwritten` if it is gone."""
        slot = sequence % self.slots
        entry = (SLOT_TABLE_OFFSET + slot * SLOT_ENTRY_BYTES) // 8
        header = self._header
        if header[entry + _DONE] == sequence:
            self._fence()
            captured, flags = header[entry + _CAPTURED], header[entry + _FLAGS]
            frame = RingFrame(
                self.pictures[slot],
                sequence,
                captured,
                bool(flags & _LIVE_FLAG),
                header,
                entry + _BEGUN,
                self._fence,
            )
            if frame.intact():
                return frame
        raise FrameOverwritten(f"picture {sequence} of '{self.name}' is not there any more")

    def newest(self) -> RingFrame | None:
        """The newest complete picture, in place; None before the first one."""
        while True:
            sequence = self._header[_NEWEST]
            if sequence == 0:
                return None
            # Only a writer that laps the whole ring between two lines makes this loop turn.
            with contextlib.suppress(FrameOverwritten):
                return self.read(sequence)

    def is_current(self) -> bool:
        """False once the writer has left, or another segment bears this name."""
        if self._header[_CLOSED]:
            return False
        try:
            return os.stat(self._path).st_ino == self._inode
        except FileNotFoundError:
            return False
