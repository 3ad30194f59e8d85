"""Pictures to the bytes of photo files, with what a photo says about itself in Exif (CIPA DC-008)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mmoment_stream.clip_summary import NS_PER_S
from mmoment_stream.errors import StreamError

Picture = NDArray[np.uint8]
"""Height x width (mono) or height x width x 3 (blue, green, red), 0..255."""
PhotoFormat = Literal['jpeg', 'webp']

MAKE = 'Mmoment'
UTC_OFFSET = '+00:00'
QUALITY = 90
"""Of JPEG; what differs from the picture is hardly seen."""
THUMBNAIL_SIDE_PX = 320
THUMBNAIL_QUALITY = 80
MONO_AXES = 2


class NoThumbnail(StreamError):
    """A clip whose first picture cannot be decoded."""


@dataclass(frozen=True, slots=True)
class PhotoStamp:
    """What a photo says about itself."""

    utc_ns: int  # capture time
    camera_id: str
    media_id: str  # 32 hex digits
    model: str
    software: str  # name and version


def encode_photo(
    picture: Picture, stamp: PhotoStamp, kind: PhotoFormat = 'jpeg', quality: int = QUALITY
) -> bytes:
    """The file of a photo. quality: 1 to 100."""
    output = io.BytesIO()
    _to_image(picture).save(output, kind, quality=quality, exif=_exif(stamp))
    return output.getvalue()


def picture_thumbnail(picture: Picture) -> bytes:
    """A small JPEG that says nothing about itself."""
    return _thumbnail(_to_image(picture))


def clip_thumbnail(path: Path) -> bytes:
    """The same of a clip: of its first keyframe. Raises NoThumbnail, or OSError."""
    try:
        with av.open(f'file:{path}', format='mp4') as container:
            frame = next(container.decode(video=0))
            return _thumbnail(frame.to_image())
    except OSError:
        raise
    except (av.FFmpegError, IndexError, StopIteration) as error:
        raise NoThumbnail(f'{path}: its first picture cannot be decoded') from error


def _to_image(picture: Picture) -> Image.Image:
    height, width = picture.shape[:2]
    if picture.ndim == MONO_AXES:
        mode, order = 'L', 'L'
    else:
        mode, order = 'RGB', 'BGR'
    pixels = np.ascontiguousarray(picture)
    return Image.frombuffer(mode, (width, height), pixels, 'raw', order, 0, 1)


def _thumbnail(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX))
    output = io.BytesIO()
    small.save(output, 'jpeg', quality=THUMBNAIL_QUALITY)
    return output.getvalue()


def _exif(stamp: PhotoStamp) -> Image.Exif:
    seconds, fraction_ns = divmod(stamp.utc_ns, NS_PER_S)
    moment = datetime.fromtimestamp(seconds, timezone.utc).strftime('%Y:%m:%d %H:%M:%S')
    fraction = f'{fraction_ns:09d}'[:6]
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = MAKE
    exif[ExifTags.Base.Model] = stamp.model
    exif[ExifTags.Base.Software] = stamp.software
    exif[ExifTags.Base.DateTime] = moment
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = details[ExifTags.Base.DateTimeDigitized] = moment
    details[ExifTags.Base.SubsecTime] = fraction
    details[ExifTags.Base.SubsecTimeOriginal] = fraction
    details[ExifTags.Base.SubsecTimeDigitized] = fraction
    details[ExifTags.Base.OffsetTime] = UTC_OFFSET
    details[ExifTags.Base.OffsetTimeOriginal] = UTC_OFFSET
    details[ExifTags.Base.OffsetTimeDigitized] = UTC_OFFSET
    details[ExifTags.Base.BodySerialNumber] = stamp.camera_id
    details[ExifTags.Base.ImageUniqueID] = stamp.media_id
    return exif
