"""Encoders that FFmpeg inside this process does not know: another program runs them, by pipes.

VA-API (Intel, AMD) is in the `ffmpeg` of Linux distributions, NVIDIA's encoder of Jetson boards in
the GStreamer of Jetson Linux. Neither can be told to make a keyframe, so their interval is short.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shlex
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import IO

from mmoment_node.guarded_program import guarded
from mmoment_stream.encoder_backends import (
    AccessUnit,
    EncoderFault,
    EncoderSettings,
    EncoderUnusable,
    Opener,
)
from mmoment_stream.encoder_framing import BadStream, FlvFraming, Framing, MultipartFraming
from mmoment_stream.picture_planes import Planes

VAAPI, JETSON = 'h264_vaapi', 'nvv4l2h264enc'
FFMPEG, LAUNCH, INSPECT = 'ffmpeg', 'gst-launch-1.0', 'gst-inspect-1.0'
KEYFRAME_WITHIN_S = 1.0
DEVICES = Path('/sys/class/drm')
VAAPI_DRIVERS = ('i915', 'xe', 'amdgpu', 'radeon')
PIPE_BYTES = 1024 * 1024
INSPECT_TIMEOUT_S = 5.0
# Longer than any program needs to load a driver.
SILENCE_S = 8.0
END_TIMEOUT_S = 1.0
REASON_BYTES = 4096


class PipeEncoder:
    """A program that reads I420 pictures at its input and writes access units to its output."""

    is_hardware = True
    forces_keyframes = False
    follows_changes = False
    pictures_held = 1

    def __init__(
        self,
        name: str,
        command: list[str],
        framing: Framing,
        settings: EncoderSettings,
        *,
        silence_s: float = SILENCE_S,
    ) -> None:
        """Start it, to live as long as this thread. Raises `EncoderUnusable`.

        silence_s: after that time without an answer it counts as hung.
        """
        self._silence_s = silence_s
        self.name = name
        self._framing = framing
        self._pending: deque[int] = deque()
        self._wait_s = 1.0 / settings.fps
        self._heard_s = time.monotonic()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close())
        try:
            self._process = subprocess.Popen(
                guarded(command),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
            )
        except OSError as error:
            self._complaints.close()
            raise EncoderUnusable(name, f'cannot be started: {error.strerror}') from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        for pipe in (self._input, self._output):
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def encode(self, planes: Planes, pts: int, *, force_keyframe: bool) -> list[AccessUnit]:
        """See `EncoderBackend`; waits for the picture to come out, but no longer than for the next."""
        if not self._pending:
            self._heard_s = time.monotonic()
        self._pending.append(pts)
        units: list[AccessUnit] = []
        left = planes.data.cast('B')
        until_s = time.monotonic() + self._wait_s
        while left or (self._pending and time.monotonic() < until_s):
            left = self._exchange(left, units, until_s)
            if time.monotonic() - self._heard_s > self._silence_s:
                fault = f'has given nothing for {self._silence_s:g} s{self._last_words()}'
                raise EncoderFault(self.name, fault)
        return units

    def change_bitrate(self, kbps: float) -> bool:
        """See `EncoderBackend`."""
        return False

    def close(self) -> None:
        """End the program and reap it; kill it where it does not listen."""
        for pipe in (self._input, self._output):
            pipe.close()
        for end in (self._process.terminate, self._process.kill):
            end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_TIMEOUT_S)
                break
        self._complaints.close()

    def _exchange(self, left: memoryview, units: list[AccessUnit], until_s: float) -> memoryview:
        """Write and read what is possible now, or wait until something is; returns what is left."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        if left:
            poll.register(self._input, select.POLLOUT)
        wait_s = self._silence_s if left else max(0.0, until_s - time.monotonic())
        for descriptor, _ in poll.poll(wait_s * 1000):
            if descriptor == self._output.fileno():
                units += self._read()
            else:
                left = left[self._write(left) :]
        return left

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._input.fileno(), data)
        except BlockingIOError:
            return 0
        except BrokenPipeError as error:
            raise EncoderFault(self.name, f'has ended{self._last_words()}') from error

    def _read(self) -> list[AccessUnit]:
        try:
            piece = os.read(self._output.fileno(), PIPE_BYTES)
        except BlockingIOError:
            return []
        if not piece:
            raise EncoderFault(self.name, f'has ended{self._last_words()}')
        try:
            found = self._framing.feed(piece)
        except BadStream as error:
            raise EncoderFault(self.name, f'has written {error}') from error
        if len(found) > len(self._pending):
            raise EncoderFault(self.name, 'has given more pictures than it got')
        if found:
            self._heard_s = time.monotonic()
        return [AccessUnit(data, self._pending.popleft()) for data in found]

    def _last_words(self) -> str:
        """What the program complained of last, for the error; empty where it said nothing."""
        self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, self._complaints.tell() - REASON_BYTES))
        lines = self._complaints.read().decode('utf-8', 'replace').splitlines()
        said = [line.strip() for line in lines if line.strip()]
        return f': {said[0]}' if said else ''


def ffmpeg_command(settings: EncoderSettings, encoder: Iterable[str]) -> list[str]:
    """Words that run `ffmpeg` with the options `encoder`; what comes out is for `FlvFraming`."""
    kbps = settings.bitrate_kbps
    # Not `-fflags nobuffer`: it throws the first picture away.
    text = (
        f'{FFMPEG} -hide_banner -loglevel error -nostats -nostdin '
        f'-f rawvideo -pixel_format yuv420p -video_size {settings.width}x{settings.height} '
        f'-framerate {_rate(settings)} -i pipe:0'
    )
    common = (
        f'-b:v {kbps}k -maxrate {kbps}k -bufsize {kbps}k -g {_interval(settings)} -bf 0 '
        '-colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m -color_range tv '
        '-flush_packets 1 -flvflags no_duration_filesize -f flv pipe:1'
    )
    return [*text.split(), *encoder, *common.split()]


def gstreamer_command(settings: EncoderSettings, encoder: str) -> list[str]:
    """Words that run GStreamer with the elements `encoder`; what comes out is for `MultipartFraming`."""
    width, height = settings.width, settings.height
    pixels = width * height
    # By itself GStreamer pads rows to four bytes.
    text = (
        f'{LAUNCH} -q fdsrc fd=0 blocksize={pixels * 3 // 2} ! rawvideoparse format=i420 '
        f'width={width} height={height} framerate={_rate(settings)} '
        f'plane-strides=<{width},{width // 2},{width // 2}> '
        f'plane-offsets=<0,{pixels},{pixels * 5 // 4}> frame-size={pixels * 3 // 2} '
        f'! {encoder} ! video/x-h264,stream-format=byte-stream,alignment=au '
        '! multipartmux ! fdsink fd=1'
    )
    return shlex.split(text)


def _rate(settings: EncoderSettings) -> str:
    rate = Fraction(settings.fps).limit_denominator(1001)
    return f'{rate.numerator}/{rate.denominator}'


def _interval(settings: EncoderSettings) -> int:
    return max(1, min(settings.keyframe_interval, round(KEYFRAME_WITHIN_S * settings.fps)))


def open_vaapi(settings: EncoderSettings) -> PipeEncoder:
    """Intel's or AMD's encoder, by `ffmpeg`. Raises `EncoderUnusable`."""
    device = _vaapi_device()
    if device is None:
        raise EncoderUnusable(VAAPI, 'needs a graphics processor of Intel or AMD')
    if shutil.which(FFMPEG) is None:
        raise EncoderUnusable(VAAPI, f'needs {FFMPEG}: run `sudo apt install ffmpeg`')
    words = f'-vaapi_device {device} -vf format=nv12,hwupload -c:v {VAAPI} -async_depth 1'
    return PipeEncoder(VAAPI, ffmpeg_command(settings, words.split()), FlvFraming(), settings)


def _vaapi_device() -> Path | None:
    """The first device with a driver that may have an encoder."""
    for render in sorted(DEVICES.glob('renderD*')):
        driver = render / 'device' / 'driver'
        if driver.exists() and driver.resolve().name in VAAPI_DRIVERS:
            return Path('/dev/dri') / render.name
    return None


def open_jetson(settings: EncoderSettings) -> PipeEncoder:
    """NVIDIA's encoder on Jetson boards, by GStreamer. Raises `EncoderUnusable`."""
    if not _has_element(JETSON):
        raise EncoderUnusable(JETSON, 'needs the GStreamer of Jetson Linux')
    interval = _interval(settings)
    encoder = (
        f'nvvidconv ! video/x-raw(memory:NVMM),format=NV12 ! {JETSON} control-rate=1 '
        f'bitrate={settings.bitrate_kbps * 1000} iframeinterval={interval} idrinterval={interval} '
        'insert-sps-pps=true insert-vui=true maxperf-enable=true preset-level=1'
    )
    return PipeEncoder(JETSON, gstreamer_command(settings, encoder), MultipartFraming(), settings)


def _has_element(name: str) -> bool:
    if shutil.which(LAUNCH) is None or shutil.which(INSPECT) is None:
        return False
    try:
        found = subprocess.run(
            [INSPECT, '--exists', name],
            timeout=INSPECT_TIMEOUT_S,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return found.returncode == 0


def pipe_openers() -> dict[str, Opener]:
    """The encoders of this module by name."""
    openers: dict[str, Callable[[EncoderSettings], PipeEncoder]] = {
        JETSON: open_jetson,
        VAAPI: open_vaapi,
    }
    return dict(openers)
