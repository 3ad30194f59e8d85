"""The `rtsp` source: a network camera that speaks RTSP, read through PyAV."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmoment_camera.arrival_clock import ArrivalClock
from mmoment_camera.decoded_frame import frame_to_bgr
from mmoment_camera.errors import NOT_TRIED_AGAIN, SourceError, SourceUnusable
from mmoment_camera.source import Picture, PictureSource, SourceSettings
from mmoment_camera.units import SECOND_NS

if TYPE_CHECKING:
    import av

# Do not collect pictures before the first is shown, nor wait for packets to come into order.
OPTIONS = {'flags': 'low_delay', 'reorder_queue_size': '0', 'fpsprobesize': '0'}
# Where Debian and its children keep the certificates they trust.
DEBIAN_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'
# FFmpeg holds one picture back and lets it go when its first time-out has passed; only the next
# call would tell of the silence, after another time-out.
SILENCE_SHARE = 0.95

DAMAGE_LIMIT = 10


class RtspSource(PictureSource):
    """A live stream; its end and its silence are faults."""

    kind = 'rtsp'

    def __init__(self, url: str, description: str, settings: SourceSettings) -> None:
        """Remember the camera.

        url: rtsp:// or rtsps://, with name and password where the camera asks for them.
        description: the same without them.
        """
        super().__init__(description, settings)
        self._url = url
        self._container: av.container.InputContainer | None = None
        self._frames: Iterator[av.VideoFrame] = iter(())
        self._clock = ArrivalClock()

    def open(self) -> None:
        """Connect and find the video.

        Raises SourceError with the reason in words, SourceUnusable for a wrong password; never
        with the address's password.
        """
        import av

        settings = self.settings
        options = OPTIONS | {'rtsp_transport': settings.rtsp_transport} | self._tls_options()
        started_s = time.monotonic()
        try:
            self._container = av.open(
                self._url,
                options=options,
                timeout=(settings.open_timeout_s, settings.read_timeout_s),
            )
        except (av.FFmpegError, OSError, ValueError) as reason:
            if time.monotonic() - started_s >= SILENCE_SHARE * settings.open_timeout_s:
                # FFmpeg tells of some time-outs as if the bytes it has not got were wrong.
                raise SourceError(self._sentence(TimeoutError())) from None
            raise self._fault(reason) from None
        if not self._container.streams.video:
            raise SourceError(f'{self.description} sends no video')
        stream = self._container.streams.video[0]
        # Slices, not whole frames: frame threads hold back one picture each.
        stream.thread_type = 'SLICE'
        self.pixel_format = stream.codec_context.name.upper()
        self._frames = self._container.decode(stream)

    def _tls_options(self) -> dict[str, str]:
        """FFmpeg verifies nothing unless told to, and then knows no authority by itself."""
        if not self.settings.verify_tls:
            return {'tls_verify': '0'}
        authorities = ssl.get_default_verify_paths().cafile or DEBIAN_AUTHORITIES
        return {'tls_verify': '1', 'ca_file': authorities}

    def read(self) -> Picture:
        """The next decoded picture.

        Raises SourceError at the end of the stream, on silence and on damage.
        """
        import av

        assert self._container is not None, 'read() before open()'
        asked_s = time.monotonic()
        for _ in range(DAMAGE_LIMIT):
            reason: Exception | None = None
            try:
                frame = next(self._frames, None)
            except (av.FFmpegError, OSError) as error:
                frame, reason = None, error
            if time.monotonic() - asked_s >= SILENCE_SHARE * self.settings.read_timeout_s:
                raise SourceError(self._sentence(TimeoutError()))
            if isinstance(reason, av.InvalidDataError):
                # A damaged packet ends the generator, not the stream.
                self._frames = self._container.decode(self._container.streams.video[0])
                continue
            if reason is not None:
                raise self._fault(reason)
            if frame is None:
                raise SourceError(f'{self.description} has ended the stream')
            return Picture(frame_to_bgr(frame), self._stamp_ns(frame))
        raise SourceError(f'{self.description} sends something that is no video')

    def _stamp_ns(self, frame: av.VideoFrame) -> int:
        """Capture time of a frame that has just been decoded, CLOCK_MONOTONIC."""
        arrival_ns = time.monotonic_ns()
        if frame.time is None:
            return arrival_ns
        return self._clock.capture_ns(round(frame.time * SECOND_NS), arrival_ns)

    def _fault(self, reason: Exception) -> SourceError:
        """What went wrong, and whether another attempt may help."""
        import av

        if isinstance(reason, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
            return SourceUnusable(
                f'{self.description} refuses the name and password: put them in as '
                f'rtsp://NAME:PASSWORD@HOST/...; {NOT_TRIED_AGAIN}'
            )
        return SourceError(self._sentence(reason))

    def _sentence(self, reason: Exception) -> str:
        """What went wrong, in our words: FFmpeg's texts carry the address with its password."""
        import av

        name = self.description
        if isinstance(reason, av.HTTPNotFoundError):
            return f"{name} has no stream under this path: look it up in the camera's manual"
        if isinstance(reason, ConnectionRefusedError):
            return f'{name} refuses the connection: check address, port and that RTSP is on'
        if isinstance(reason, av.ExitError | TimeoutError):
            limit_s = (
                self.settings.read_timeout_s if self._container else (self.settings.open_timeout_s)
            )
            return f'{name} sent nothing for {limit_s:g} s'
        if isinstance(reason, av.InvalidDataError):
            return f'{name} sends something that is no video'
        words = getattr(reason, 'strerror', None) or type(reason).__name__
        if self._url.lower().startswith('rtsps:') and self.settings.verify_tls:
            words += '; if its certificate is self-made, see the parameter `verify_tls`'
        return f'{name} failed: {words}'

    def close(self) -> None:
        """Hang up."""
        self._frames = iter(())
        container, self._container = self._container, None
        if container is not None:
            container.close()
