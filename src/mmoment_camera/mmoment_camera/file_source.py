"""The `file` source: a video played at its own speed, over and over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmoment_camera.decoded_frame import frame_to_bgr
from mmoment_camera.errors import SourceUnusable
from mmoment_camera.pacing import Pacer
from mmoment_camera.source import Picture, PictureSource, SourceSettings
from mmoment_camera.units import SECOND_NS

if TYPE_CHECKING:
    import av

FALLBACK_FPS = 25.0
# A file may pause for minutes between two stamps (screen recordings); nobody waits that long.
LONGEST_GAP_NS = SECOND_NS


class FileSource(PictureSource):
    """A video file, paced by its own time stamps and looped."""

    kind = 'file'

    def __init__(self, path: str, settings: SourceSettings) -> None:
        """Remember the file."""
        super().__init__(path, settings)
        self._path = path
        self._container: av.container.InputContainer | None = None
        self._frames: Iterator[tuple[av.VideoFrame, int]] | None = None
        self._pacer = Pacer()

    def open(self) -> None:
        """Open the file.

        Raises SourceUnusable where it is no video.
        """
        self._open_container()
        self._frames = self._play()

    def _open_container(self) -> av.container.InputContainer:
        """A fresh handle at the first picture."""
        import av

        try:
            container = av.open(self._path)
        except (av.FFmpegError, OSError) as reason:
            raise SourceUnusable(
                f'{self._path} cannot be played ({_reason(reason)}): give a video file'
            ) from reason
        self._container = container
        if not container.streams.video:
            raise SourceUnusable(f'{self._path} has no pictures in it: give a video file')
        stream = container.streams.video[0]
        stream.thread_type = 'AUTO'
        self.pixel_format = stream.codec_context.name.upper()
        return container

    def _play(self) -> Iterator[tuple[av.VideoFrame, int]]:
        """Pictures with their time in nanoseconds since the first one, growing over all rounds."""
        import av

        elapsed_ns = 0
        while True:
            container = self._container
            assert container is not None, 'read() before open()'
            stream = container.streams.video[0]
            period_ns = round(SECOND_NS / float(stream.average_rate or FALLBACK_FPS))
            last_ns: int | None = None
            try:
                for frame in container.decode(stream):
                    stamp_ns = None if frame.time is None else round(frame.time * SECOND_NS)
                    if last_ns is not None:
                        step_ns = period_ns if stamp_ns is None else stamp_ns - last_ns
                        elapsed_ns += min(max(0, step_ns), LONGEST_GAP_NS)
                    last_ns = (last_ns or 0) + period_ns if stamp_ns is None else stamp_ns
                    yield frame, elapsed_ns
            except (av.FFmpegError, OSError) as reason:
                # A damaged tail is common in recordings; a file with no picture at all is a fault.
                if last_ns is None:
                    raise SourceUnusable(
                        f'{self._path} cannot be decoded ({_reason(reason)})'
                    ) from reason
            if last_ns is None:
                raise SourceUnusable(f'{self._path} has no pictures in it: give a video file')
            elapsed_ns += period_ns
            container.close()
            self._open_container()

    def read(self) -> Picture:
        """The next picture, when its time has come."""
        assert self._frames is not None, 'read() before open()'
        frame, offset_ns = next(self._frames)
        image = frame_to_bgr(frame)
        return Picture(image, self._pacer.wait(offset_ns))

    def close(self) -> None:
        """Close the file."""
        self._frames = None
        container, self._container = self._container, None
        if container is not None:
            container.close()


def _reason(error: Exception) -> str:
    """FFmpeg's words without the number and the path in front of and behind them."""
    return getattr(error, 'strerror', None) or type(error).__name__
