"""The `csi` source: a camera on the board's camera port, read through a GStreamer process.

The OpenCV and PyAV of the package index know neither NVIDIA's nor libcamera's cameras; GStreamer
does, with the vendor's plugin. `gst-launch-1.0` writes raw pictures into a pipe. A driver that
hangs or crashes takes that process with it, not this one.
"""

from __future__ import annotations

import fcntl
import os
import select
import shlex
import shutil
import subprocess
import tempfile
import time
from typing import IO

import cv2
import numpy as np

from mmoment_camera.errors import SourceError, SourceUnusable
from mmoment_camera.source import Picture, PictureSource, SourceSettings
from mmoment_node.guarded_program import guarded

LAUNCH, INSPECT = 'gst-launch-1.0', 'gst-inspect-1.0'
SIZE_CAPS = 'width={width},height={height},framerate={fps}/1'
# GStreamer element -> what makes raw pictures in ordinary memory with it.
KNOWN_PIPELINES = {
    'nvarguscamerasrc': (
        f'nvarguscamerasrc sensor-id={{sensor}} ! video/x-raw(memory:NVMM),{SIZE_CAPS} ! nvvidconv'
    ),
    'libcamerasrc': f'libcamerasrc ! video/x-raw,{SIZE_CAPS} ! videoconvert',
}
# I420 is half the bytes of BGR, and OpenCV unpacks it in under a millisecond at 720p.
END_OF_PIPELINE = (
    '! videoconvert ! video/x-raw,format=I420,width={width},height={height} '
    '! queue leaky=downstream max-size-buffers=1 ! fdsink sync=false fd={fd}'
)
# GStreamer pads I420 rows to 4 bytes, also in the half-width planes.
WIDTH_STEP_PX, HEIGHT_STEP_PX = 8, 2
PIPE_BYTES = 1024 * 1024
INSPECT_TIMEOUT_S = 5.0
END_TIMEOUT_S = 1.0
REASON_BYTES = 4096


def find_pipeline() -> str | None:
    """The pipeline for this board's camera port, or None where GStreamer has no plugin for one."""
    if shutil.which(LAUNCH) is None or shutil.which(INSPECT) is None:
        return None
    for element, pipeline in KNOWN_PIPELINES.items():
        try:
            found = subprocess.run(
                [INSPECT, '--exists', element],
                timeout=INSPECT_TIMEOUT_S,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            continue
        if found.returncode == 0:
            return pipeline
    return None


class CsiSource(PictureSource):
    """Raw pictures from a GStreamer pipeline in a process of its own."""

    kind = 'csi'

    def __init__(self, sensor: int, settings: SourceSettings) -> None:
        """Remember the sensor.

        sensor: which camera port, 0-based; used where the pipeline has a place for it.
        """
        super().__init__(f'csi:{sensor}', settings)
        self._sensor = sensor
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self._complaints: IO[bytes] | None = None
        self._planes = bytearray()

    def open(self) -> None:
        """Start the pipeline.

        Raises SourceUnusable where GStreamer, its plugin or the size is unfit.
        """
        settings = self.settings
        if settings.width_px % WIDTH_STEP_PX or settings.height_px % HEIGHT_STEP_PX:
            raise SourceUnusable(
                f'csi cannot deliver {settings.width_px}x{settings.height_px}: choose a width that '
                f'is a multiple of {WIDTH_STEP_PX} and an even height'
            )
        if shutil.which(LAUNCH) is None:
            raise SourceUnusable(
                f'csi needs {LAUNCH}: run `sudo apt install gstreamer1.0-tools` and install the '
                "camera's GStreamer plugin"
            )
        pipeline = settings.csi_pipeline or find_pipeline()
        if pipeline is None:
            raise SourceUnusable(
                f'csi needs one of the GStreamer plugins {", ".join(KNOWN_PIPELINES)}: install it, '
                'or set the parameter `csi_pipeline`'
            )
        self._start(pipeline)
        self._planes = bytearray(settings.width_px * settings.height_px * 3 // 2)
        self.pixel_format = 'I420'

    def _start(self, pipeline: str) -> None:
        """Run the pipeline with the write end of a pipe; it lives no longer than this thread."""
        settings = self.settings
        self._pipe, write_end = os.pipe()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close())
        try:
            os.set_blocking(self._pipe, False)
            if hasattr(fcntl, 'F_SETPIPE_SZ'):
                fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            text = f'{pipeline} {END_OF_PIPELINE}'.format(
                width=settings.width_px,
                height=settings.height_px,
                fps=round(settings.fps),
                sensor=self._sensor,
                fd=write_end,
            )
            self._process = subprocess.Popen(
                guarded([LAUNCH, '-q', *shlex.split(text)]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                pass_fds=(write_end,),
            )
        except (OSError, KeyError, IndexError, ValueError) as reason:
            raise SourceUnusable(f'csi pipeline cannot be started: {reason}') from reason
        finally:
            os.close(write_end)

    def read(self) -> Picture:
        """The next whole picture; stamped when its first byte came.

        Raises SourceError on silence and when the pipeline ends.
        """
        assert self._pipe is not None, 'read() before open()'
        deadline_s = time.monotonic() + self.settings.read_timeout_s
        view = memoryview(self._planes)
        filled, arrival_ns = 0, 0
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while filled < len(view):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not poll.poll(left_s * 1000):
                raise SourceError(
                    f'{self.description} sent no picture for {self.settings.read_timeout_s:g} s'
                    f'{self._last_words()}'
                )
            try:
                count = os.readv(self._pipe, [view[filled:]])
            except BlockingIOError:
                continue
            if count == 0:
                raise SourceError(f'{self.description}: pipeline ended{self._last_words()}')
            arrival_ns = arrival_ns or time.monotonic_ns()
            filled += count
        rows = self.settings.height_px * 3 // 2
        planes = np.frombuffer(self._planes, np.uint8).reshape(rows, self.settings.width_px)
        return Picture(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), arrival_ns)  # type: ignore[arg-type]

    def _last_words(self) -> str:
        """The pipeline's first complaint, for the error; empty where it said nothing."""
        if self._complaints is None:
            return ''
        self._complaints.seek(0)
        lines = self._complaints.read(REASON_BYTES).decode('utf-8', 'replace').splitlines()
        said = [line.strip() for line in lines if 'ERROR' in line or 'erroneous' in line]
        return f' ({said[0]})' if said else ''

    def close(self) -> None:
        """End the pipeline's process and reap it; kills it where it does not listen."""
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            os.close(pipe)
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        complaints, self._complaints = self._complaints, None
        if complaints is not None:
            complaints.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate, then kill; wait for each a moment."""
    for end in (process.terminate, process.kill):
        end()
        try:
            process.wait(END_TIMEOUT_S)
            return
        except subprocess.TimeoutExpired:
            continue
