"""Pictures that people send as files: JPEG, PNG or WebP bytes to a picture in memory.

The size is read from the header before anything is decoded, so that a small file which unfolds
to gigabytes costs nothing. Formats: JPEG (ISO/IEC 10918-1), PNG (W3C), WebP (RFC 9649).
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

from mmoment_vision.face_boxes import Picture

MIB = 1024 * 1024
# A picture of 32 megapixels, as telephones make them, is 20 MiB at most.
MOST_BYTES = 20 * MIB
MOST_PIXELS = 32_000_000
# A face fills a good part of a picture of one person: more pixels only take time.
LONGEST_SIDE_PX = 1920

PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
JPEG_MAGIC = b'\xff\xd8\xff'
JPEG_FILL, JPEG_SCAN, JPEG_END = 0xFF, 0xDA, 0xD9
# Start of frame, of whatever coding; C4, C8 and CC have another meaning.
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}
WEBP_LOSSY_START = b'\x9d\x01\x2a'
WEBP_LOSSLESS_START = 0x2F


class PictureError(ValueError):
    """A file that gives no picture. The text says why."""


def decode_picture(data: bytes, longest_side_px: int = LONGEST_SIDE_PX) -> Picture:
    """Picture (height, width, 3; uint8, BGR) of a JPEG, PNG or WebP file.

    Turned as its EXIF orientation says; transparency is left out. Larger pictures are shrunk to
    `longest_side_px`. Raises PictureError.
    """
    if not data:
        raise PictureError('the picture has no data')
    if len(data) > MOST_BYTES:
        raise PictureError(
            f'the picture has {len(data) / MIB:.1f} MiB; at most {MOST_BYTES // MIB} are taken'
        )
    width, height = picture_size(data)
    if width * height > MOST_PIXELS:
        raise PictureError(
            f'the picture has {width}x{height} pixels; at most {MOST_PIXELS // 1_000_000} million '
            'are taken: send a smaller one'
        )
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureError('the picture is damaged: it cannot be decoded') from error
    if picture is None:
        raise PictureError('the picture is damaged: it cannot be decoded')
    scale = longest_side_px / max(picture.shape[:2])
    if scale < 1:
        size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels as the header says, before it is turned by its EXIF orientation.

    Raises PictureError if it is no JPEG, PNG or WebP, or has no size.
    """
    try:
        if data.startswith(JPEG_MAGIC):
            width, height = _jpeg_size(data)
        elif data.startswith(PNG_MAGIC) and data[12:16] == b'IHDR':
            width, height = struct.unpack_from('>II', data, 16)
        elif data[:4] == b'RIFF' and data[8:12] == b'WEBP':
            width, height = _webp_size(data)
        else:
            raise PictureError('the picture is neither JPEG nor PNG nor WebP')
    except (struct.error, IndexError) as error:
        raise PictureError('the picture is damaged: its header is cut off') from error
    if not (width and height):
        raise PictureError('the picture is damaged: it has no size')
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != JPEG_FILL:
            raise PictureError('the picture is damaged: no JPEG marker where one must be')
        marker = data[at + 1]
        if marker == JPEG_FILL:
            at += 1
        elif marker in JPEG_FRAMES:
            height, width = struct.unpack_from('>HH', data, at + 5)
            return width, height
        elif marker in (JPEG_SCAN, JPEG_END):
            raise PictureError('the picture is damaged: a JPEG without a frame')
        elif marker in JPEG_WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + struct.unpack_from('>H', data, at + 2)[0]


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b'VP8X':
        width_low, width_high, height_low, height_high = struct.unpack_from('<HBHB', data, 24)
        return 1 + (width_low | width_high << 16), 1 + (height_low | height_high << 16)
    if kind == b'VP8L' and data[20] == WEBP_LOSSLESS_START:
        bits = struct.unpack_from('<I', data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b'VP8 ' and data[23:26] == WEBP_LOSSY_START:
        width, height = struct.unpack_from('<HH', data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise PictureError('the picture is damaged: no WebP picture where one must be')
