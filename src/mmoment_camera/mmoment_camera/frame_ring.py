"""The frame ring: pictures in shared memory, one writer, any number of readers.

One segment (a file of `/dev/shm`, mode 0600) holds one channel of pictures of one size.
The writer copies each picture once into the oldest slot; readers map the segment read-only
and look at the pixels in place. Nobody waits for anybody: a slow reader is overwritten,
and notices it. The memory layout is written down in `ring_layout`, the life of the segment in
`frame_segment`.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mmoment_camera import ring_layout as layout
from mmoment_camera.frame_segment import (
    PREFIX,
    SHARED_MEMORY_DIR,
    create_unnamed,
    give_name,
    path_of,
    ring_name,
    sweep,
    unlink_if_same,
)
from mmoment_camera.ring_layout import (
    DEFAULT_SLOTS,
    FrameOverwritten,
    FrameRingError,
    Geometry,
    NoRing,
    Pixels,
    RingInUse,
    SharedMemoryFull,
)

__all__ = [
    'DEFAULT_SLOTS',
    'PREFIX',
    'SHARED_MEMORY_DIR',
    'FrameOverwritten',
    'FrameRingError',
    'FrameRingReader',
    'FrameRingWriter',
    'Geometry',
    'NoRing',
    'Pixels',
    'RingFrame',
    'RingInUse',
    'SharedMemoryFull',
    'WrittenFrame',
    'ring_name',
    'sweep',
]


class WrittenFrame(NamedTuple):
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


def _pictures_in(memory: mmap.mmap, geometry: Geometry, slots: int, stride: int) -> list[Pixels]:
    """The slots of a mapped segment as arrays."""
    return [
        np.ndarray(geometry.shape, np.uint8, memory, offset=layout.pixels_offset(slot, stride))
        for slot in range(slots)
    ]


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
        if not layout.MIN_SLOTS <= slots <= layout.MAX_SLOTS:
            raise FrameRingError(
                f'a ring has {layout.MIN_SLOTS} to {layout.MAX_SLOTS} slots, not {slots}'
            )
        self.name = name
        self.geometry = geometry
        self.slots = slots
        self.epoch = secrets.randbits(63) | 1
        self._next = first_sequence
        self._fence = _Fence()
        self._stride = layout.whole_pages(geometry.picture_bytes)
        size = layout.pixels_offset(slots, self._stride)
        what = (
            f"frame ring '{name}' ({slots} x {geometry.width}x{geometry.height} "
            f'{geometry.encoding})'
        )
        self._fd = create_unnamed(name, size, what)
        try:
            self._map(size)
            self._fill_header()
            give_name(self._fd, name)
        except BaseException:
            os.close(self._fd)
            raise

    def _map(self, size: int) -> None:
        memory = mmap.mmap(self._fd, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
        self._memory = memory
        self._header = memoryview(memory)[: layout.HEADER_BYTES].cast('Q')
        self._pictures = _pictures_in(memory, self.geometry, self.slots, self._stride)

    def _fill_header(self) -> None:
        encoding = self.geometry.encoding.encode('ascii').ljust(layout.ENCODING_BYTES, b'\0')
        end = layout.ENCODING_OFFSET + layout.ENCODING_BYTES
        self._memory[layout.ENCODING_OFFSET : end] = encoding
        for index, value in (
            (layout.VERSION, layout.LAYOUT_VERSION),
            (layout.EPOCH, self.epoch),
            (layout.PID, os.getpid()),
            (layout.WIDTH, self.geometry.width),
            (layout.HEIGHT, self.geometry.height),
            (layout.CHANNELS, self.geometry.channels),
            (layout.SLOTS, self.slots),
            (layout.STRIDE, self._stride),
        ):
            self._header[index] = value
        self._memory[: len(layout.MAGIC)] = layout.MAGIC

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
        written = self._begin()
        np.copyto(self._pictures[written.slot], image)
        self._finish(written, monotonic_ns, live)
        return written

    @contextlib.contextmanager
    def slot(
        self, *, monotonic_ns: int, live: bool = True
    ) -> Iterator[tuple[Pixels, WrittenFrame]]:
        """The next slot, to be filled in place: no copy.

        Its old content is undefined. The picture is there for readers when the block ends;
        if the block raises, it never is.
        """
        written = self._begin()
        yield self._pictures[written.slot], written
        self._finish(written, monotonic_ns, live)

    def _begin(self) -> WrittenFrame:
        sequence = self._next
        slot = sequence % self.slots
        self._header[layout.slot_entry(slot) + layout.BEGUN] = sequence
        self._fence()
        self._next = sequence + 1
        return WrittenFrame(sequence, slot)

    def _finish(self, written: WrittenFrame, monotonic_ns: int, live: bool) -> None:
        header = self._header
        entry = layout.slot_entry(written.slot)
        header[entry + layout.CAPTURED] = monotonic_ns
        header[entry + layout.FLAGS] = layout.LIVE_FLAG if live else 0
        self._fence()
        header[entry + layout.DONE] = written.sequence
        header[layout.NEWEST] = written.sequence

    @property
    def next_sequence(self) -> int:
        """The sequence that the next picture will have."""
        return self._next

    def close(self) -> None:
        """Remove the segment. Readers keep what they have mapped."""
        if self._fd < 0:
            return
        self._header[layout.CLOSED] = 1
        unlink_if_same(path_of(self.name), self._fd)
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
        path = path_of(name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise NoRing(f"frame ring '{name}' cannot be opened: {error.strerror}") from error
        try:
            status = os.fstat(fd)
            # Another user could cut the file short under us, and reading it would end us.
            if status.st_uid != os.geteuid():
                raise NoRing(f"frame ring '{name}' belongs to another user")
            self._inode = status.st_ino
            size = status.st_size
            if size < layout.HEADER_BYTES:
                raise NoRing(f"'{name}' is too small for a frame ring")
            self._memory = mmap.mmap(fd, size, prot=mmap.PROT_READ)
        finally:
            os.close(fd)
        self._path = path
        self._fence = _Fence()
        self._header = memoryview(self._memory)[: layout.HEADER_BYTES].cast('Q')
        self._check(size)
        self.epoch: int = self._header[layout.EPOCH]
        self._pictures = _pictures_in(
            self._memory, self.geometry, self.slots, self._header[layout.STRIDE]
        )

    def _check(self, size: int) -> None:
        header = self._header
        if self._memory[: len(layout.MAGIC)] != layout.MAGIC:
            raise NoRing(f"'{self.name}' is no frame ring")
        if header[layout.VERSION] != layout.LAYOUT_VERSION:
            raise NoRing(
                f"frame ring '{self.name}' has layout {header[layout.VERSION]}, this reader knows "
                f'{layout.LAYOUT_VERSION}: run the same version of mmoment_camera on both sides'
            )
        encoding = self._memory[
            layout.ENCODING_OFFSET : layout.ENCODING_OFFSET + layout.ENCODING_BYTES
        ]
        try:
            self.geometry = Geometry(
                header[layout.WIDTH], header[layout.HEIGHT], encoding.rstrip(b'\0').decode('ascii')
            )
        except (FrameRingError, UnicodeDecodeError) as error:
            raise NoRing(f"frame ring '{self.name}' has a broken header: {error}") from error
        self.slots = int(header[layout.SLOTS])
        if (
            not layout.MIN_SLOTS <= self.slots <= layout.MAX_SLOTS
            or header[layout.CHANNELS] != self.geometry.channels
            or header[layout.STRIDE] < self.geometry.picture_bytes
            or size < layout.pixels_offset(self.slots, header[layout.STRIDE])
        ):
            raise NoRing(f"frame ring '{self.name}' has a broken header")

    def read(self, sequence: int) -> RingFrame:
        """The picture with this number, in place; raises `FrameOverwritten` if it is gone."""
        slot = sequence % self.slots
        entry = layout.slot_entry(slot)
        header = self._header
        if header[entry + layout.DONE] == sequence:
            self._fence()
            captured, flags = header[entry + layout.CAPTURED], header[entry + layout.FLAGS]
            frame = RingFrame(
                self._pictures[slot],
                sequence,
                captured,
                bool(flags & layout.LIVE_FLAG),
                header,
                entry + layout.BEGUN,
                self._fence,
            )
            if frame.intact():
                return frame
        raise FrameOverwritten(f"picture {sequence} of '{self.name}' is not there any more")

    def newest(self) -> RingFrame | None:
        """The newest complete picture, in place; None if there is none (any more)."""
        # A second look is needed only if the writer laps the whole ring between two lines.
        for _ in range(self.slots):
            sequence = self._header[layout.NEWEST]
            if sequence == 0:
                return None
            with contextlib.suppress(FrameOverwritten):
                return self.read(sequence)
        return None

    def is_current(self) -> bool:
        """False once the writer has left, or another segment bears this name."""
        if self._header[layout.CLOSED]:
            return False
        try:
            return os.stat(self._path).st_ino == self._inode
        except FileNotFoundError:
            return False
