"""Pictures for encoders, what a decoder sees of their packets, and encoders that fail as told."""

from __future__ import annotations

import av
import cv2
import numpy as np

from mmoment_stream.encoder_backends import (
    SOFTWARE,
    AccessUnit,
    EncoderFault,
    EncoderSettings,
    EncoderUnusable,
    PyavEncoder,
)

SECOND_NS = 1_000_000_000
WIDTH, HEIGHT = 320, 180


def settings(width=WIDTH, height=HEIGHT, **more):
    """Settings for a small video."""
    values = {'fps': 30.0, 'bitrate_kbps': 800, 'keyframe_interval_s': 2.0, **more}
    return EncoderSettings(width, height, **values)


def scene(number, width=WIDTH, height=HEIGHT):
    """A coloured slope with structure, and a patch that moves: BGR."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    picture = np.stack(
        [across * 200 / width, down * 200 / height, 120 + 60 * np.sin(across / 9 + down / 7)],
        axis=2,
    ).astype(np.uint8)
    left = number * 5 % (width - width // 4)
    picture[height // 3 : height * 2 // 3, left : left + width // 4] = (40, 90, 220)
    return picture


class Shown:
    """A picture as a frame ring hands it out; `live` and `is_intact` as told."""

    def __init__(self, image, number=1, monotonic_ns=None, *, live=True, is_intact=True):
        self.image = image
        self.sequence = number
        self.monotonic_ns = number * SECOND_NS // 30 if monotonic_ns is None else monotonic_ns
        self.live = live
        self._is_intact = is_intact

    def intact(self):
        return self._is_intact


def decoded(chunks):
    """Frames of access units, in the order in which a decoder gives them."""
    decoder = av.CodecContext.create('h264', 'r')
    decoder.thread_count = 1
    frames = []
    for data in chunks:
        frames += decoder.decode(av.Packet(data))
    return frames + decoder.decode(None)


def planes_of(frame):
    """Planes of a decoded frame, as the encoder got them."""
    return frame.to_ndarray(format='yuv420p')


def likeness_db(first, second):
    """PSNR."""
    return cv2.PSNR(np.ascontiguousarray(first), np.ascontiguousarray(second))


class FakeClock:
    """Time stands still unless told."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


class FakeEncoder:
    """A fake hardware encoder: x264 behind another name. Fails once `fails_after` pictures came."""

    is_hardware = True
    follows_changes = False
    pictures_held = 4

    def __init__(self, name, wanted, *, fails_after=None, forces_keyframes=True):
        self.name = name
        self.forces_keyframes = forces_keyframes
        self.is_closed = False
        self._x264 = PyavEncoder(SOFTWARE, wanted)
        self._left = fails_after

    def encode(self, planes, pts, *, force_keyframe):
        if self._left == 0:
            raise EncoderFault(self.name, 'failed while encoding: it was told to')
        if self._left is not None:
            self._left -= 1
        return self._x264.encode(
            planes, pts, force_keyframe=force_keyframe and self.forces_keyframes
        )

    def change_bitrate(self, kbps):
        return False

    def close(self):
        self.is_closed = True


class FakeUnits:
    """A fake encoder without pictures: what is in `out` comes out, `delay` pictures later."""

    name = 'fake_units'
    is_hardware = True
    pictures_held = 1
    KEYFRAME, OTHER = b'\0\0\0\1\x67a\0\0\0\1\x68b\0\0\0\1\x65c', b'\0\0\0\1\x41d'

    def __init__(self, delay=0, *, forces_keyframes=True, follows_changes=True):
        self.forces_keyframes = forces_keyframes
        self.follows_changes = follows_changes
        self.delay = delay
        self.obeys = True
        self.swallows = set()
        self.forced = []
        self.kbps = []
        self.is_closed = False
        self._waiting = []
        self._count = 0

    def encode(self, planes, pts, *, force_keyframe):
        is_keyframe = not self._count or (force_keyframe and self.obeys)
        if force_keyframe:
            self.forced.append(self._count)
        if self._count not in self.swallows:
            self._waiting.append(AccessUnit(self.KEYFRAME if is_keyframe else self.OTHER, pts))
        self._count += 1
        out = self._waiting[: max(0, len(self._waiting) - self.delay)]
        del self._waiting[: len(out)]
        return out

    def change_bitrate(self, kbps):
        if not self.follows_changes:
            return False
        self.kbps.append(kbps)
        return True

    def close(self):
        self.is_closed = True


def unusable(name, fault='cannot be opened: it was told not to'):
    """An opener that refuses."""

    def refuse(wanted):
        raise EncoderUnusable(name, fault)

    return refuse


def refusal_of(opener, wanted):
    """Why an encoder cannot be opened here; None where it can."""
    try:
        opener(wanted).close()
    except EncoderUnusable as error:
        return error
    return None
