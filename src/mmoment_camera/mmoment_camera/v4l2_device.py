"""Asks a V4L2 device what it is and what it offers, by the kernel's own calls.

Numbers and layouts are those of linux/videodev2.h on 64-bit machines.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from mmoment_camera.errors import SourceError


def _request(direction: int, number: int, size: int) -> int:
    """The kernel's number of a video call (asm-generic/ioctl.h)."""
    return direction << 30 | size << 16 | ord('V') << 8 | number


READ, READ_WRITE = 2, 3
QUERY_CAPABILITY = (_request(READ, 0, 104), 104)
ENUMERATE_FORMATS = (_request(READ_WRITE, 2, 64), 64)
ENUMERATE_INTERVALS = (_request(READ_WRITE, 75, 52), 52)
CARD_NAME = slice(16, 48)
CAPABILITIES_OFFSET = 84
CAN_CAPTURE = 0x00000001
CAN_CAPTURE_PLANES = 0x00001000
CAN_STREAM = 0x04000000
BUFFER_TYPE_CAPTURE = 1
INTERVAL_DISCRETE = 1
MOST_ENTRIES = 64

# Pixel formats that we ask for, best first.
KNOWN_FORMATS = ('YUYV', 'MJPG')
# What USB 2 carries in practice; a camera that tells no rates is taken for one of these.
USB2_BYTES_PER_S = 24_000_000
YUYV_BYTES_PER_PIXEL = 2
# 29.97 is as good as 30.
RATE_TOLERANCE = 0.98


class NoCamera(SourceError):
    """The device is something else than a camera, now and for ever."""


@dataclass(frozen=True, slots=True)
class V4l2Offer:
    """What a device says about itself.

    card: the camera's name.
    rates: pixel format (four letters) -> highest pictures per second at the size asked for; 0 where
    the size is not offered, None where the device does not tell.
    """

    card: str
    rates: dict[str, float | None]


def list_devices(folder: Path = Path('/dev')) -> list[str]:
    """Paths of the video devices, lowest number first."""
    found = [path for path in folder.glob('video*') if re.fullmatch(r'video\d+', path.name)]
    return [str(path) for path in sorted(found, key=lambda path: int(path.name[5:]))]


def list_cameras(folder: Path = Path('/dev')) -> list[str]:
    """Those of the video devices from which pictures may come, lowest number first.

    A device that cannot be asked, being in use or forbidden, may be a camera.
    """
    return [path for path in list_devices(folder) if _may_be_camera(path)]


def _may_be_camera(path: str) -> bool:
    """False for a device that says that it is none: metadata, codecs, raw sensors."""
    try:
        rates = query(path, 0, 0).rates
    except NoCamera:
        return False
    except SourceError:
        return True
    return any(name in rates for name in KNOWN_FORMATS)


def query(path: str, width_px: int, height_px: int) -> V4l2Offer:
    """Open the device for a moment and ask.

    Raises SourceError, with what to do, where there is no usable camera behind the path.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as reason:
        raise SourceError(_open_sentence(path, reason)) from reason
    try:
        return _query(handle, path, width_px, height_px)
    finally:
        os.close(handle)


def _open_sentence(path: str, reason: OSError) -> str:
    """Why a device cannot be opened."""
    if reason.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f'{path} is not there: plug the camera in'
    if reason.errno in (errno.EACCES, errno.EPERM):
        return f'{path} is closed to this user: run `sudo usermod -aG video $USER`, log in again'
    if reason.errno == errno.EBUSY:
        return f'{path} is used by another program: end that one'
    return f'{path} cannot be opened: {reason.strerror}'


def _query(handle: int, path: str, width_px: int, height_px: int) -> V4l2Offer:
    """The questions themselves."""
    request, size = QUERY_CAPABILITY
    answer = bytearray(size)
    try:
        fcntl.ioctl(handle, request, answer)
    except OSError as reason:
        if reason.errno == errno.ENODEV:
            raise SourceError(f'{path} is not there: plug the camera in') from reason
        raise NoCamera(f'{path} is no camera: choose another device') from reason
    everything, own = struct.unpack_from('=II', answer, CAPABILITIES_OFFSET)
    able = own or everything
    if not able & (CAN_CAPTURE | CAN_CAPTURE_PLANES) or not able & CAN_STREAM:
        raise NoCamera(f'{path} delivers no pictures (a metadata or output device): choose another')
    card = bytes(answer[CARD_NAME]).partition(b'\0')[0].decode('utf-8', 'replace')
    rates: dict[str, float | None] = {}
    request, size = ENUMERATE_FORMATS
    for index in range(MOST_ENTRIES):
        entry = bytearray(size)
        struct.pack_into('=II', entry, 0, index, BUFFER_TYPE_CAPTURE)
        try:
            fcntl.ioctl(handle, request, entry)
        except OSError:
            break
        name = bytes(entry[44:48]).decode('latin-1')
        rates[name] = _highest_rate(handle, bytes(entry[44:48]), width_px, height_px)
    return V4l2Offer(card, rates)


def _highest_rate(handle: int, code: bytes, width_px: int, height_px: int) -> float | None:
    """Pictures per second in one format and size; 0: not offered; None: not told."""
    request, size = ENUMERATE_INTERVALS
    highest = 0.0
    for index in range(MOST_ENTRIES):
        entry = bytearray(size)
        struct.pack_into('=I4sII', entry, 0, index, code, width_px, height_px)
        try:
            fcntl.ioctl(handle, request, entry)
        except OSError as reason:
            return None if reason.errno == errno.ENOTTY else highest
        kind, numerator, denominator = struct.unpack_from('=III', entry, 16)
        if numerator:
            highest = max(highest, denominator / numerator)
        if kind != INTERVAL_DISCRETE:
            # A range: the first fraction is its shortest interval.
            break
    return highest


def choose_pixel_format(
    rates: dict[str, float | None], width_px: int, height_px: int, fps: float
) -> str:
    """MJPG or YUYV for this size and rate; '' where the device has neither.

    YUYV is preferred: no compression loss, and cheaper to unpack. It is taken where the device
    promises the rate, or, where it promises nothing, where USB 2 could carry it.
    """
    fitting = {name: rates[name] for name in KNOWN_FORMATS if name in rates}
    if not fitting:
        return ''
    for name, rate in fitting.items():
        if rate and rate >= fps * RATE_TOLERANCE:
            return name
    best = max(fitting, key=lambda name: fitting[name] or 0.0)
    if fitting[best]:
        return best
    fits_usb2 = width_px * height_px * YUYV_BYTES_PER_PIXEL * fps <= USB2_BYTES_PER_S
    wanted = 'YUYV' if fits_usb2 else 'MJPG'
    return wanted if wanted in fitting else best
