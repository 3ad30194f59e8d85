"""Pictures to packets: the one H.264 encode of the camera, whatever becomes of its encoder."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from mmoment_stream.encoder_backends import (
    RAISED_AT_MOST,
    EncoderError,
    EncoderFault,
    EncoderSettings,
)
from mmoment_stream.encoder_choice import Choice, EncoderChooser
from mmoment_stream.encoder_figures import EncoderFigures, EncoderReport
from mmoment_stream.encoder_parameters import EncoderParameters
from mmoment_stream.encoder_run import EncoderRun, Origin
from mmoment_stream.picture_planes import (
    PictureTooSmall,
    Pixels,
    PlaneMaker,
    Planes,
    video_size,
)
from mmoment_stream.video_packet import VideoPacket

USUAL_SIZE = (1280, 720)
USUAL_KBPS, USUAL_FPS = 2500, 30.0
LOWEST_KBPS = 100
# Twice the pixels, or the pictures, need less than twice the bits: they have more in common.
KBPS_EXPONENT_OF_SIZE, KBPS_EXPONENT_OF_RATE = 0.75, 0.5
# What does not open now hardly does with the next picture.
RETRY_S = 1.0

Tell = Callable[[str, bool], None]
"""Takes a sentence for the log, and whether it is a warning."""


class Picture(Protocol):
    """A picture in a frame ring, as `FrameSubscriber` hands it out."""

    sequence: int
    monotonic_ns: int
    live: bool

    @property
    def image(self) -> Pixels:
        """BGR or grey, height first."""

    def intact(self) -> bool:
        """False if the picture was overwritten while it was read."""


class VideoEncoder:
    """Encodes for one thread; other threads may set `parameters`, ask for keyframes and figures.

    Changes take effect with the next picture. An encoder that fails is replaced by x264 with the
    very picture, in a new epoch.
    """

    def __init__(
        self,
        parameters: EncoderParameters,
        chooser: EncoderChooser,
        *,
        tell: Tell = lambda text, is_warning: None,
        limit_kbps: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """limit_kbps: the bitrate that is not to be exceeded for now; see `BitrateLimits`."""
        self.parameters = parameters
        self._chooser = chooser
        self._tell = tell
        self._limit_kbps = limit_kbps
        self._clock = clock
        self._figures = EncoderFigures()
        self._run: EncoderRun | None = None
        self._maker = PlaneMaker(*USUAL_SIZE)
        self._asked_for = parameters.encoder
        self._newest_ns = -1
        self._retry_s = float('-inf')
        self._told_fault = ''
        self._busy_since_s: float | None = None

    @property
    def busy_s(self) -> float:
        """For how long the encoder has had the picture that it is at; 0: it is at none."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else self._clock() - since_s

    def report(self) -> EncoderReport:
        """What the encoder is and how it does."""
        return self._figures.report(self._clock())

    def prepare(self) -> None:
        """Find out which encoder works, so that the first picture need not wait for that."""
        wanted = self.parameters
        self._chooser.prepare(wanted.encoder, settings_for(wanted, *USUAL_SIZE))

    def request_keyframe(self) -> bool:
        """Make the next picture a keyframe; False if this encoder makes them at its interval only."""
        run = self._run
        if run is None:
            # Each encoder begins with one.
            return True
        run.request_keyframe()
        return run.backend.forces_keyframes

    def encode(self, picture: Picture, utc_ns: int) -> list[VideoPacket]:
        """The packets that come out for this picture, or for earlier ones; none if that fails.

        utc_ns: its capture time on the wall. A picture that is not newer than the one before, or
        is overwritten while it is read, is left out.
        """
        began_s = self._clock()
        try:
            packets = self._encode(picture, utc_ns)
        except (EncoderError, PictureTooSmall) as error:
            self.release()
            self._retry_s = self._clock() + RETRY_S
            self._figures.lost(str(error))
            if str(error) != self._told_fault:
                self._told_fault = str(error)
                self._tell(self._told_fault, True)
            return []
        if packets:
            self._told_fault = ''
            size_bytes = sum(len(packet.data) for packet in packets)
            now_s = self._clock()
            self._figures.encoded(len(packets), size_bytes, now_s - began_s, now_s)
        return packets

    def release(self) -> None:
        """Let go of the encoder: nobody needs packets. `encode` opens one again."""
        run, self._run = self._run, None
        self._newest_ns = -1
        if run is not None:
            run.close()

    def _encode(self, picture: Picture, utc_ns: int) -> list[VideoPacket]:
        if picture.monotonic_ns <= self._newest_ns or self._clock() < self._retry_s:
            self._figures.lost()
            return []
        wanted = self.parameters
        settings = settings_for(wanted, *video_size(picture.image, wanted.maximum_height))
        run = self._run_for(wanted.encoder, settings)
        planes = self._maker.make(picture.image)
        if not picture.intact():
            self._figures.lost()
            return []
        self._newest_ns = picture.monotonic_ns
        origin = Origin(picture.monotonic_ns, utc_ns, picture.sequence, picture.live)
        try:
            return self._through(run, planes, origin)
        except EncoderFault as fault:
            if not run.backend.is_hardware:
                raise
            return self._through(self._replace(fault, settings), planes, origin)

    def _through(self, run: EncoderRun, planes: Planes, origin: Origin) -> list[VideoPacket]:
        self._busy_since_s = self._clock()
        try:
            return run.encode(planes, origin)
        finally:
            self._busy_since_s = None

    def _run_for(self, wanted: str, settings: EncoderSettings) -> EncoderRun:
        """The encoder that there is if it can go on with these settings, else a new one."""
        run = self._run
        if wanted != self._asked_for:
            self._chooser.reconsider(wanted)
            self._asked_for = wanted
        elif run is not None and run.adopt(self._limited(settings, run)):
            self._figures.aims_at(run.settings.bitrate_kbps)
            return run
        self.release()
        return self._begin(lambda opened: self._chooser.open(wanted, opened), settings)

    def _replace(self, fault: EncoderFault, settings: EncoderSettings) -> EncoderRun:
        """Go on with x264, because of this fault."""
        self._figures.failed(str(fault))
        self.release()
        return self._begin(lambda opened: self._chooser.substitute(fault, opened), settings)

    def _begin(
        self, choose: Callable[[EncoderSettings], Choice], settings: EncoderSettings
    ) -> EncoderRun:
        """Open one that need not be opened anew when the limit there may be lapses."""
        kbps, limit_kbps = settings.bitrate_kbps, self._limit_kbps()
        if limit_kbps is not None:
            # Opened for more, it would spend at once what its buffer then has.
            kbps = min(kbps, max(limit_kbps, math.ceil(kbps / RAISED_AT_MOST)))
        opened = replace(settings, bitrate_kbps=kbps)
        choice = choose(opened)
        run = EncoderRun(choice.backend, opened)
        limited = self._limited(settings, run)
        if not run.adopt(limited):
            run.close()
            choice = choose(limited)
            run = EncoderRun(choice.backend, limited)
        self._run = run
        self._maker = PlaneMaker(settings.width, settings.height, choice.backend.pictures_held)
        self._figures.chosen(choice, run.settings)
        size = f'{settings.width}x{settings.height}'
        self._tell(f'{choice.backend.name} for {size}: {choice.reason}', choice.is_substitute)
        return run

    def _limited(self, settings: EncoderSettings, run: EncoderRun) -> EncoderSettings:
        """These settings, with a bitrate that this encoder may have for now."""
        kbps, limit_kbps = settings.bitrate_kbps, self._limit_kbps()
        if limit_kbps is None:
            return settings
        limit_kbps = max(limit_kbps, LOWEST_KBPS)
        if run.backend.follows_changes:
            return replace(settings, bitrate_kbps=min(kbps, limit_kbps))
        # In steps of a half: each is another encoder, and the end of all clips.
        while kbps > limit_kbps:
            kbps = max(kbps // 2, LOWEST_KBPS)
        return replace(settings, bitrate_kbps=kbps)


def settings_for(parameters: EncoderParameters, width: int, height: int) -> EncoderSettings:
    """What to open an encoder for, for videos of this size in pixels."""
    threads = parameters.threads
    if not threads:
        is_large = width * height > USUAL_SIZE[0] * USUAL_SIZE[1]
        threads = 2 if is_large and (os.cpu_count() or 1) > 1 else 1
    return EncoderSettings(
        width=width,
        height=height,
        fps=parameters.fps,
        bitrate_kbps=parameters.bitrate_kbps or usual_kbps(width, height, parameters.fps),
        keyframe_interval_s=parameters.keyframe_interval_s,
        preset=parameters.preset,
        threads=threads,
    )


def usual_kbps(width: int, height: int, fps: float) -> int:
    """A bitrate at which superfast leaves few traces on usual scenes; sizes in pixels."""
    size = width * height / (USUAL_SIZE[0] * USUAL_SIZE[1])
    rate = fps / USUAL_FPS
    kbps = USUAL_KBPS * size**KBPS_EXPONENT_OF_SIZE * rate**KBPS_EXPONENT_OF_RATE
    return max(LOWEST_KBPS, round(kbps))
