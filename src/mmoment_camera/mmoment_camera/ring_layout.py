"""What a frame ring looks like in memory, and what can go wrong with one.

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
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmoment_camera.errors import CameraError

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
CHANNELS_OF = {'bgr8': 3, 'mono8': 1}

# Indices into the header seen as u64.
VERSION, EPOCH, PID, WIDTH, HEIGHT, CHANNELS, SLOTS, STRIDE, NEWEST, CLOSED = range(1, 11)
# The same within an entry of the slot table.
BEGUN, DONE, CAPTURED, FLAGS = range(4)
LIVE_FLAG = 1

Pixels = npt.NDArray[np.uint8]


class FrameRingError(CameraError):
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
        if self.encoding not in CHANNELS_OF:
            raise FrameRingError(
                f"encoding '{self.encoding}' is unknown, choose one of: {', '.join(CHANNELS_OF)}"
            )
        if not (0 < self.width <= 16384 and 0 < self.height <= 16384):
            raise FrameRingError(
                f'a picture of {self.width}x{self.height} is out of range: 1 to 16384 pixels a side'
            )

    @property
    def channels(self) -> int:
        """Bytes per pixel."""
        return CHANNELS_OF[self.encoding]

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


def whole_pages(size: int) -> int:
    """`size` in bytes, rounded up to whole memory pages."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def slot_entry(slot: int) -> int:
    """Index of the slot's table entry in the header seen as u64."""
    return (SLOT_TABLE_OFFSET + slot * SLOT_ENTRY_BYTES) // 8


def pixels_offset(slot: int, stride: int) -> int:
    """Offset of the slot's pixels in the segment, bytes."""
    return HEADER_BYTES + slot * stride
