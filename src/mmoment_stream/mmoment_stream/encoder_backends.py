"""H.264 encoders by name, all used in the same way; these here are FFmpeg's, inside this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
import numpy.typing as npt
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.plane import VideoPlane

from mmoment_stream.errors import StreamError
from mmoment_stream.h264 import ParameterSetKeeper
from mmoment_stream.picture_planes import Planes, split

SOFTWARE = 'libx264'
TICKS_PER_S = 90_000
"""Of `pts`. QSV counts so whatever one asks for."""
LONGEST_KEYFRAME_INTERVAL_S = 10.0
# What PictureMaker makes, in the numbers of ITU-T H.273: BT.601 with 525 lines, limited range.
SMPTE170M = 6
LIMITED_RANGE = 1
# Bits that may come before their time: a keyframe is as large as many other pictures.
BUFFER_S = 1.0
# Bitrates that one libx264 can change between, as shares of the one it was opened for. x264 never
# exceeds what it was opened for, and keeps its buffer.
RAISED_AT_MOST, LOWERED_AT_MOST = 4, 1 / 8
# A driver may still read pictures whose packets are not out.
HELD_BY_DRIVERS = 4


class EncoderError(StreamError):
    """Something is wrong with an encoder; `fault` says what, in words that follow its name."""

    def __init__(self, name: str, fault: str) -> None:
        self.name = name
        self.fault = fault
        super().__init__(f'{name} {fault}')


class EncoderUnusable(EncoderError):
    """An encoder cannot be opened here."""


class EncoderFault(EncoderError):
    """An encoder failed while it was encoding; it is of no use any more."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What an encoder is opened for."""

    width: int  # pixels, even
    height: int  # pixels, even
    fps: float  # pictures per second that the bitrate is meant for
    bitrate_kbps: int
    keyframe_interval_s: float
    preset: str = 'superfast'  # of libx264
    threads: int = 1  # of libx264

    @property
    def keyframe_interval(self) -> int:
        """Pictures from one keyframe to the next."""
        return max(1, round(self.keyframe_interval_s * self.fps))


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded picture, Annex B."""

    data: bytes = field(repr=False)
    pts: int  # of its picture


class EncoderBackend(Protocol):
    """One opened encoder, used by one thread. Without B-frames: order in is order out."""

    name: str
    is_hardware: bool
    forces_keyframes: bool
    """Whether `force_keyframe` is heeded; otherwise keyframes come at their interval only."""
    follows_changes: bool
    """Whether bitrate and keyframe interval may change; otherwise that takes a new encoder."""
    pictures_held: int
    """Planes must stay as they are until so many pictures later."""

    def encode(self, planes: Planes, pts: int, *, force_keyframe: bool) -> list[AccessUnit]:
        """What comes out for this picture, I420, or for earlier ones. Raises `EncoderFault`.

        pts: in 1/90000 s, more than that of the picture before.
        """

    def change_bitrate(self, kbps: float) -> bool:
        """Aim at another bitrate from the next picture on; False if that takes a new encoder."""

    def close(self) -> None:
        """Release everything."""


Opener = Callable[[EncoderSettings], EncoderBackend]
"""Opens an encoder; raises `EncoderUnusable`."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one of FFmpeg's encoders is opened."""

    options: Mapping[str, str]
    pixel_format: str = 'yuv420p'


# Only what keeps pictures from being held back, and keyframes from being no entry points.
HARDWARE = {
    'h264_nvenc': Recipe(
        {
            'preset': 'p4',
            'tune': 'll',
            'rc': 'cbr',
            'zerolatency': '1',
            'delay': '0',
            'forced-idr': '1',
        }
    ),
    'h264_qsv': Recipe(
        {'preset': 'veryfast', 'async_depth': '1', 'look_ahead': '0', 'forced_idr': '1'}, 'nv12'
    ),
    'h264_v4l2m2m': Recipe({}),
}


class PyavEncoder:
    """One of FFmpeg's encoders through PyAV."""

    def __init__(self, name: str, settings: EncoderSettings) -> None:
        self.name = name
        self.is_hardware = name != SOFTWARE
        self.forces_keyframes = True
        self.follows_changes = not self.is_hardware
        self.pictures_held = HELD_BY_DRIVERS if self.is_hardware else 1
        self._opened_kbps = settings.bitrate_kbps
        self._recipe = HARDWARE[name] if self.is_hardware else _software_recipe(settings)
        self._context = _open(name, settings, self._recipe, is_hardware=self.is_hardware)
        self._keeper = ParameterSetKeeper()
        self._keeper.learn(self._context.extradata or b'')

    def encode(self, planes: Planes, pts: int, *, force_keyframe: bool) -> list[AccessUnit]:
        """See `EncoderBackend`."""
        frame = _frame(planes, self._recipe.pixel_format)
        frame.pts = pts
        if force_keyframe:
            frame.pict_type = PictureType.I
        try:
            packets = self._context.encode(frame)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise EncoderFault(self.name, f'failed while encoding: {reason_of(error)}') from error
        return [
            AccessUnit(
                self._keeper.complete(bytes(packet)), pts if packet.pts is None else packet.pts
            )
            for packet in packets
        ]

    def change_bitrate(self, kbps: float) -> bool:
        """See `EncoderBackend`."""
        share = kbps / self._opened_kbps
        if not self.follows_changes or not LOWERED_AT_MOST <= share <= RAISED_AT_MOST:
            return False
        self._context.bit_rate = round(kbps * 1000)
        return True

    def close(self) -> None:
        """See `EncoderBackend`."""
        # PyAV closes an encoder when nothing refers to it any more.
        del self._context


def _software_recipe(settings: EncoderSettings) -> Recipe:
    highest = settings.bitrate_kbps * 1000 * RAISED_AT_MOST
    return Recipe(
        {
            'preset': settings.preset,
            'tune': 'zerolatency',
            'forced-idr': '1',
            # Keyframes come when they are due, not when the scene changes.
            'sc_threshold': '0',
            'maxrate': str(highest),
            'bufsize': str(round(settings.bitrate_kbps * 1000 * BUFFER_S)),
        }
    )


def _open(
    name: str, settings: EncoderSettings, recipe: Recipe, *, is_hardware: bool
) -> VideoCodecContext:
    try:
        context = av.CodecContext.create(name, 'w')
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = settings.width, settings.height
        context.pix_fmt = recipe.pixel_format
        context.time_base = Fraction(1, TICKS_PER_S)
        context.framerate = Fraction(settings.fps).limit_denominator(1001)
        context.max_b_frames = 0
        context.color_range = LIMITED_RANGE
        context.colorspace = context.color_primaries = context.color_trc = SMPTE170M
        context.options = dict(recipe.options)
        if is_hardware:
            context.bit_rate = settings.bitrate_kbps * 1000
            context.gop_size = settings.keyframe_interval
            context.open()
            return context
        context.thread_count = settings.threads
        # The interval may still change: each keyframe is forced when it is due.
        context.gop_size = round(LONGEST_KEYFRAME_INTERVAL_S * settings.fps)
        # x264 lets the bitrate be changed up to its highest one, and only where it began with that.
        context.bit_rate = settings.bitrate_kbps * 1000 * RAISED_AT_MOST
        context.open()
        context.bit_rate = settings.bitrate_kbps * 1000
    except UnknownCodecError as error:
        raise EncoderUnusable(name, 'is not in this build of FFmpeg') from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise EncoderUnusable(name, f'cannot be opened: {reason_of(error)}') from error
    return context


def _frame(planes: Planes, pixel_format: str) -> VideoFrame:
    """Planes as a frame of FFmpeg: in place where that is possible, else a copy."""
    # PyAV takes a height that is no multiple of four for a smaller one, and so misplaces the colours.
    if pixel_format == 'yuv420p' and planes.shape[0] % 6 == 0:
        return VideoFrame.from_numpy_buffer(planes, format=pixel_format)
    brightness, first, second = split(planes)
    frame = VideoFrame(brightness.shape[1], brightness.shape[0], pixel_format)
    rows = [_rows(plane) for plane in frame.planes]
    rows[0][:, : brightness.shape[1]] = brightness
    if pixel_format == 'nv12':
        rows[1][:, 0 : brightness.shape[1] : 2] = first
        rows[1][:, 1 : brightness.shape[1] : 2] = second
    else:
        rows[1][:, : first.shape[1]] = first
        rows[2][:, : second.shape[1]] = second
    return frame


def _rows(plane: VideoPlane) -> npt.NDArray[np.uint8]:
    """The rows of a plane, with what pads them at their end."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]


def reason_of(error: Exception) -> str:
    """What FFmpeg said last if it is known, else the error, without the call that met it."""
    log = getattr(error, 'log', None)
    if log:
        return str(log[2]).strip().rstrip('.')
    return str(getattr(error, 'strerror', None) or error)


def pyav_openers() -> dict[str, Opener]:
    """The encoders of this module by name, libx264 included."""

    def opener(name: str) -> Opener:
        return lambda settings: PyavEncoder(name, settings)

    return {name: opener(name) for name in (*HARDWARE, SOFTWARE)}
